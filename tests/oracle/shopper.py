"""One shopper as the oracle remembers them: a plain dict, and what each event does to it."""

from collections import deque
from typing import Any

Shopper = dict[str, Any]
Event = dict[str, Any]
Line = tuple[str, str | None]

NOT_ACTIVITY = {
    "payment_failed", "refund", "order_status", "consent_change", "email_ignored", "email_opened",
    "voucher_issued", "profile_update", "erasure_requested", "logout", "reminder_cancelled",
}  # fmt: skip
VIEWS_KEPT = 20
LINES_KEPT = 50
EVENTS_KEPT = 8
ORDERS_KEPT = 10


def new_shopper(key: str) -> Shopper:
    return {
        "key": key,
        "cart": {},  # line -> [quantity, price, changed]
        "bought_at": -1,
        "stated_at": -1,  # when the whole cart was last said
        "removed": {},  # (cart or saved, line) -> when it was taken out last
        "purchases": [],  # (at, {products}, order)
        "saved": {},  # line -> {"at", "price"}
        "asked": {},
        "viewed": {},  # line -> {"at", "price", "out"}
        "active_at": -1,
        "times": set(),  # of every activity
        "moments": [],
        "spent": set(),  # scenarios
        "spent_at": -1,  # when one of them spoke last
        "heard": {},  # (scenario, product) -> up to when its changes were told
        "sent": [],
        "consent": {},  # purpose -> (at, granted)
        "devices": set(),
        "zone": None,
        "told": {},  # (order, status) -> when it was told
        "ended": {},  # (scenario, entity) -> when the matter was ended last
        "seen": deque(maxlen=EVENTS_KEPT),
        "moved_to": None,
        "erased_at": -1,
    }


def touch(shopper: Shopper, at: int) -> None:
    """Activity."""
    shopper["times"].add(at)
    shopper["active_at"] = max(shopper["active_at"], at)


def line_of(event: Event) -> Line:
    return event["product_id"], event.get("variant_id")


def matches(interest: Line, product: str, variant: str) -> bool:
    """Whether a change of an offer concerns an interest."""
    return interest[0] == product and (
        interest[1] is None or variant == "" or interest[1] == variant
    )


def bought_since(shopper: Shopper, product: str, since: int) -> bool:
    return any(product in products and at >= since for at, products, _ in shopper["purchases"])


def apply(shopper: Shopper, event: Event, at: int, shelves: Any) -> set[str]:
    """Changes the state; tells what happened: ``added``, ``empty`` (the cart is), ``bought``."""
    if event.get("timezone") and (shopper["zone"] is None or at >= shopper["active_at"]):
        shopper["zone"] = event["timezone"]
    change = _CHANGES.get(event["type"])
    if change is None:
        return set()
    told: set[str] = change(shopper, event, at, shelves) or set()
    if event["type"] in ("remove_from_cart", "cart_snapshot") and not shopper["cart"]:
        told.add("empty")
    return told


def _add(shopper: Shopper, event: Event, at: int, _shelves: Any) -> set[str]:
    line = line_of(event)
    cart = shopper["cart"]
    known = cart.get(line)
    if at <= shopper["bought_at"] or at < shopper["stated_at"]:
        return set()
    if at < shopper["removed"].get(("cart", line), -1):
        return set()
    if known and at < known[2]:
        return set()
    quantity = event.get("quantity", 1) + (known[0] if known else 0)
    cart[line] = [quantity, event["price"], at]
    _trim(cart)
    return {"added"}


def _trim(cart: dict[Line, list[int]]) -> None:
    while len(cart) > LINES_KEPT:
        del cart[min(cart, key=lambda line: cart[line][2])]


def _remove(shopper: Shopper, event: Event, at: int, _shelves: Any) -> None:
    line = line_of(event)
    known, pieces = shopper["cart"].get(line), event.get("quantity")
    if known and at < known[2]:
        return
    if not known or pieces is None or pieces >= known[0]:
        shopper["cart"].pop(line, None)
        take_out(shopper, "cart", line, at)
    else:
        known[0], known[2] = known[0] - pieces, at


def take_out(shopper: Shopper, of: str, line: Line, at: int) -> None:
    """What comes late from before stays out."""
    shopper["removed"][of, line] = max(at, shopper["removed"].get((of, line), -1))


