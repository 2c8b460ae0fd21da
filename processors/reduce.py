"""What each event does to a profile's state. No moment is opened here."""

from collections.abc import Callable
from typing import Any, NamedTuple

from processors import bounds
from processors.cart import add_to_cart, cart_snapshot, knows_order, purchase, remove_from_cart
from processors.catalogue import topic_subject
from processors.interests import (
    Shelf,
    add_to_wishlist,
    remove_from_wishlist,
    stock_alert_requested,
    view_item,
)
from processors.localtime import DAY_MS, HOUR_MS
from processors.marks import marked
from processors.profile import Profile
from schemas import structs as e

SESSION_GAP_MS = 30 * 60_000
"""A pause this long ends a session (GA4's default)."""

PASSIVE = frozenset({
    e.PaymentFailed, e.Refund, e.OrderStatus, e.ConsentChange, e.EmailIgnored, e.EmailOpened,
    e.VoucherIssued, e.ProfileUpdate, e.ErasureRequested, e.Logout, e.PushPrompt,
    e.ReminderCancelled,
})  # fmt: skip
"""Events that the user did not cause on the site: they are not activity."""


def reduce(profile: Profile, event: e.ShopEvent, active_at: int, shelf: Shelf) -> bool:
    """Applies ``event`` at its own time; as activity it counts at ``active_at`` (ms).

    Answers ``False`` for a producer's retry of an event already applied.
    """
    recent = marked(profile.recent, event.event_id, bounds.MAX_RECENT)
    if recent is None:
        return False
    profile.recent = recent
    at, first_at = event.occurred_at, profile.first_at
    if event.timezone is not None and (profile.timezone is None or at >= profile.active_at):
        profile.timezone = event.timezone
    if event.locale is not None and (profile.locale is None or at >= profile.active_at):
        profile.locale = event.locale
    if event.user_id is not None:
        profile.known = True
    if at < first_at or not first_at:
        profile.first_at = at
    active, column, reducer = _KINDS.get(type(event), _JUST_ACTIVE)
    if active:
        touch(profile, active_at)
        if not isinstance(event, e.Purchase):
            _count(profile, at, column)
        elif knows_order(profile, event.order_id):
            _count(profile, at, 0)  # a page of thanks loaded anew
        else:
            _count(profile, at, column)[5] += event.value
    if reducer is not None:
        reducer(profile, event, shelf)
    return True


def is_retry(profile: Profile, event: e.ShopEvent) -> bool:
    """Whether the event was applied here already, as :func:`reduce` would find."""
    return marked(profile.recent, event.event_id, bounds.MAX_RECENT) is None


def touch(profile: Profile, at: int) -> None:
    """Activity at ``at`` (ms)."""
    last = profile.active_at if profile.sessions else 0  # a subscription alone is no activity
    if at > last:
        if at - last >= SESSION_GAP_MS:
            profile.sessions += 1
            profile.session_at = at
            profile.again, profile.dwell = [], None
            profile.awaited = profile.looked_at = 0
        profile.prior_at = last
        profile.active_at = at
    elif profile.prior_at < at < last:
        profile.prior_at = at


def _count(profile: Profile, at: int, column: int) -> list[int]:
    """Counts an event in its hour and in its day; answers the day's bucket."""
    hours, days = profile.hours, profile.days
    hour_number, day_number = at // HOUR_MS, at // DAY_MS
    # Nearly always the newest bucket: the busiest lines of all that is done to a profile.
    hour = hours[-1] if hours else None
    if hour is None or hour[0] != hour_number:
        hour = _bucket(hours, hour_number, bounds.MAX_HOURS, 5)
    day = days[-1] if days else None
    if day is None or day[0] != day_number:
        day = _bucket(days, day_number, bounds.MAX_DAYS, 6)
    hour[1] += 1
    day[1] += 1
    if column:
        hour[column] += 1
        day[column] += 1
    return day


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


def _profile_update(profile: Profile, event: e.ProfileUpdate, shelf: Shelf) -> None:
    """What was told last holds; from before, only what is not known since."""
    traits, is_older = profile.traits, event.occurred_at < profile.traits_at
    for name, value in event.traits.items():
        if is_older and (value is None or name in traits):
            continue
        if value is None:
            traits.pop(name, None)
        elif name in traits or len(traits) < bounds.MAX_TRAITS:
            traits[name] = list(value) if isinstance(value, tuple) else value
    profile.traits_at = max(profile.traits_at, event.occurred_at)
    language = event.traits.get("language")
    is_known = is_older and profile.locale is not None
    if isinstance(language, str) and event.locale is None and not is_known:
        profile.locale = language


def _consent_change(profile: Profile, event: e.ConsentChange, shelf: Shelf) -> None:
    purpose = event.purpose.value
    if event.occurred_at >= profile.consents.get(purpose, (False, 0))[1]:
        profile.consents[purpose] = (event.granted, event.occurred_at)


def _engagement(profile: Profile, event: e.Engagement, shelf: Shelf) -> None:
    if event.occurred_at >= profile.present_at:
        profile.present_at = event.occurred_at
        profile.onsite = event.onsite


def _topic(profile: Profile, event: e.TopicFollow | e.TopicUnfollow, shelf: Shelf) -> None:
    """What was said last holds, whenever it comes."""
    topics, at = profile.topics, event.occurred_at
    if at < abs(topics.get(event.topic, 0)):
        return
    follows = isinstance(event, e.TopicFollow)
    topics[event.topic] = at if follows else -at
    if follows:
        shelf.ties.append(topic_subject(event.topic))
    if len(topics) > bounds.MAX_TOPICS:
        del topics[min(topics, key=lambda topic: (abs(topics[topic]), topic))]


Reducer = Callable[[Profile, Any, Shelf], None]


class _Kind(NamedTuple):
    """``column`` of the buckets of hours and days that counts it, beside all events."""

    active: bool
    column: int = 0
    reducer: Reducer | None = None


_JUST_ACTIVE = _Kind(active=True)
_REDUCERS: dict[type, Reducer] = {
    e.ViewItem: view_item,
    e.AddToWishlist: add_to_wishlist,
    e.StockAlertRequested: stock_alert_requested,
    e.RemoveFromWishlist: remove_from_wishlist,
    e.AddToCart: add_to_cart,
    e.RemoveFromCart: remove_from_cart,
    e.CartSnapshot: cart_snapshot,
    e.Purchase: purchase,
    e.ProfileUpdate: _profile_update,
    e.ConsentChange: _consent_change,
    e.TopicFollow: _topic,
    e.TopicUnfollow: _topic,
    e.Engagement: _engagement,
}
_COLUMN: dict[type, int] = {e.ViewItem: 2, e.AddToCart: 3, e.Purchase: 4}
_KINDS = {
    kind: _Kind(kind not in PASSIVE, _COLUMN.get(kind, 0), _REDUCERS.get(kind))
    for kind in PASSIVE | _REDUCERS.keys()
}
