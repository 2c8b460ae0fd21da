"""Small lives for Hypothesis: who does what, how long after the one before."""

from typing import Any

from hypothesis import strategies as st

from tests.oracle.generator import Record, number_records
from tests.oracle.worlds import NOON

GAPS = (0, 1, 700, 4_000, 5_000, 9_999, 10_000, 19_999, 20_000, 20_001, 45_000, 60_000)
"""Milliseconds between two things: about the waits of the busy rules, and less."""

PEOPLE = ("ann", "bob", "cid")
VISITOR = "visitor"

_LAMP = {"product_id": "lamp"}
_SOFA = {"product_id": "sofa", "variant_id": "red"}
_PRICED = {"price": 1_000, "currency": "PLN"}


def _news(kind: str, **fields: Any) -> dict[str, Any]:
    return {"topic": "shop.catalog", "type": kind, **fields}


def _buy(*items: dict[str, Any]) -> dict[str, Any]:
    lines = [{**item, "price": 1_000} for item in items]
    return {"type": "purchase", "items": lines, "value": 1_000 * len(lines), "currency": "PLN"}


DEEDS: tuple[dict[str, Any], ...] = (
    {"type": "page_view", "url": "https://shop.example/"},
    {"type": "add_to_cart", **_LAMP, **_PRICED},
    {"type": "add_to_cart", **_SOFA, **_PRICED},
    {"type": "remove_from_cart", **_LAMP},
    {"type": "cart_snapshot", "items": [], "currency": "PLN"},
    {"type": "cart_snapshot", "items": [{**_SOFA, "price": 900}], "currency": "PLN"},
    {"type": "begin_checkout"},
    _buy(_LAMP),
    _buy(_LAMP, _SOFA),
    {"type": "view_item", **_LAMP, "price": 1_000},
    {"type": "view_item", **_SOFA, "available": False},
    {"type": "add_to_wishlist", **_SOFA},
    {"type": "add_to_wishlist", **_LAMP, "price": 1_100},
    {"type": "stock_alert_requested", **_LAMP},
    {"type": "consent_change", "purpose": "marketing", "granted": False},
    {"type": "order_status", "order_id": "o-1", "status": "delivered"},
    {"type": "payment_failed", "order_id": "o-1"},
    {"topic": "push.subscriptions"},
)
NEWS: tuple[dict[str, Any], ...] = (
    _news("price_change", **_LAMP, **_PRICED),
    _news("price_change", **_LAMP, price=800, currency="PLN"),
    _news("price_change", **_LAMP, price=500, currency="PLN"),
    _news("price_change", **_SOFA, price=700, currency="PLN"),
    _news("stock_change", **_LAMP, quantity=0),
    _news("stock_change", **_LAMP, quantity=2),
    _news("stock_change", **_SOFA, quantity=0),
    _news("stock_change", **_SOFA, quantity=40),
)


def lives(
    *, people: tuple[str, ...] = PEOPLE, most: int = 40, disorder: bool = False
) -> st.SearchStrategy[list[Record]]:
    """Records in order of arrival. With ``disorder`` some occurred up to 3 s before they came."""
    delays = st.sampled_from((0, 0, 0, 90, 2_900)) if disorder else st.just(0)
    deed = st.tuples(st.sampled_from(people), st.sampled_from(DEEDS))
    news = st.tuples(st.just(""), st.sampled_from(NEWS))
    step = st.tuples(st.sampled_from(GAPS), delays, st.one_of(deed, deed, deed, news))
    return st.lists(step, min_size=1, max_size=most).map(_records)


def _records(steps: list[tuple[int, int, tuple[str, dict[str, Any]]]]) -> list[Record]:
    at, made = NOON, []
    for number, (gap, delay, (who, what)) in enumerate(steps):
        at += gap
        made.append(record(who, what, at, at - delay, number))
    return number_records(made, 1)


def record(who: str, what: dict[str, Any], at: int, occurred: int, number: int) -> Record:
    """One deed of ``who`` (or news), recorded at ``at``."""
    fields = {key: value for key, value in what.items() if key != "topic"}
    topic = what.get("topic", "shop.events")
    if topic == "push.subscriptions":
        return _subscription(who, at)
    value = {"event_id": f"e-{number}", "occurred_at": occurred, **fields}
    if topic == "shop.catalog":
        return {"topic": topic, "key": fields["product_id"], "value": value, "at": at}
    value["anonymous_id" if who == VISITOR else "user_id"] = who
    if fields["type"] == "purchase":
        value["order_id"] = f"o-{number}"
    return {"topic": topic, "key": who, "value": value, "at": at}


def _subscription(who: str, at: int) -> Record:
    value = {
        "subscription_id": f"s-{who}",
        "user_id": who,
        "endpoint": f"https://push.example/{who}",
        "p256dh": "key",
        "auth": "secret",
        "created_at": at,
        "last_seen_at": at,
    }
    return {
        "topic": "push.subscriptions",
        "key": who,
        "subscription_id": f"s-{who}",
        "value": value,
        "at": at,
    }
