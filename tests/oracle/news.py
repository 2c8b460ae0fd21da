"""News of a product, and whom it moves: ``price_drop`` and ``back_in_stock`` of the oracle."""

from typing import Any

from tests.oracle.moment import new_moment
from tests.oracle.moments import Moments
from tests.oracle.shopper import Event, Shopper, bought_since, matches

Change = dict[str, Any]
KEPT = 15 * 60_000
"""So far back (ms) what changed is known."""
SHOWS_CARE = {
    "view_item", "add_to_wishlist", "stock_alert_requested", "add_to_cart", "cart_snapshot",
}  # fmt: skip
_FAMILIES = {"price_drop": "price", "back_in_stock": "stock"}
_STOCK_ORDER = {"asked": 0, "saved": 1, "cart": 1, "viewed": 2}


def open_by_news(
    moments: Moments, home: list[Shopper], change: Change, at: int, partitions: int
) -> None:
    """A changed offer, to the shoppers of one partition who ever named the product."""
    for shopper in home:
        if _concerned(moments, shopper, change, at):
            moments.judge(shopper, at)
        for scenario in moments.on:
            if _interest(shopper, scenario, change, at):
                _note_heard(shopper, scenario, change, at)
    for scenario in moments.on:
        if scenario["use"] == "price_drop" and _is_drop(scenario, change):
            for shopper in home:
                _drop(moments, shopper, scenario, change, at)
        if scenario["use"] == "back_in_stock" and _is_return(scenario, change):
            _wave(moments, home, scenario, change, at, partitions)


def _concerned(moments: Moments, shopper: Shopper, change: Change, at: int) -> bool:
    """Whether the news would move the shopper: then what was due before is judged before."""
    return any(_interest(shopper, scenario, change, at) for scenario in moments.on)


def products_named(event: Event) -> set[str]:
    """What an event shows its shopper to care for."""
    if event["type"] not in SHOWS_CARE:
        return set()
    items = event["items"] if event["type"] == "cart_snapshot" else (event,)
    return {item["product_id"] for item in items}


def hear_of_missed(
    moments: Moments, shopper: Shopper, products: set[str], since: int, clock: int, counts: int,
    *, at: int | None = None,
) -> None:  # fmt: skip
    """What changed of ``products`` since then; ``at``: for an interest of that time alone."""
    told = []
    for product in products:
        for scenario in moments.on:
            concerning = [
                (recorded_at, change, found)
                for recorded_at, change in moments.shelves.changes.get(product, ())
                if recorded_at > max(since, clock - KEPT) and change["at"] > since
                if (found := _interest(shopper, scenario, change, recorded_at)) is not None
                if at in (None, found[1])
            ]
            if not concerning:
                continue
            if _is_news(moments, shopper, scenario, product, concerning, since):
                told.append((concerning[-1][0], product, scenario, *concerning[-1][1:]))
            for recorded_at, change, _ in concerning:
                _note_heard(shopper, scenario, change, recorded_at)
    for _, _, scenario, change, found in sorted(told, key=lambda one: one[:2]):
        if scenario["use"] == "price_drop":
            _open_drop(moments, shopper, scenario, change, found[0], counts)
        else:
            _open_return(moments, shopper, scenario, change, found, counts)


def _is_news(
    moments: Moments, shopper: Shopper, scenario: dict[str, Any], product: str,
    concerning: list[tuple[int, Change, tuple[str, int]]], since: int,
) -> bool:  # fmt: skip
    heard = {
        key: at for key, at in shopper["heard"].items() if key[:2] == (scenario["name"], product)
    }
    if concerning[-1][2][0] != "asked":
        return max(heard.values(), default=-1) <= since
    if all(heard.get(_about(scenario, change), -1) < at for at, change, _ in concerning):
        return True
    live = moments.live(shopper, _FAMILIES[scenario["use"]], product)
    return live is not None and live["interest"] != "asked"


def _about(scenario: dict[str, Any], change: Change) -> tuple[str, str, str]:
    return scenario["name"], change["product"], change["variant"]


def _note_heard(shopper: Shopper, scenario: dict[str, Any], change: Change, at: int) -> None:
    about = _about(scenario, change)
    shopper["heard"][about] = max(at, shopper["heard"].get(about, -1))


def _interest(
    shopper: Shopper, scenario: dict[str, Any], change: Change, at: int
) -> tuple[str, int] | None:
    if scenario["use"] == "price_drop" and _is_drop(scenario, change):
        return _price_interest(shopper, scenario, change, at)
    if scenario["use"] == "back_in_stock" and _is_return(scenario, change):
        return _stock_interest(shopper, scenario, change, at)
    return None


