"""What nobody can read goes to the dead letters with its reason, and the stream goes on."""

import asyncio
import struct
from pathlib import Path

import pytest
from aiokafka.record._crc32c import crc

from nudge.local import LocalKafka
from runtime.metrics import Metric
from runtime.settings import KafkaSettings
from schemas.topics import (
    DEAD_LETTER,
    HANDOVERS,
    INTERACTIONS,
    MARKS,
    PRODUCTS,
    RESULTS,
    SHOP_CATALOG,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
)
from tests.harness.clusters import fresh_cluster
from tests.harness.records import Read, Sent, produce, producer, read_to_end
from tests.harness.waiting import eventually
from tests.streams.conftest import apply_scenarios
from tests.streams.health import HealthPort
from tests.streams.shoppers import idle_counts, now_ms, user_in, view
from tests.streams.workers import Workers, workers

pytestmark = pytest.mark.timeout(300)

GOOD = "good-shopper"
NO_PARTITION = {"partition": 9, "until": 1}
PURCHASE = {
    "type": "purchase", "event_id": "e", "user_id": "u", "occurred_at": 1781085600000,
    "order_id": "o", "items": [], "value": 1, "currency": "PLN",
}  # fmt: skip

POISON = {
    "bad_json": Sent("u", b"{not json"),
    "bad history": Sent("u", b"{once", headers=(("nudge-historical", b"1"),)),
    "unknown_type": Sent("u", {"type": "teleport", "event_id": "e", "user_id": "u"}),
    "wrong types": Sent("u", {"type": "page_view", "event_id": 7, "user_id": "u", "url": []}),
    "negative price": Sent("u", {**PURCHASE, "value": -5}),
    "unknown currency": Sent("u", {**PURCHASE, "currency": "ZZZ"}),
    "nobody named": Sent("u", {**PURCHASE, "user_id": None}),
    "no value": Sent("u", None),
    "nested too deep": Sent("u", b"[" * 100_000 + b"]" * 100_000),
    "wrong key": Sent("somebody-else", PURCHASE),
    "no key": Sent(None, PURCHASE),
    "no UTF-8": Sent("u", b"\xff\xfe"),
}
REASONS = {
    "bad_json": "bad_json", "bad history": "bad_json", "unknown_type": "unknown_type",
    "wrong types": "invalid",
    "negative price": "invalid", "unknown currency": "invalid", "nobody named": "invalid",
    "no value": "invalid", "nested too deep": "bad_json", "wrong key": "wrong_key",
    "no key": "no_key", "no UTF-8": "bad_json",
}  # fmt: skip


