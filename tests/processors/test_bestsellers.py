"""What sells is told by the stock: counted with the product, ranked by whole days."""

from typing import Any

from processors.fold import fold
from processors.rows import encode
from schemas.adapters import to_json
from schemas.products import Product
from schemas.structs import read_catalog_event
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, event, only, shipped_rules


def stocked(product: Product | None, at: int, quantity: int, variant: str | None = None) -> Product:
    plain = {"type": "stock_change", "event_id": f"{at}", "occurred_at": at, "product_id": "lamp",
             "quantity": quantity, "variant_id": variant}  # fmt: skip
    folded = fold(product, read_catalog_event(to_json(plain)))
    assert folded is not None
    return folded


def test_stock_that_falls_was_sold_and_stock_that_rises_was_not() -> None:
    lamp = stocked(None, NOON, 10)
    lamp = stocked(lamp, NOON + 1, 7)
    lamp = stocked(lamp, NOON + 2, 40)
    lamp = stocked(lamp, NOON + 3, 38)
    assert lamp.sold == ((NOON // DAY, 5),)


def test_each_variant_counts_for_its_product() -> None:
    lamp = stocked(None, NOON, 10, "red")
    lamp = stocked(lamp, NOON, 4, "blue")
    lamp = stocked(lamp, NOON + 1, 9, "red")
    lamp = stocked(lamp, NOON + 1, 2, "blue")
    assert lamp.sold == ((NOON // DAY, 3),)


def test_a_product_remembers_fourteen_days_and_the_one_under_way() -> None:
    lamp = stocked(None, NOON, 1000)
    for day in range(40):
        lamp = stocked(lamp, NOON + 1 + day * DAY, 999 - day)
    assert len(lamp.sold) == 15
    assert lamp.sold[-1] == (NOON // DAY + 39, 1)


def published(shop: Shop, product: str, category: str, quantity: int) -> None:
    fields = {"name": product, "category": category, "url": f"https://shop.example/{product}",
              "price": 100, "currency": "PLN", "quantity": quantity}  # fmt: skip
    shop.step(shop.fact("product_published", NOON - 20 * DAY, product, **fields))


def sell(shop: Shop, product: str, at: int, left: int) -> None:
    shop.step(shop.fact("stock_change", at, product, quantity=left))


def best(shop: Shop, category: str | None, at: int) -> list[str]:
    return [facts.product_id for facts in shop.core.desk.bestsellers(category, at)]


def test_the_ranking_counts_whole_days_so_that_the_day_itself_changes_nothing() -> None:
    shop = Shop()
    for product, category in (("lamp", "light"), ("torch", "light"), ("sofa", "seats")):
        published(shop, product, category, 100)
    sell(shop, "lamp", NOON - DAY, 95)
    sell(shop, "torch", NOON - DAY, 97)
    sell(shop, "sofa", NOON - 2 * DAY, 99)
    assert best(shop, "light", NOON) == ["lamp", "torch"]
    sell(shop, "torch", NOON + HOUR, 10)
    assert best(shop, "light", NOON + 2 * HOUR) == ["lamp", "torch"]
    assert best(shop, None, NOON + 2 * HOUR) == ["lamp", "torch", "sofa"]
    assert best(shop, "light", NOON + DAY) == ["torch", "lamp"]
    assert best(shop, "tools", NOON) == []


def test_what_the_reader_has_read_beyond_the_day_changes_nothing_of_it() -> None:
    shop = Shop()
    published(shop, "lamp", "light", 100)
    sell(shop, "lamp", NOON - 14 * DAY, 95)
    later = [shop.fact("stock_change", NOON + day * DAY, quantity=94 - day) for day in range(30)]
    assert best(shop, "light", NOON) == ["lamp"]
    shop.step(*later)
    assert best(shop, "light", NOON) == ["lamp"]
    assert best(shop, "light", NOON + 50 * DAY) == []


def test_what_was_told_late_counts_for_who_has_applied_it_alone() -> None:
    """As in a replay of lines that stand in another order than they were recorded in."""
    shop = Shop()
    published(shop, "lamp", "light", 100)
    assert best(shop, "light", NOON) == []
    fact = shop.fact("stock_change", NOON - DAY, quantity=90)
    assert best(shop, "light", NOON) == []
    shop.step(fact)
    assert best(shop, "light", NOON) == ["lamp"]


def test_a_shop_clock_that_is_ahead_loses_no_day() -> None:
    midnight = NOON // DAY * DAY
    shop = Shop()
    published(shop, "lamp", "light", 100)
    sell(shop, "lamp", midnight - 14 * DAY, 90)
    ahead: dict[str, Any] = {"occurred_at": midnight + MINUTE, "event_id": "ahead", "quantity": 89}
    shop.step(shop.fact("stock_change", midnight - MINUTE, **ahead))
    assert best(shop, "light", NOON) == ["lamp"]


def test_a_worker_that_lets_go_of_versions_ranks_its_day_as_one_that_has_them_all() -> None:
    forgetful, whole = Shop(), Shop()
    for shop in (forgetful, whole):
        for product in ("lamp", "torch"):
            published(shop, product, "light", 100)
            sell(shop, product, NOON - DAY, 95)
        for hours in range(10):
            shop.catalogue.forget_before(NOON + (hours - 1) * HOUR if shop is forgetful else 0)
            back_in_time = NOON - DAY + hours  # told today: it counts from tomorrow
            late: dict[str, Any] = {
                "occurred_at": back_in_time,
                "quantity": 90 - hours,
                "event_id": f"l{hours}",
            }
            shop.step(shop.fact("stock_change", NOON + hours * HOUR, "torch", **late))
    assert len(forgetful.catalogue._versions["torch"]) <= 4
    for at in (NOON + 10 * HOUR, NOON + DAY):
        assert best(forgetful, "light", at) == best(whole, "light", at)
    assert best(whole, "light", NOON + 10 * HOUR) == ["lamp", "torch"]
    assert best(whole, "light", NOON + DAY) == ["torch", "lamp"]


def test_what_is_out_as_of_then_is_not_named() -> None:
    shop = Shop()
    for product in ("lamp", "torch"):
        published(shop, product, "light", 100)
        sell(shop, product, NOON - DAY, 90)
    sell(shop, "lamp", NOON + HOUR, 0)
    assert best(shop, "light", NOON) == ["lamp", "torch"]
    assert best(shop, "light", NOON + HOUR) == ["torch"]


def test_a_visitors_look_is_remembered_once_for_each_time_in_the_visit() -> None:
    shop = Shop(only(shipped_rules(), ("hesitation",)))
    for minutes in range(20):
        shop.tell(event("view_item", NOON + minutes * 60_000, product_id="lamp"))
    assert shop.profile("ann").again == ["lamp"] * 8
    shop.tell(event("view_item", NOON + 2 * HOUR, product_id="lamp"))
    assert shop.profile("ann").again == []
    assert b'"ag"' not in encode(shop.profile("ann"))
