"""``reorder``: which interval counts, and for how much."""

from typing import Any

from processors.scenario_file import load
from tests.processors.shop import DAY, NOON, Shop, event, only
from tests.timelines.stories import SHIPPED


def shop_with(intervals: str = "{}") -> Shop:
    text = SHIPPED.read_text().replace("intervals: {} ", f"intervals: {intervals} ", 1)
    return Shop(only(load(text), ["reorder"]))


def bought(at: int, order: str, *products: str) -> Any:
    items = [{"product_id": product, "price": 100} for product in products]
    return event("purchase", at, order_id=order, items=items, value=100, currency="PLN")


def dues(shop: Shop) -> dict[str, int]:
    return {moment.entity: moment.due for moment in shop.profile("ann").moments}


def test_the_users_own_interval_goes_before_the_shops() -> None:
    shop = shop_with("{beans: 50d}")
    shop.tell(bought(NOON, "A", "beans"))
    assert dues(shop) == {"beans": NOON + 50 * DAY}
    shop.tell(bought(NOON + 20 * DAY, "B", "beans"))
    assert dues(shop) == {"beans": NOON + 40 * DAY}


def test_of_several_gaps_the_middle_one_counts() -> None:
    shop = shop_with()
    for number, day in enumerate((0, 10, 40, 52)):
        shop.tell(bought(NOON + day * DAY, f"A{number}", "beans"))
    assert dues(shop) == {"beans": NOON + (52 + 12) * DAY}


def test_five_products_of_an_order_are_waited_for_at_most() -> None:
    products = [f"p{number}" for number in range(9)]
    shop = shop_with("{" + ", ".join(f"{product}: 9d" for product in products) + "}")
    shop.tell(bought(NOON, "A", *products))
    assert list(dues(shop)) == products[:5]
