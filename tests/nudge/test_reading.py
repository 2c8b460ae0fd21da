"""Stretches of topics, merged by time, whatever stands between the records."""

from aiokafka import TopicPartition

from nudge.kafka import reader, writer
from nudge.reading import RECORDS_A_READ, Span, read, read_since, spans
from runtime.settings import KafkaSettings
from schemas.topics import DECISIONS, SHOP_CATALOG, SHOP_EVENTS
from tests.harness.records import Sent, produce

T = 1_772_359_200_000


def partitions(settings: KafkaSettings) -> list[TopicPartition]:
    topics = (settings.topic(SHOP_EVENTS), settings.topic(SHOP_CATALOG))
    return [TopicPartition(topic, number) for topic in topics for number in range(4)]


async def test_many_partitions_are_read_as_one_in_order_of_time(cluster: KafkaSettings) -> None:
    count = 2 * RECORDS_A_READ
    for topic in (SHOP_EVENTS, SHOP_CATALOG):
        await produce(cluster, topic, [Sent(f"k{n}", b"x", at=T + n) for n in range(count)])
    times = [r.timestamp async for r in read_since(cluster, partitions(cluster), None)]
    assert times == sorted([*range(T, T + count)] * 2)


async def test_reading_from_a_time_begins_there(cluster: KafkaSettings) -> None:
    await produce(cluster, SHOP_EVENTS, [Sent(f"k{n}", b"x", at=T + n) for n in range(100)])
    times = [r.timestamp async for r in read_since(cluster, partitions(cluster), T + 60)]
    assert times == [*range(T + 60, T + 100)]
    assert [r async for r in read_since(cluster, partitions(cluster), T + 100)] == []


async def test_markers_and_aborted_records_are_passed_and_the_end_is_found(
    cluster: KafkaSettings,
) -> None:
    name = cluster.topic(DECISIONS)
    async with writer(cluster, transactional_id=f"{name}-test") as producer:
        for number in range(6):
            await producer.begin_transaction()
            await producer.send_and_wait(name, str(number).encode(), partition=0)
            await (producer.abort_transaction if number % 2 else producer.commit_transaction)()
    seen = [r.value async for r in read_since(cluster, [TopicPartition(name, 0)], None)]
    assert seen == [b"0", b"2", b"4"]


async def test_a_span_ends_before_what_came_after_it(cluster: KafkaSettings) -> None:
    await produce(cluster, SHOP_EVENTS, [Sent("k", b"before", at=T)])
    async with reader(cluster) as consumer:
        stretch = await spans(consumer, partitions(cluster), None)
        assert sum(span.end - span.start for span in stretch.values()) == 1
        await produce(cluster, SHOP_EVENTS, [Sent("k", b"after", at=T)])
        assert [r.value async for r in read(consumer, stretch)] == [b"before"]
    empty = {tp: Span(0, 0) for tp in partitions(cluster)}
    async with reader(cluster) as consumer:
        assert [r async for r in read(consumer, empty)] == []