def _drop(
    moments: Moments, shopper: Shopper, scenario: dict[str, Any], change: Change, at: int
) -> None:
    found = _price_interest(shopper, scenario, change, at)
    if found is not None:
        _open_drop(moments, shopper, scenario, change, found[0], at)


def _open_drop(
    moments: Moments, shopper: Shopper, scenario: dict[str, Any], change: Change, kind: str, at: int
) -> None:
    if moments.live(shopper, "price", change["product"]) is not None:
        return
    moment = new_moment(shopper, scenario, "price", change["product"], at, "marketing", "price")
    moment.update(due=at + scenario["settle"], price=change["price"], interest=kind)
    moment["variant"] = change["variant"]
    shopper["moments"].append(moment)
    moments.tell_apart(shopper)


def _wave(
    moments: Moments,
    home: list[Shopper],
    scenario: dict[str, Any],
    change: Change,
    at: int,
    partitions: int,
) -> None:
    waiting = []
    for shopper in home:
        found = _stock_interest(shopper, scenario, change, at)
        if found is not None:
            kind, since = found
            waiting.append((_STOCK_ORDER[kind], since, shopper["key"], found, shopper))
    waiting.sort(key=lambda entry: entry[:3])
    room = -(-change["quantity"] * scenario["per_unit"] // partitions)
    places = 0
    for _, _, _, found, shopper in waiting:
        moment = _open_return(moments, shopper, scenario, change, found, at)
        places += moments.arbiter.reaches(shopper)
        if moments.arbiter.reaches(shopper) and places > room:
            moments.end(shopper, moment, "wave_limit", at)


def _open_return(
    moments: Moments, shopper: Shopper, scenario: dict[str, Any], change: Change,
    found: tuple[str, int], at: int,
) -> dict[str, Any]:  # fmt: skip
    kind, since = found
    live = moments.live(shopper, "stock", change["product"])
    if live is not None:
        moments.end(shopper, live, "superseded", at)
    asked = kind == "asked"
    priority = "asked_for" if asked else "stock"
    moment = new_moment(
        shopper, scenario, "stock", change["product"], at,
        "asked_for" if asked else "marketing", priority,
    )  # fmt: skip
    moment["due"] = at + scenario["stock_waits"][kind]
    moment.update(interest=kind, interest_at=since, variant=change["variant"])
    shopper["moments"].append(moment)
    moments.tell_apart(shopper)
    return moment


def _is_drop(scenario: dict[str, Any], change: Change) -> bool:
    if change.get("price_before") is None or change["price"] >= change["price_before"]:
        return False
    return not scenario["below_low"] or change["price"] < change["low"]


def _is_return(scenario: dict[str, Any], change: Change) -> bool:
    before = change.get("quantity_before")
    if before is None or not change["published"]:
        return False
    return bool(before < scenario["min_quantity"] <= change["quantity"])


def _newest(
    shopper: Shopper, kind: str, scenario: dict[str, Any], change: Change, at: int
) -> tuple[int, int | None] | None:
    """(time, price seen) of the newest interest of a kind that the changed offer concerns."""
    found = []
    for line, interest in shopper[kind].items():
        since = interest[2] if kind == "cart" else interest["at"]
        seen = interest[1] if kind == "cart" else interest["price"]
        recent = at - scenario["max_age"] <= since <= at
        if recent and matches(line, change["product"], change["variant"]):
            found.append((since, seen))
    return max(found, key=lambda entry: entry[0]) if found else None


def _price_interest(
    shopper: Shopper, scenario: dict[str, Any], change: Change, at: int
) -> tuple[str, int] | None:
    for kind in ("saved", "cart", "viewed"):
        found = _newest(shopper, kind, scenario, change, at)
        if found is None or found[1] is None:
            continue
        if bought_since(shopper, change["product"], found[0]):
            continue
        if change["price"] * 100 <= found[1] * (100 - scenario["percent"]):
            return kind, found[0]
    return None


def _stock_interest(
    shopper: Shopper, scenario: dict[str, Any], change: Change, at: int
) -> tuple[str, int] | None:
    """The strongest reason to tell the shopper, and since when they have it."""
    missed = {line: view for line, view in shopper["viewed"].items() if view["out"]}
    for kind in ("asked", "saved", "cart", "viewed"):
        held = shopper if kind != "viewed" else {"viewed": missed}
        found = _newest(held, kind, scenario, change, at)
        if found is not None:
            return kind, found[0]
    return None
