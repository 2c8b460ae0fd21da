"""The catalogue's fold: the newest statement holds, and the 30-day low is the law's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.catalogue import facts_of
from processors.fold import fold, fold_content, says_what_is_known
from processors.localtime import DAY_MS
from schemas.adapters import dump, to_json
from schemas.structs import Product, ProductPublished, read_catalog_event
from tests.processors.shop import DAY, HOUR, NOON


def said(type_: str, at: int, **fields: Any) -> Any:
    plain = {"type": type_, "event_id": f"{type_}/{at}", "occurred_at": at, "product_id": "lamp"}
    return read_catalog_event(to_json(plain | fields))


def price(at: int, amount: int, variant: str | None = None, currency: str = "PLN") -> Any:
    own = {"variant_id": variant} if variant else {}
    return said("price_change", at, price=amount, currency=currency, **own)


def stock(at: int, quantity: int, variant: str | None = None) -> Any:
    own = {"variant_id": variant} if variant else {}
    return said("stock_change", at, quantity=quantity, **own)


def published(at: int, **fields: Any) -> Any:
    own = {"name": "Oslo lamp", "category": "lamps", "url": "https://shop.example/lamp",
           "price": 10000, "currency": "PLN"}  # fmt: skip
    return said("product_published", at, **own | fields)


def folded(*events: Any) -> Product:
    product: Product | None = None
    for event in events:
        product = fold(product, event) or product
    assert product is not None
    return product


variants = st.sampled_from([None, "red"])


def low_of(product: Product) -> int | None:
    return product.changes[0].low_30d


def test_a_first_price_has_none_before_and_no_low() -> None:
    change = folded(price(NOON, 10000)).changes[0]
    assert (change.price, change.price_before, change.low_30d) == (10000, None, None)


def test_the_same_said_again_is_nothing() -> None:
    product = folded(published(NOON, quantity=3))
    assert fold(product, published(NOON + 1, quantity=3)) is None
    assert fold(product, price(NOON, 10000)) is None
    assert fold(product, stock(NOON, 3)) is None


def test_what_is_said_again_is_no_news_and_older_statements_are_not_heard_any_more() -> None:
    product = folded(published(NOON, quantity=3), price(NOON + 9, 10000), stock(NOON + 9, 3))
    assert product.changes == ()
    assert fold(product, price(NOON + 5, 8000)) is None
    assert fold(product, stock(NOON + 5, 0)) is None


statements = st.one_of(
    st.builds(price, st.integers(NOON, NOON + 3), st.sampled_from([900, 1000]), variants),
    st.builds(stock, st.integers(NOON, NOON + 3), st.integers(0, 2), variants),
    st.builds(
        lambda at, own, variant: published(
            at, **own, **({"variant_id": variant} if variant else {})
        ),
        st.integers(NOON, NOON + 3),
        st.fixed_dictionaries(
            {"price": st.sampled_from([900, 1000])},
            optional={
                "quantity": st.integers(0, 2),
                "currency": st.sampled_from(["PLN", "EUR"]),
                "name": st.sampled_from(["Oslo lamp", "Bergen lamp"]),
                "related": st.just({"similar": ["shade"]}),
            },
        ),
        variants,
    ),
    st.builds(lambda at: said("product_unpublished", at), st.integers(NOON, NOON + 3)),
)


@given(st.lists(statements, min_size=1, max_size=6), statements)
def test_what_plainly_repeats_the_record_would_change_nothing(before: list[Any], last: Any) -> None:
    product = folded(*before)
    if isinstance(last, ProductPublished) and says_what_is_known(facts_of(dump(product)), last):
        assert fold(product, last) is None


def test_a_feed_that_repeats_a_product_is_known_without_folding_it() -> None:
    for own in ({}, {"quantity": 3}, {"related": {"similar": ["shade"]}}, {"variant_id": "red"}):
        known = facts_of(dump(folded(published(NOON, **own))))
        assert says_what_is_known(known, published(NOON + DAY, **own))
        assert not says_what_is_known(known, published(NOON + DAY, **own | {"price": 9000}))
        assert not says_what_is_known(known, published(NOON + DAY, **own | {"name": "Moss lamp"}))


def test_an_older_statement_that_comes_later_changes_nothing() -> None:
    product = folded(price(NOON, 9000), stock(NOON, 0))
    assert fold(product, price(NOON - 1, 8000)) is None
    assert fold(product, stock(NOON - 1, 5)) is None


def test_the_low_is_the_lowest_price_of_the_thirty_days_before_the_change() -> None:
    product = folded(
        price(NOON, 10000), price(NOON + 5 * DAY, 8000), price(NOON + 6 * DAY, 12000),
        price(NOON + 20 * DAY, 9000),
    )  # fmt: skip
    assert low_of(product) == 8000


def test_a_price_that_held_into_the_thirty_days_counts_though_it_was_set_before() -> None:
    """80 until day 40, then 120: the 80 was asked within the 30 days before day 50."""
    product = folded(price(NOON, 8000), price(NOON + 40 * DAY, 12000), price(NOON + 50 * DAY, 9000))
    assert low_of(product) == 8000


def test_a_low_of_more_than_thirty_days_ago_is_forgotten() -> None:
    product = folded(price(NOON, 8000), price(NOON + DAY, 12000), price(NOON + 40 * DAY, 10000))
    assert low_of(product) == 12000


def test_a_price_of_an_hour_counts_for_its_day() -> None:
    product = folded(
        price(NOON, 10000), price(NOON + HOUR, 5000), price(NOON + 2 * HOUR, 10000),
        price(NOON + 10 * DAY, 9000),
    )  # fmt: skip
    assert low_of(product) == 5000


def test_a_variant_has_a_price_and_a_stock_of_its_own() -> None:
    product = folded(published(NOON, quantity=3), price(NOON, 8000, "red"), stock(NOON, 0, "red"))
    assert product.offers[""].price == 10000
    assert product.offers["red"].price == 8000
    assert product.offers["red"].quantity == 0
    assert product.changes[0].variant_id == "red"


def test_a_price_in_other_money_has_none_before_and_its_lows_begin_anew() -> None:
    product = folded(published(NOON), price(NOON + DAY, 4900, currency="EUR"))
    assert (product.currency, product.currency_at) == ("EUR", NOON + DAY)
    (change,) = product.changes
    assert (change.price, change.price_before, change.low_30d) == (4900, None, None)
    lower = folded(
        published(NOON), price(NOON + DAY, 4900, currency="EUR"),
        price(NOON + 2 * DAY, 4500, currency="EUR"),
    )  # fmt: skip
    assert (lower.changes[0].price_before, low_of(lower)) == (4900, 4900)


def test_with_the_money_the_prices_of_the_variants_are_not_known_any_more() -> None:
    product = folded(
        published(NOON, quantity=3), price(NOON, 9000, "red"), price(NOON, 9500, "blue"),
        price(NOON + 1, 2100, "red", "EUR"),
    )  # fmt: skip
    assert {key: offer.price for key, offer in product.offers.items()} == {
        "": None, "red": 2100, "blue": None,
    }  # fmt: skip
    assert product.offers[""].quantity == 3
    assert not any(offer.lows for key, offer in product.offers.items() if key != "red")


def test_an_older_price_in_other_money_is_not_heard_but_the_description_is() -> None:
    product = folded(price(NOON, 4900, currency="EUR"))
    assert fold(product, price(NOON - 1, 20000)) is None
    assert fold(product, price(NOON - 1, 20000, "red")) is None
    described = fold(product, published(NOON - 1, price=20000, quantity=2))
    assert described is not None
    assert (described.name, described.currency, described.currency_at) == ("Oslo lamp", "EUR", None)
    assert (described.offers[""].price, described.offers[""].quantity) == (4900, 2)


def test_a_feed_in_other_money_is_the_same_product_at_another_price() -> None:
    before = folded(published(NOON))
    product = fold(before, published(NOON + DAY, price=4900, currency="EUR"))
    assert product is not None
    assert (product.currency, product.offers[""].price) == ("EUR", 4900)
    (change,) = product.changes
    assert (change.price_before, change.low_30d, change.published) == (None, None, None)


def test_published_with_price_and_stock_is_one_change() -> None:
    (change,) = folded(published(NOON, quantity=3)).changes
    assert (change.price, change.quantity, change.quantity_before) == (10000, 3, None)


def test_taken_off_and_put_back_on_the_shop() -> None:
    gone = folded(published(NOON), said("product_unpublished", NOON + 1))
    assert not gone.published
    back = fold(gone, published(NOON + 2))
    assert back is not None
    assert back.published
    assert back.published_at == NOON + 2


def test_a_variant_taken_off_the_shop_is_out_of_stock() -> None:
    product = folded(published(NOON), said("product_unpublished", NOON + 1, variant_id="red"))
    assert product.published
    assert product.offers["red"].quantity == 0


def test_content_is_replaced_by_newer_content_only() -> None:
    def content(at: int, title: str = "A lesson") -> Any:
        plain = {"type": "content_published", "event_id": "e", "occurred_at": at, "topic": "maths",
                 "content_id": "c1", "title": title, "url": "https://shop.example/c1"}  # fmt: skip
        return read_catalog_event(to_json(plain))

    first = fold_content(None, content(NOON))
    assert first is not None
    assert fold_content(first, content(NOON + 1)) is None
    assert fold_content(first, content(NOON - 1, "Another")) is None
    newer = fold_content(first, content(NOON + 1, "Another"))
    assert newer is not None
    assert newer.title == "Another"
    with pytest.raises(TypeError):
        fold(None, content(NOON))


changes = st.lists(
    st.tuples(st.integers(0, 70 * 24), st.integers(1, 50), st.sampled_from(["", "red"])),
    min_size=1, max_size=40,
)  # fmt: skip


@given(changes)
def test_the_low_of_each_change_is_what_a_plain_look_back_finds(
    told: list[tuple[int, int, str]],
) -> None:
    product: Product | None = None
    held: dict[str, list[tuple[int, int]]] = {"": [], "red": []}
    for hours, amount, variant in sorted(told):
        at = NOON + hours * HOUR
        after = fold(product, price(at, amount, variant or None))
        known = held[variant]
        if known and amount == known[-1][1]:
            assert after is None or after.changes == ()
            continue
        assert after is not None
        product = after
        since = (at // DAY_MS - 30) * DAY_MS
        ends = [start for start, _ in [*known, (at, amount)]][1:]
        asked = [cost for (_, cost), end in zip(known, ends, strict=True) if end >= since]
        assert product.changes[0].low_30d == (min(asked) if asked else None)
        known.append((at, amount))
    assert product is not None
    assert all(len(offer.lows) <= 31 for offer in product.offers.values())