async def test_unreadable_events_are_dead_lettered_as_they_came_and_the_rest_goes_on(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start()
    await produce(ruled, SHOP_EVENTS, [*POISON.values(), view(GOOD, 0)])
    letters = await _letters(ruled, len(POISON))
    await _goes_on(ruled)
    expected = [(REASONS[name], sent.key, sent.encoded()) for name, sent in POISON.items()]
    found = [(_text(one, "reason"), one.key, one.value) for one in letters]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert {_text(one, "topic") for one in letters} == {"shop.events"}
    assert [one.value for one in letters if "nudge-historical" in one.headers] == [b"{once"]


async def test_every_input_has_its_dead_letters(ruled: KafkaSettings, crew: Workers) -> None:
    crew.start()
    for topic in (SUBSCRIPTIONS, HANDOVERS, INTERACTIONS, RESULTS, SHOP_CATALOG):
        await produce(ruled, topic, [Sent("a/b", b"{}")])
    await produce(ruled, SUBSCRIPTIONS, [Sent("no-slash", b"{}")])
    letters = await _letters(ruled, 6)
    assert sorted(_text(one, "topic") for one in letters) == sorted([
        "push.subscriptions", "push.subscriptions", "nudge.handovers", "push.interactions",
        "push.results", "shop.catalog",
    ])  # fmt: skip


async def test_a_record_in_the_wrong_partition_is_named_with_the_cure(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start()
    user = user_in(1)
    sent = view(user, 0)
    await produce(ruled, SHOP_EVENTS, [Sent(user, sent.value, sent.at, partition=3)])
    (letter,) = await _letters(ruled, 1)
    assert _text(letter, "reason") == "wrong_partition"
    assert "belongs in partition 1 of 4" in _text(letter, "error")
    assert "murmur2_random" in _text(letter, "error")
    assert letter.partition == 3


async def test_a_huge_record_is_cut_short_in_the_dead_letters(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start(NUDGE_MAX_RECORD_BYTES="600000")
    async with producer(ruled, max_request_size=2_000_000, compression_type="gzip") as client:
        await client.send_and_wait(ruled.topic(SHOP_EVENTS), b" " * 900_000, key=b"u")
    (letter,) = await _letters(ruled, 1)
    assert _text(letter, "reason") == "too_large"
    assert letter.headers["nudge-truncated"] == b"900000"
    assert letter.value == b" " * 500_000
    await produce(ruled, SHOP_EVENTS, [view(GOOD, 0)])
    await _goes_on(ruled)


async def test_a_key_that_would_not_fit_into_a_dead_letter_is_left_out_of_it(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start()
    sizes = {950_000: 2, 450_000: 520_000}
    async with producer(ruled, max_request_size=2_000_000, compression_type="gzip") as client:
        for key, value in sizes.items():
            await client.send_and_wait(ruled.topic(SHOP_EVENTS), b" " * value, key=b"k" * key)
    letters = await _letters(ruled, len(sizes))
    assert [one.key for one in letters] == [None, None]
    assert {int(one.headers["nudge-keyless"]) for one in letters} == set(sizes)
    await produce(ruled, SHOP_EVENTS, [view(GOOD, 0)])
    await _goes_on(ruled)


async def test_strangers_records_in_internal_topics_are_passed_over_named_and_counted(
    ruled: KafkaSettings, crew: Workers
) -> None:
    health = HealthPort()
    worker = crew.start(**health.environment)
    await eventually(lambda: "partitions_taken" in worker.log, 90)
    strange = [
        Sent("zz", b"garbage"), Sent("product", b"{}"), Sent("~mark", None), Sent("~mark", b"{}"),
        Sent("gone", None),
    ]  # fmt: skip
    await produce(ruled, PRODUCTS, strange)
    async with producer(ruled) as client:
        await client.send_and_wait(ruled.topic(PRODUCTS), b"{}", key=b"\xff", partition=1)
    await produce(ruled, MARKS, [Sent("0", None), Sent("1", {"until": 1}), Sent("9", NO_PARTITION)])

    def unread() -> dict[str, float]:
        counted = health.samples(Metric.DEAD_LETTERS)
        return {
            topic.name: sum(n for labels, n in counted.items() if topic.name in labels)
            for topic in (PRODUCTS, MARKS)
        }

    await eventually(lambda: unread() == {"nudge-products": 5, "nudge-marks": 3}, 90)
    assert '"topic":"nudge-products","partition":1,"offset":' in worker.log
    await produce(ruled, SHOP_CATALOG, [_price("fresh")])
    await produce(ruled, SHOP_EVENTS, [view(GOOD, 0)])
    await _goes_on(ruled)
    assert worker.stop() == 0

    again = crew.start(**health.environment)
    await produce(ruled, SHOP_EVENTS, [view(GOOD, 1)])
    await eventually(lambda: _told(ruled, {GOOD: [1, 2]}), 90)
    assert unread()["nudge-products"] == 5
    assert again.alive


async def test_a_product_called_as_the_key_of_a_piece_of_content_is_dead_lettered(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start()
    content = {
        "type": "content_published", "event_id": "c", "content_id": "x", "occurred_at": now_ms(),
        "topic": "news", "title": "News", "url": "https://shop.example/x",
    }  # fmt: skip
    await produce(ruled, SHOP_CATALOG, [Sent("content/x", content), _price("content/x")])
    (letter,) = await _letters(ruled, 1)
    assert _text(letter, "reason") == "wrong_key"
    assert "share that key" in _text(letter, "error")


def _price(product: str) -> Sent:
    return Sent(product, {
        "type": "price_change", "event_id": "p", "product_id": product, "occurred_at": now_ms(),
        "price": 1, "currency": "PLN",
    })  # fmt: skip


@pytest.mark.parametrize("damage", ["checksum", "codec"])
async def test_a_damaged_batch_is_passed_and_no_other_is_lost(
    damage: str, tmp_path: Path, namespace: str
) -> None:
    """On disk, where only a broken disk or a stranger's producer could do it."""
    user = user_in(0)
    with LocalKafka(data=tmp_path) as broker:
        async with fresh_cluster(broker.bootstrap, namespace) as settings:
            await apply_scenarios(settings)
            for number in range(3):
                await produce(settings, SHOP_EVENTS, [view(user, number)])
            await asyncio.to_thread(broker.stop)
            _damage(_segment(tmp_path, settings.topic(SHOP_EVENTS)), batch=1, how=damage)
            await asyncio.to_thread(broker.start)
            with workers(settings) as crew:
                crew.start()
                (letter,) = await _letters(settings, 1)
                await eventually(lambda: _told(settings, {user: [2]}), 90)
    assert _text(letter, "reason") == {"checksum": "corrupt", "codec": "unknown_codec"}[damage]
    assert _text(letter, "error").startswith("offsets 1 to 1: ")


def _segment(data: Path, topic: str) -> Path:
    return next(data.glob(f"data/{topic}-0/*.log"))


def _damage(segment: Path, *, batch: int, how: str) -> None:
    raw = bytearray(segment.read_bytes())
    at = 0
    for _ in range(batch):
        at += 12 + struct.unpack_from(">i", raw, at + 8)[0]
    length = 12 + struct.unpack_from(">i", raw, at + 8)[0]
    if how == "checksum":
        raw[at + length - 1] ^= 0xFF
    else:
        raw[at + 22] = 5  # attributes: a codec that nobody has
        raw[at + 17 : at + 21] = struct.pack(">I", crc(raw[at + 21 : at + length]))
    segment.write_bytes(raw)


def _text(letter: Read, name: str) -> str:
    return letter.headers[f"nudge-{name}"].decode()


async def _letters(settings: KafkaSettings, count: int) -> list[Read]:
    async def all_there() -> list[Read]:
        letters = await read_to_end(settings, DEAD_LETTER)
        assert len(letters) >= count, [one.headers for one in letters]
        return letters

    letters = await eventually(all_there, 90)
    assert len(letters) == count
    return letters


async def _goes_on(settings: KafkaSettings) -> None:
    await eventually(lambda: _told(settings, {GOOD: [1]}), 90)


async def _told(settings: KafkaSettings, expected: dict[str, list[int]]) -> bool:
    assert await idle_counts(settings) == expected
    return True
