"""With every scenario on: a restart changes nothing, and whatever opened has one end."""

from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.config import Mode
from processors.rules import Rules
from processors.scenario_file import load
from processors.table import ProfileTable
from schemas.adapters import dump
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, event, only
from tests.timelines.stories import SHIPPED

PRODUCTS = ("lamp", "torch", "sofa", "chair")
CATEGORIES = {"lamp": "light", "torch": "light", "sofa": "seats", "chair": "seats"}


def everything() -> Rules:
    text = SHIPPED.read_text().replace("enabled: off", "enabled: on")
    text = text.replace("enabled: shadow", "enabled: on")
    rules = load(text.replace("day: 2, week: 6", "day: 9, week: 30").replace("gap: 2h", "gap: 1m"))
    assert all(each.config.enabled is Mode.ON for each in rules.scenarios.values())
    return only(rules, rules.scenarios)


RULES = everything()


def deed(random: Random, at: int) -> Any:
    product = random.choice(PRODUCTS)
    priced = {"product_id": product, "price": random.choice((5_000, 90_000))}
    kind, fields = random.choice((
        ("page_view", {"url": "https://shop.example/"}),
        ("view_item", priced | {"category": CATEGORIES[product]}),
        ("view_item", priced | {"category": CATEGORIES[product]}),
        ("view_item", {"product_id": "lamp", "category": "light"}),
        ("engagement", {"ms": 200_000}),
        ("coupon_attempt", {"code": "SPRING", "accepted": bool(random.randrange(2))}),
        ("add_to_cart", priced | {"currency": "PLN"}),
        ("remove_from_cart", {"product_id": product}),
        ("add_to_wishlist", priced),
        ("begin_checkout", {"delivery_cost": 1_500}),
        ("purchase", {"order_id": f"A-{at}", "items": [priced], "value": 90_000,
                      "currency": "PLN"}),
        ("order_status", {"order_id": f"A-{at}", "status": "delivered"}),
        ("payment_failed", {"order_id": f"A-{at}"}),
        ("profile_update", {"traits": {"loyalty": "gold"}}),
        ("email_ignored", {}),
        ("sign_up", {}),
    ))  # fmt: skip
    return event(kind, at, random.choice(("ann", "bob")), **fields)


def news(shop: Shop, random: Random, at: int) -> None:
    """A product the shop had not had, or other stock."""
    if random.randrange(4) == 0:
        name = f"new-{at}"
        shop.step(shop.fact("product_published", at, name, name=name, category="light", price=100,
                            url=f"https://shop.example/{name}", currency="PLN"))  # fmt: skip
        return
    product = random.choice(PRODUCTS)
    known = shop.products[product].offers[""].quantity
    quantity = random.choice([pieces for pieces in (0, 2, 9, 40) if pieces != known])
    shop.step(shop.fact("stock_change", at, product, quantity=quantity))


def live(seed: int, restarts: frozenset[int]) -> Shop:
    random, shop, at = Random(seed), Shop(RULES), NOON
    for product in PRODUCTS:
        shop.step(shop.fact("product_published", NOON - DAY, product, name=product, price=9_000,
                            category=CATEGORIES[product], currency="PLN", quantity=50,
                            url=f"https://shop.example/{product}"))  # fmt: skip
    for number in range(120):
        at += random.choice((1, MINUTE, 4 * MINUTE, 25 * MINUTE, HOUR, 7 * HOUR, 2 * DAY, 9 * DAY))
        if number in restarts:
            shop = restarted(shop)
        if random.randrange(6) == 0:
            news(shop, random, at)
        else:
            shop.tell(deed(random, at))
        if random.randrange(2):
            shop.tick(at)
    shop.tick(at + 200 * DAY)
    return shop


def restarted(shop: Shop) -> Shop:
    table = ProfileTable()
    for _, key, row in shop.core.table.users():
        table.put(key, row)
    for key, row in shop.core.table.reserved.items():
        table.put(key, row)
    again = Shop(RULES, table=table, catalogue=shop.catalogue)
    again.products, again.offset, again.decisions = shop.products, shop.offset, shop.decisions
    return again


def said(shop: Shop) -> list[bytes]:
    """Who of two users due at the same time is looked at first is nobody's concern."""
    return sorted(dump(decision) for decision in shop.decisions)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.frozensets(st.integers(0, 119), max_size=6))
def test_a_restart_changes_no_decision_of_any_scenario(seed: int, restarts: frozenset[int]) -> None:
    assert said(live(seed, restarts)) == said(live(seed, frozenset()))


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_opened_has_one_end(seed: int) -> None:
    decisions = live(seed, frozenset()).decisions
    ends = Counter(decision.decision_id for decision in decisions if decision.final)
    assert set(ends.values()) <= {1}
    assert {decision.decision_id for decision in decisions} == set(ends)


def test_among_such_lives_every_scenario_found_in_behaviour_speaks() -> None:
    spoken = {d.scenario for seed in range(12) for d in live(seed, frozenset()).decisions
              if d.outcome.value == "sent"}  # fmt: skip
    assert spoken >= {
        "delivery_cost", "hesitation", "viewed_reminder", "new_in_category",
        "wishlist_reminder", "low_stock", "winback", "drifting", "returning", "first_visit",
        "welcome", "high_value", "ignored_email", "payment_failed",
    }  # fmt: skip
