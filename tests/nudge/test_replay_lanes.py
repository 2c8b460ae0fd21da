"""A whole catalogue that is published at once is told to nobody product by product."""

from collections.abc import Iterable

import pytest

from nudge.replay.replayer import Replayer
from processors.effects import Effects
from processors.inputs import FactRecord, Input, Tick
from processors.partition import Partition
from schemas.adapters import to_json
from schemas.structs import read_catalog_event
from tests.processors.shop import NOON, book_of, event, first_rules


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Input]:
    """What the partition was told."""
    inputs: list[Input] = []
    step = Partition.step

    def listen(core: Partition, items: Iterable[Input], tick: Tick | None) -> Effects:
        given = list(items)
        inputs.extend(given)
        return step(core, given, tick)

    monkeypatch.setattr(Partition, "step", listen)
    return inputs


def published(replayer: Replayer, product: str, at: int, price: int) -> None:
    news = {"type": "product_published", "event_id": f"{product}-{at}", "occurred_at": at,
            "product_id": product, "name": "A thing", "category": "things", "price": price,
            "currency": "PLN", "quantity": 5, "url": "https://shop.example/p"}  # fmt: skip
    replayer.catalog_event(read_catalog_event(to_json(news)), at)


def facts(told: list[Input]) -> list[str]:
    return [item.key for item in told if isinstance(item, FactRecord)]


def test_of_a_catalogue_published_at_once_the_last_is_told_and_all_are_known(
    told: list[Input],
) -> None:
    replayer = Replayer(book_of(first_rules()), partitions=1)
    for product in ("lamp", "desk", "chair"):
        published(replayer, product, NOON, 5999)
    replayer.shop_event(event("view_item", NOON + 1, product_id="lamp"), NOON + 1)
    replayer.finish()
    assert facts(told) == ["chair"]
    ((_, ann),) = replayer.profiles()
    assert [view.price for view in ann.viewed] == [5999]


def test_what_comes_between_two_products_finds_the_first_and_not_the_second(
    told: list[Input],
) -> None:
    replayer = Replayer(book_of(first_rules()), partitions=1)
    published(replayer, "lamp", NOON, 5999)
    for product in ("lamp", "desk"):
        view = event("view_item", NOON, product_id=product, event_id=product)
        replayer.shop_event(view, NOON)
    published(replayer, "desk", NOON, 100)
    replayer.finish()
    assert facts(told) == ["lamp", "desk"]
    ((_, ann),) = replayer.profiles()
    assert [view.price for view in ann.viewed] == [5999, None]


def test_news_that_somebody_may_wait_for_is_told_by_itself(told: list[Input]) -> None:
    replayer = Replayer(book_of(first_rules()), partitions=1)
    for price in (5999, 2999):
        published(replayer, "lamp", NOON, price)
        published(replayer, "desk", NOON, price)
    replayer.finish()
    assert facts(told) == ["lamp", "desk"]
