"""What events do to the cart and to the orders of a profile."""

from processors import bounds
from processors.interests import Shelf, see_category
from processors.profile import Profile
from processors.removals import CART, remember_removal, removed_at
from processors.traces import Line, Order
from schemas import structs as e

_MAX_ORDER_PRODUCTS = 20


def line_keys(profile: Profile) -> set[tuple[str, str | None]]:
    """Products and variants in the cart."""
    return {(line.product_id, line.variant_id) for line in profile.cart}


def changes_line(profile: Profile, event: e.AddToCart) -> bool:
    """Whether what was added is in the cart by this event, which may have come too late."""
    line = _find(profile, event.product_id, event.variant_id)
    return line is not None and line.changed_at == event.occurred_at


def _stays_out(profile: Profile, event: e.AddToCart) -> bool:
    """Whether it is too late: it was bought or taken out since, or the cart was stated."""
    at = event.occurred_at
    return (
        at <= profile.bought_at
        or at < profile.stated_at
        or at < removed_at(profile, CART, event.product_id, event.variant_id)
    )


def _find(profile: Profile, product_id: str, variant_id: str | None) -> Line | None:
    for line in profile.cart:
        if line.product_id == product_id and line.variant_id == variant_id:
            return line
    return None


def add_to_cart(profile: Profile, event: e.AddToCart, shelf: Shelf) -> None:
    if event.category is not None:
        see_category(profile, event.category, event.occurred_at, shelf)
    if _stays_out(profile, event):
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
    line = Line(event.product_id, event.variant_id, event.quantity, event.price, event.occurred_at)
    _put_line(profile, line, shelf)


def _put_line(profile: Profile, line: Line, shelf: Shelf) -> None:
    cart = profile.cart
    cart.append(line)
    if len(cart) > bounds.MAX_CART:
        del cart[min(range(len(cart)), key=lambda place: cart[place].changed_at)]
    shelf.ties.append(line.product_id)


def remove_from_cart(profile: Profile, event: e.RemoveFromCart, shelf: Shelf) -> None:
    line, at = _find(profile, event.product_id, event.variant_id), event.occurred_at
    if line is not None and at < line.changed_at:
        return
    if line is None or event.quantity is None or event.quantity >= line.quantity:
        remember_removal(profile, CART, event.product_id, event.variant_id, at)
        if line is not None:
            profile.cart.remove(line)
    else:
        line.quantity -= event.quantity
        line.changed_at = at


def cart_snapshot(profile: Profile, event: e.CartSnapshot, shelf: Shelf) -> None:
    at = event.occurred_at
    if at < profile.stated_at:
        return
    profile.stated_at = at
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
        product_id, variant_id = item.product_id, item.variant_id
        removed = removed_at(profile, CART, product_id, variant_id)
        if (product_id, variant_id) not in kept and at >= removed:
            line = Line(product_id, variant_id, item.quantity, item.price, at)
            _put_line(profile, line, shelf)


def knows_order(profile: Profile, order_id: str) -> bool:
    """Whether it is one of the orders remembered: an order counts once by its id."""
    return any(order.order_id == order_id for order in profile.orders)


def purchase(profile: Profile, event: e.Purchase, shelf: Shelf) -> None:
    """An order that is told again later, by a page of thanks loaded anew, buys nothing more."""
    at = event.occurred_at
    if any(order.order_id == event.order_id and order.at < at for order in profile.orders):
        return
    profile.bought_at = max(profile.bought_at, at)
    profile.cart = [line for line in profile.cart if line.changed_at > at]
    bought = {item.product_id for item in event.items}
    profile.asked = [i for i in profile.asked if i.product_id not in bought or i.at > at]
    if knows_order(profile, event.order_id):
        return
    profile.order_count += 1
    products = list(dict.fromkeys(item.product_id for item in event.items))[:_MAX_ORDER_PRODUCTS]
    profile.orders.append(Order(event.order_id, at, event.value, event.currency, products))
    profile.orders.sort(key=lambda order: order.at)
    del profile.orders[: -bounds.MAX_ORDERS]
