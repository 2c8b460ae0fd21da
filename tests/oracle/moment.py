"""One moment as the oracle knows it: how it begins, and what ends it."""

from typing import Any

from tests.oracle.shopper import Event, Shopper
from tests.oracle.verdict import CART_SCENARIOS

Moment = dict[str, Any]


def new_moment(
    shopper: Shopper,
    scenario: dict[str, Any],
    family: str,
    entity: str,
    at: int,
    kind: str,
    priority: str,
) -> Moment:
    return {
        "scenario": scenario["name"],
        "config": scenario,
        "mode": scenario["enabled"],
        "family": family,
        "entity": entity,
        "identity": shopper["key"],
        "opened_at": at,
        "class": kind,
        "priority": priority,
        "strength": 0,
        "step": 1,
        "idle": False,
        "due": None,
        "wait": 0,
        "first_due": None,
        "not_before": -1,
        "fresh": True,
        "is_news": False,
    }


def looks_back(moment: Moment) -> int:
    """How long before its opening a purchase may lie that ends it."""
    return 3_600_000 if moment["config"]["use"] in ("price_drop", "back_in_stock") else 0


def holds(event: Event, field: str, wanted: Any) -> bool:
    found = event.get(field)
    return found in wanted if isinstance(wanted, list) else found == wanted


def end_of(moment: Moment, event: Event, told: set[str]) -> str | None:
    """The reason for which the event ends the moment."""
    use = moment["config"]["use"]
    bought = event["type"] == "purchase"
    if use in CART_SCENARIOS:
        return "purchased" if bought else "cart_empty" if "empty" in told else None
    if use in ("price_drop", "back_in_stock"):
        named = bought and any(i["product_id"] == moment["entity"] for i in event["items"])
        return "purchased" if named else None
    if event["type"] in moment["config"]["unless"]:
        field = moment["config"]["entity"]
        if field is None or event.get(field) in (None, moment["entity"]):
            return "purchased" if bought else "cancelled"
    return None