def _snapshot(shopper: Shopper, event: Event, at: int, _shelves: Any) -> set[str]:
    cart = shopper["cart"]
    if at < shopper["stated_at"]:
        return set()
    shopper["stated_at"] = at
    older = {line for line, (_, _, changed) in cart.items() if changed <= at}
    newer = set(cart) - older
    for line in older:
        del cart[line]
    if at <= shopper["bought_at"]:
        return set()
    fresh = False
    for item in event["items"]:
        line = line_of(item)
        if line not in newer and at >= shopper["removed"].get(("cart", line), -1):
            fresh = fresh or line not in older
            cart[line] = [item.get("quantity", 1), item["price"], at]
    _trim(cart)
    return {"added"} if fresh else set()


def knows(shopper: Shopper, event: Event) -> bool:
    """Whether the order was told of before."""
    orders = {order for _, _, order in shopper["purchases"]}
    return event["type"] == "purchase" and event["order_id"] in orders


def _purchase(shopper: Shopper, event: Event, at: int, _shelves: Any) -> set[str]:
    cart = shopper["cart"]
    if any(order == event["order_id"] and then < at for then, _, order in shopper["purchases"]):
        return set()
    for line in [line for line, (_, _, changed) in cart.items() if changed <= at]:
        del cart[line]
    shopper["bought_at"] = max(shopper["bought_at"], at)
    bought = [line_of(item) for item in event["items"]]
    if event["order_id"] not in {order for _, _, order in shopper["purchases"]}:
        products = {product for product, _ in bought}
        shopper["purchases"].append((at, products, event["order_id"]))
        shopper["purchases"] = newest_orders(shopper["purchases"])
    asked = shopper["asked"]
    for line in list(asked):
        if line[0] in {product for product, _ in bought} and asked[line]["at"] <= at:
            del asked[line]
    return {"bought"}


def newest_orders(purchases: list[tuple[int, set[str], str]]) -> list[tuple[int, set[str], str]]:
    return sorted(purchases, key=lambda purchase: purchase[0])[-ORDERS_KEPT:]


def _save(shopper: Shopper, event: Event, at: int, shelves: Any) -> None:
    if at >= shopper["removed"].get(("saved", line_of(event)), -1):
        _want(shopper["saved"], event, at, shelves)


def _ask(shopper: Shopper, event: Event, at: int, shelves: Any) -> None:
    _want(shopper["asked"], event, at, shelves)


def _want(interests: dict[Line, Any], event: Event, at: int, shelves: Any) -> None:
    line = line_of(event)
    known = interests.get(line)
    if known is None or known["at"] <= at:
        interests[line] = {"at": at, "price": _price_seen(event, at, shelves)}


def _price_seen(event: Event, at: int, shelves: Any) -> int | None:
    if event.get("price") is not None:
        price: int = event["price"]
        return price
    found: int | None = shelves.price(event["product_id"], event.get("variant_id"), at)
    return found


def _unsave(shopper: Shopper, event: Event, at: int, _shelves: Any) -> None:
    known = shopper["saved"].get(line_of(event))
    if known is not None and known["at"] <= at:
        del shopper["saved"][line_of(event)]
    take_out(shopper, "saved", line_of(event), at)


def _view(shopper: Shopper, event: Event, at: int, shelves: Any) -> None:
    viewed, line = shopper["viewed"], line_of(event)
    if line in viewed and viewed[line]["at"] > at:
        return
    stated = event.get("available")
    out = not stated if stated is not None else shelves.out(*line, at)
    viewed[line] = {"at": at, "price": _price_seen(event, at, shelves), "out": out}
    keep_newest_views(shopper)


def keep_newest_views(shopper: Shopper) -> None:
    viewed = shopper["viewed"]
    while len(viewed) > VIEWS_KEPT:
        del viewed[min(viewed, key=lambda line: viewed[line]["at"])]


def _consent(shopper: Shopper, event: Event, at: int, _shelves: Any) -> None:
    known = shopper["consent"].get(event["purpose"], (-1, False))
    if known[0] <= at:
        shopper["consent"][event["purpose"]] = (at, event["granted"])


_CHANGES: dict[str, Any] = {
    "add_to_cart": _add,
    "remove_from_cart": _remove,
    "cart_snapshot": _snapshot,
    "purchase": _purchase,
    "add_to_wishlist": _save,
    "remove_from_wishlist": _unsave,
    "stock_alert_requested": _ask,
    "view_item": _view,
    "consent_change": _consent,
}
