"""What each event does to a profile's state. No moment is opened here."""

from collections.abc import Callable
from typing import Any

from processors import profile as bounds
from processors.catalogue import ProductFacts
from processors.ids import short_hash
from processors.localtime import DAY_MS, HOUR_MS
from processors.profile import Interest, Line, Order, Profile
from schemas import structs as e

SESSION_GAP_MS = 30 * 60_000
"""A pause this long ends a session (GA4's default)."""

PASSIVE = frozenset({
    e.PaymentFailed, e.Refund, e.OrderStatus, e.ConsentChange, e.EmailIgnored, e.EmailOpened,
    e.VoucherIssued, e.ProfileUpdate, e.ErasureRequested, e.Logout, e.PushPrompt,
    e.ReminderCancelled,
})  # fmt: skip
"""Events that the user did not cause on the site: they are not activity."""

Lookup = Callable[[str], ProductFacts | None]
"""A product as of the event's time."""


def reduce(profile: Profile, event: e.ShopEvent, active_at: int, lookup: Lookup) -> bool:
    """Applies ``event`` at its own time; as activity it counts at ``active_at`` (ms).

    Answers ``False`` for a producer's retry of an event already applied.
    """
    kind, at, recent = type(event), event.occurred_at, profile.recent
    mark = short_hash(event.event_id)
    if mark in recent:
        return False
    recent.append(mark)
    if len(recent) > bounds.MAX_RECENT:
        del recent[0]
    if event.timezone is not None:
        profile.timezone = event.timezone
    if event.locale is not None:
        profile.locale = event.locale
    if event.user_id is not None:
        profile.known = True
    if at < profile.first_at or not profile.first_at:
        profile.first_at = at
    if kind not in PASSIVE:
        touch(profile, active_at)
        column = _COLUMN.get(kind, 0)
        _bump(profile.hours, at // HOUR_MS, column, bounds.MAX_HOURS, 5)
        day = _bump(profile.days, at // DAY_MS, column, bounds.MAX_DAYS, 6)
        if isinstance(event, e.Purchase):
            day[5] += event.value
    reducer = _REDUCERS.get(kind)
    if reducer is not None:
        reducer(profile, event, lookup)
    return True


def touch(profile: Profile, at: int) -> None:
    """Activity at ``at`` (ms)."""
    last = profile.active_at if profile.sessions else 0  # a subscription alone is no activity
    if at > last:
        if at - last >= SESSION_GAP_MS:
            profile.sessions += 1
            profile.session_at = at
            profile.again = []
            profile.awaited = profile.looked_at = 0
        profile.prior_at = last
        profile.active_at = at
    elif profile.prior_at < at < last:
        profile.prior_at = at


_ORDERS = 4
_COLUMN: dict[type, int] = {e.ViewItem: 2, e.AddToCart: 3, e.Purchase: _ORDERS}


def _bump(buckets: list[list[int]], slot: int, column: int, most: int, width: int) -> list[int]:
    """Counts an event in its hour or day; answers the bucket."""
    if buckets and buckets[-1][0] == slot:
        bucket = buckets[-1]
    else:
        bucket = _bucket(buckets, slot, most, width)
    bucket[1] += 1
    if column:
        bucket[column] += 1
    return bucket


def _bucket(buckets: list[list[int]], slot: int, most: int, width: int) -> list[int]:
    newest = max(slot, buckets[-1][0]) if buckets else slot
    while buckets and buckets[0][0] <= newest - most:
        del buckets[0]
    place = len(buckets)
    while place and buckets[place - 1][0] > slot:
        place -= 1
    if place and buckets[place - 1][0] == slot:
        return buckets[place - 1]
    bucket = [slot] + [0] * (width - 1)
    if slot > newest - most:
        buckets.insert(place, bucket)
    return bucket


def offered_price(lookup: Lookup, product_id: str, variant_id: str | None) -> int | None:
    facts = lookup(product_id)
    return None if facts is None else facts.offer(variant_id).price


def _view_item(profile: Profile, event: e.ViewItem, lookup: Lookup) -> None:
    facts = lookup(event.product_id)
    price, out = event.price, event.available is False
    category = event.category
    if facts is not None:
        if price is None:
            price = facts.offer(event.variant_id).price
        if event.available is None:
            out = facts.available(event.variant_id) is False
        category = category or facts.category
    if category is not None:
        _see_category(profile, category, event.occurred_at)
    seen = Interest(event.product_id, event.variant_id, event.occurred_at, price, out)
    if len(profile.again) < bounds.MAX_AGAIN and _viewed_since(profile, event):
        profile.again.append(event.product_id)
    _put_interest(profile.viewed, seen, bounds.MAX_VIEWED)


def _viewed_since(profile: Profile, event: e.ViewItem) -> bool:
    """Whether the product was viewed in this session already."""
    began, product_id = profile.session_at, event.product_id
    if event.occurred_at < began:
        return False
    for interest in reversed(profile.viewed):
        if interest.at < began:
            return False
        if interest.product_id == product_id:
            return True
    return False


def _see_category(profile: Profile, category: str, at: int) -> None:
    categories = profile.categories
    views, newest = categories.get(category, (0, 0))
    categories[category] = (views + 1, max(newest, at))
    if len(categories) > bounds.MAX_CATEGORIES:
        oldest = min(categories.items(), key=lambda item: (item[1][1], item[0]))
        del categories[oldest[0]]


def _put_interest(interests: list[Interest], new: Interest, most: int) -> None:
    """Keeps the list in order of time; a product seen again is there once, as seen last."""
    product_id = new.product_id
    for place, old in enumerate(interests):
        if old.product_id == product_id and old.variant_id == new.variant_id:
            new.views += old.views
            if old.at > new.at:
                old.views = new.views
                return
            del interests[place]
            break
    place = len(interests)
    while place and interests[place - 1].at > new.at:
        place -= 1
    interests.insert(place, new)
    if len(interests) > most:
        del interests[0]


def _add_to_wishlist(profile: Profile, event: e.AddToWishlist, lookup: Lookup) -> None:
    _save(profile.saved, event, lookup, bounds.MAX_SAVED)


def _stock_alert_requested(profile: Profile, event: e.StockAlertRequested, lookup: Lookup) -> None:
    _save(profile.asked, event, lookup, bounds.MAX_ASKED)


def _save(
    interests: list[Interest],
    event: e.AddToWishlist | e.StockAlertRequested,
    lookup: Lookup,
    most: int,
) -> None:
    price = event.price
    if price is None:
        price = offered_price(lookup, event.product_id, event.variant_id)
    new = Interest(event.product_id, event.variant_id, event.occurred_at, price)
    _put_interest(interests, new, most)


def _remove_from_wishlist(profile: Profile, event: e.RemoveFromWishlist, lookup: Lookup) -> None:
    profile.saved = [
        interest
        for interest in profile.saved
        if interest.product_id != event.product_id
        or interest.variant_id != event.variant_id
        or interest.at > event.occurred_at
    ]


def _find(profile: Profile, product_id: str, variant_id: str | None) -> Line | None:
    for line in profile.cart:
        if line.product_id == product_id and line.variant_id == variant_id:
            return line
    return None


def _add_to_cart(profile: Profile, event: e.AddToCart, lookup: Lookup) -> None:
    if event.category is not None:
        _see_category(profile, event.category, event.occurred_at)
    if event.occurred_at <= profile.bought_at:
        return
    line = _find(profile, event.product_id, event.variant_id)
    if line is not None and event.occurred_at < line.changed_at:
        return
    others = [other for other in profile.cart if other is not line]
    changes = profile.currency not in (None, event.currency)
    profile.mixed = bool(others) and (profile.mixed or changes)
    profile.currency = event.currency
    if line is not None:
        line.quantity += event.quantity
        line.price = event.price
        line.changed_at = event.occurred_at
        return
    _put_line(
        profile,
        Line(event.product_id, event.variant_id, event.quantity, event.price, event.occurred_at),
    )


def _put_line(profile: Profile, line: Line) -> None:
    profile.cart.append(line)
    if len(profile.cart) > bounds.MAX_CART:
        oldest = min(range(len(profile.cart)), key=lambda place: profile.cart[place].changed_at)
        del profile.cart[oldest]


def _remove_from_cart(profile: Profile, event: e.RemoveFromCart, lookup: Lookup) -> None:
    line = _find(profile, event.product_id, event.variant_id)
    if line is None or event.occurred_at < line.changed_at:
        return
    if event.quantity is None or event.quantity >= line.quantity:
        profile.cart.remove(line)
    else:
        line.quantity -= event.quantity
        line.changed_at = event.occurred_at


def _cart_snapshot(profile: Profile, event: e.CartSnapshot, lookup: Lookup) -> None:
    at = event.occurred_at
    newer = [line for line in profile.cart if line.changed_at > at]
    if at <= profile.bought_at:
        profile.cart = newer
        return
    kept = {(line.product_id, line.variant_id) for line in newer}
    changes = profile.currency not in (None, event.currency)
    profile.mixed = bool(newer) and (profile.mixed or changes)
    profile.currency = event.currency
    profile.cart = newer
    for item in event.items:
        if (item.product_id, item.variant_id) not in kept:
            line = Line(item.product_id, item.variant_id, item.quantity, item.price, at)
            _put_line(profile, line)


def _purchase(profile: Profile, event: e.Purchase, lookup: Lookup) -> None:
    at = event.occurred_at
    profile.bought_at = max(profile.bought_at, at)
    profile.cart = [line for line in profile.cart if line.changed_at > at]
    bought = {item.product_id for item in event.items}
    profile.asked = [i for i in profile.asked if i.product_id not in bought or i.at > at]
    if any(order.order_id == event.order_id for order in profile.orders):
        return
    profile.order_count += 1
    products = list(dict.fromkeys(item.product_id for item in event.items))[:MAX_ORDER_PRODUCTS]
    profile.orders.append(Order(event.order_id, at, event.value, event.currency, products))
    profile.orders.sort(key=lambda order: order.at)
    del profile.orders[: -bounds.MAX_ORDERS]


MAX_ORDER_PRODUCTS = 20


def _profile_update(profile: Profile, event: e.ProfileUpdate, lookup: Lookup) -> None:
    for name, value in event.traits.items():
        if value is None:
            profile.traits.pop(name, None)
        elif name in profile.traits or len(profile.traits) < bounds.MAX_TRAITS:
            profile.traits[name] = list(value) if isinstance(value, tuple) else value
    language = event.traits.get("language")
    if isinstance(language, str) and event.locale is None:
        profile.locale = language


def _consent_change(profile: Profile, event: e.ConsentChange, lookup: Lookup) -> None:
    purpose = event.purpose.value
    if event.occurred_at >= profile.consents.get(purpose, (False, 0))[1]:
        profile.consents[purpose] = (event.granted, event.occurred_at)


def _engagement(profile: Profile, event: e.Engagement, lookup: Lookup) -> None:
    if event.occurred_at >= profile.present_at:
        profile.present_at = event.occurred_at
        profile.onsite = event.onsite


def _topic(profile: Profile, event: e.TopicFollow | e.TopicUnfollow, lookup: Lookup) -> None:
    """What was said last holds, whenever it comes."""
    topics, at = profile.topics, event.occurred_at
    if at < abs(topics.get(event.topic, 0)):
        return
    topics[event.topic] = at if isinstance(event, e.TopicFollow) else -at
    if len(topics) > bounds.MAX_TOPICS:
        del topics[min(topics, key=lambda topic: (abs(topics[topic]), topic))]


_REDUCERS: dict[type, Callable[[Profile, Any, Lookup], None]] = {
    e.ViewItem: _view_item,
    e.AddToWishlist: _add_to_wishlist,
    e.StockAlertRequested: _stock_alert_requested,
    e.RemoveFromWishlist: _remove_from_wishlist,
    e.AddToCart: _add_to_cart,
    e.RemoveFromCart: _remove_from_cart,
    e.CartSnapshot: _cart_snapshot,
    e.Purchase: _purchase,
    e.ProfileUpdate: _profile_update,
    e.ConsentChange: _consent_change,
    e.TopicFollow: _topic,
    e.TopicUnfollow: _topic,
    e.Engagement: _engagement,
}
