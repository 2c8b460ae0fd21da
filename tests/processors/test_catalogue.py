"""Products as of a time and as far as a partition has come."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processors.catalogue import Catalogue, Offer, ProductFacts, topic_subject
from schemas.adapters import dump
from schemas.products import Content, Product
from tests.processors.shop import NOON

FAR = {0: 10**9}


def named(name: str) -> bytes:
    return dump(Product(product_id="lamp", at=NOON, name=name))


def name_of(facts: ProductFacts | None) -> str | None:
    return None if facts is None else facts.name


def test_a_product_is_seen_as_of_its_time_and_no_further_than_was_applied() -> None:
    catalogue = Catalogue()
    for offset, (at, name) in enumerate([(NOON, "one"), (NOON + 5, "two"), (NOON + 9, "three")]):
        catalogue.append("lamp", 0, offset, at, named(name))
    assert name_of(catalogue.seen("lamp", FAR, NOON - 1)) is None
    assert name_of(catalogue.seen("lamp", FAR, NOON)) == "one"
    assert name_of(catalogue.seen("lamp", FAR, NOON + 8)) == "two"
    assert name_of(catalogue.seen("lamp", FAR)) == "three"
    assert name_of(catalogue.seen("lamp", {0: 1})) == "two"
    assert name_of(catalogue.seen("lamp", {0: 1}, NOON + 20)) == "two"
    assert catalogue.seen("lamp", {}) is None
    assert catalogue.seen("chair", FAR) is None


def test_a_product_taken_away_is_none() -> None:
    catalogue = Catalogue()
    catalogue.append("lamp", 0, 0, NOON, named("one"))
    catalogue.append("lamp", 0, 1, NOON + 1, None)
    assert catalogue.seen("lamp", FAR) is None
    assert name_of(catalogue.seen("lamp", FAR, NOON)) == "one"


def test_the_same_version_read_again_is_there_once() -> None:
    catalogue = Catalogue()
    for offset in (0, 1, 0, 1):
        catalogue.append("lamp", 0, offset, NOON + offset, named(str(offset)))
    assert len(catalogue._versions["lamp"]) == 2


def test_versions_that_nobody_can_ask_for_are_let_go() -> None:
    catalogue = Catalogue()
    for offset in range(100):
        catalogue.forget_before(NOON + offset - 2)
        catalogue.append("lamp", 0, offset, NOON + offset, named(str(offset)))
    assert len(catalogue._versions["lamp"]) <= 4
    assert name_of(catalogue.seen("lamp", FAR, NOON + 97)) == "97"


@given(st.permutations(range(6)), st.integers(-1, 6), st.integers(-1, 6))
def test_the_order_of_reading_does_not_matter(order: Any, applied: int, at: int) -> None:
    catalogue = Catalogue()
    for offset in order:
        catalogue.append("lamp", 0, offset, NOON + offset, named(str(offset)))
    newest = min(applied, at, 5)
    seen = name_of(catalogue.seen("lamp", {0: applied}, NOON + at))
    assert seen == (None if newest < 0 else str(newest))


@given(st.permutations(range(6)), st.integers(-1, 6))
def test_what_was_published_on_a_topic_since_is_found_in_its_order(order: Any, since: int) -> None:
    catalogue = Catalogue()
    for offset in order:
        key, content = lesson(offset)
        for _ in range(2):
            catalogue.append(key, 0, offset, NOON + offset, content)
        catalogue.append("content/lamp", 1, offset, NOON + offset, named("a lamp by that id"))
    found = catalogue.since(topic_subject("lamps"), FAR | {1: 9}, NOON + since)
    assert [version.offset for version in found] == list(range(since + 1, 6))
    assert catalogue.since(topic_subject("chairs"), FAR, NOON) == []


def test_of_a_topic_nothing_is_kept_that_nobody_can_ask_for() -> None:
    catalogue = Catalogue()
    for offset in range(100):
        catalogue.forget_before(NOON + offset - 2)
        key, content = lesson(offset)
        catalogue.append(key, 0, offset, NOON + offset, content)
    assert len(catalogue._content) == 2
    catalogue.append("content/old", 0, 101, NOON, lesson(101)[1])
    catalogue.forget_before(NOON + 200)
    assert catalogue._content == []


def lesson(number: int) -> tuple[str, bytes]:
    content = Content(
        content_id=f"c{number}", at=NOON, published_at=NOON, topic="lamps", title="How to light",
        url="https://shop.example/read",
    )  # fmt: skip
    return f"content/c{number}", dump(content)


def test_a_variants_offer_falls_back_on_the_products() -> None:
    facts = ProductFacts(
        offers={"": Offer(price=100, quantity=5), "red": Offer(price=80), "blue": Offer(quantity=0)}
    )
    assert (facts.offer("red").price, facts.offer("red").quantity) == (80, 5)
    assert (facts.offer("blue").price, facts.offer("blue").quantity) == (100, 0)
    assert facts.offer("green") == facts.offer(None)


def test_a_product_is_to_be_had_while_any_variant_is() -> None:
    def having(published: bool = True, **quantities: int) -> bool | None:
        offers = {key.strip("_"): Offer(quantity=q) for key, q in quantities.items()}
        return ProductFacts(offers=offers, published=published).available(None)

    assert having() is None
    assert having(_=0) is False
    assert having(_=3) is True
    assert having(red=0, blue=0) is False
    assert having(red=0, blue=1) is True
    assert having(_=0, red=1) is True
    assert having(published=False, _=3) is False
    assert ProductFacts(offers={"red": Offer(price=1)}).available(None) is None
