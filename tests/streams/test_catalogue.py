"""The catalogue agent and the facts it makes: each change once, whatever is killed."""

import random
from types import SimpleNamespace
from typing import cast

import orjson
import pytest

from processors.fold import fold
from runtime.settings import KafkaSettings
from schemas.products import FOLD_MARK_KEY
from schemas.structs import Product, read_catalog_event, read_product
from schemas.topics import PRODUCTS, SHOP_CATALOG
from streams.actor import Site
from streams.generation import Generation
from streams.reader import WALK_MEMORY_MS
from streams.settings import StreamsSettings
from tests.harness.records import Read, Sent, produce, read_to_end
from tests.harness.waiting import eventually
from tests.streams.shoppers import now_ms, rows
from tests.streams.workers import Workers

pytestmark = pytest.mark.timeout(300)


def changes(count: int, seed: int) -> list[Sent]:
    """Prices and stock of 20 products; some say what is known already, some come late."""
    dice, sent = random.Random(seed), []
    for number in range(count):
        product = f"product-{dice.randrange(20)}"
        at = now_ms() - dice.choice((0, 0, 0, 5_000))
        value = {"event_id": f"{seed}-{number}", "product_id": product, "occurred_at": at}
        if dice.random() < 0.5:
            value |= {"type": "price_change", "price": dice.randrange(1, 6), "currency": "PLN"}
        else:
            value |= {"type": "stock_change", "quantity": dice.randrange(3)}
        sent.append(Sent(product, value, at=now_ms()))
    return sent


def folded(sent: list[Sent]) -> dict[str, list[Product]]:
    """What stands in ``nudge-products`` afterwards, by product."""
    known: dict[str, list[Product]] = {}
    for one in sent:
        versions = known.setdefault(one.key or "", [])
        product = fold(versions[-1] if versions else None, read_catalog_event(one.encoded()))
        if product is not None:
            versions.append(product)
    return known


async def products(settings: KafkaSettings) -> dict[str, list[Product]]:
    known: dict[str, list[Product]] = {}
    for record in await _facts(settings):
        known.setdefault(record.key or "", []).append(read_product(record.value or b""))
    return known


async def _facts(settings: KafkaSettings) -> list[Read]:
    return [one for one in await read_to_end(settings, PRODUCTS) if one.key != FOLD_MARK_KEY]


async def _heard(settings: KafkaSettings) -> list[int]:
    """How many facts each partition was told."""
    newest = await rows(settings)
    return [orjson.loads(newest[p, "\x00tiny"] or b"{}")["facts"] for p in range(4)]


async def test_every_change_is_folded_and_told_to_every_partition_once_although_workers_are_killed(
    ruled: KafkaSettings, crew: Workers
) -> None:
    first = crew.start(NUDGE_SESSION_TIMEOUT_S="2")
    # A partition that never was anywhere starts at the end: it must have started by now.
    await eventually(lambda: _has_begun(ruled), 90)
    sent = changes(200, seed=1)
    await produce(ruled, SHOP_CATALOG, sent)
    await eventually(lambda: _some_folded(ruled), 90)
    first.kill()
    more = changes(200, seed=2)
    await produce(ruled, SHOP_CATALOG, more)
    crew.start(NUDGE_SESSION_TIMEOUT_S="2")
    expected = folded(sent + more)

    async def exact() -> bool:
        assert await products(ruled) == expected
        told = sum(len(versions) for versions in expected.values())
        assert await _heard(ruled) == [told] * 4
        return True

    await eventually(exact, 90)


async def test_the_record_of_a_product_has_the_time_of_what_changed_it(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start()
    (sent,) = changes(1, seed=3)
    await produce(ruled, SHOP_CATALOG, [sent])

    async def there() -> list[Read]:
        return await _facts(ruled)

    (fact,) = await eventually(there, 90)
    assert fact.at == sent.at


async def _has_begun(settings: KafkaSettings) -> bool:
    newest = await rows(settings)
    return all((p, "\x00tiny") in newest for p in range(4))


async def _some_folded(settings: KafkaSettings) -> bool:
    return bool(await _facts(settings))


@pytest.mark.parametrize("owned", [(), (0,)], ids=["none", "one that is not ready"])
def test_a_worker_without_partitions_keeps_an_hour_of_products(owned: tuple[int, ...]) -> None:
    site = cast(Site, SimpleNamespace(settings=StreamsSettings()))
    generation = Generation(site, "nudge", 1, (), lambda *_: None, lambda _: None)
    generation.partitions = owned
    oldest = generation.oldest_clock()
    if owned:
        assert oldest is None
    else:
        assert oldest is not None
        assert 0 <= now_ms() - WALK_MEMORY_MS - oldest < 60_000
