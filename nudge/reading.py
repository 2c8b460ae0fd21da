"""Reads stretches of topics: from a time or the beginning, merged by time, then live."""

import heapq
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from nudge.kafka import reader
from nudge.problem import did_you_mean, usage_problem
from runtime.settings import KafkaSettings
from schemas.topics import REGISTRY, Topic

RECORDS_A_READ = 2000
_POLL_MS = 200


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of one partition, ``start`` included, ``end`` not."""

    start: int
    end: int


_Placed = tuple[int, int, int, int, ConsumerRecord, TopicPartition]
"""A record after what it is ordered by: time (ms), rank of its topic, partition, offset."""


async def spans(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition], since: int | None
) -> dict[TopicPartition, Span]:
    """What each partition holds now from ``since`` on (record time in ms; ``None``: all of it)."""
    wanted = list(partitions)
    ends = await consumer.end_offsets(wanted)
    if since is None:
        starts = await consumer.beginning_offsets(wanted)
    else:
        found = await consumer.offsets_for_times(dict.fromkeys(wanted, max(since, 0)))
        starts = {tp: ends[tp] if at is None else at.offset for tp, at in found.items()}
    return {tp: Span(starts[tp], max(ends[tp], starts[tp])) for tp in wanted}


async def read(
    consumer: AIOKafkaConsumer, stretch: Mapping[TopicPartition, Span]
) -> AsyncIterator[ConsumerRecord]:
    """The records of the spans in order of their time; ends where the spans end.

    Holds a fetch of each partition at most. Leaves the consumer at the spans' ends. One read a
    consumer: aiokafka's ``stop()`` can wait for ever after a second ``assign()``.
    """
    await seek(consumer, {tp: span.start for tp, span in stretch.items()})
    reading = {tp: span.end for tp, span in stretch.items() if span.start < span.end}
    empty = list(reading)
    rest: dict[TopicPartition, Iterator[_Placed]] = {}
    first: list[_Placed] = []  # a heap of each partition's first; what follows it is in `rest`
    while empty or first:
        if empty:
            empty = await _fill(consumer, empty, reading, rest, first)
            continue
        *_, record, tp = first[0]
        following = next(rest[tp], None)
        if following is not None:
            heapq.heapreplace(first, following)
        else:
            heapq.heappop(first)
            if tp in reading:
                empty = [tp]
        yield record
    for tp, span in stretch.items():
        consumer.seek(tp, span.end)


async def read_since(
    settings: KafkaSettings, partitions: Iterable[TopicPartition], since: int | None
) -> AsyncIterator[ConsumerRecord]:
    """What the partitions hold from ``since`` on, as :func:`spans` and :func:`read` say.

    Raises:
        Problem: Kafka cannot be reached.
    """
    async with reader(settings) as consumer:
        async for record in read(consumer, await spans(consumer, partitions, since)):
            yield record


async def read_log(settings: KafkaSettings, topic: Topic) -> list[ConsumerRecord]:
    """A topic of one partition as workers read it: whole, and what was told last stands last.

    Raises:
        Problem: Kafka cannot be reached.
    """
    partition = TopicPartition(settings.topic(topic), 0)
    records = [record async for record in read_since(settings, [partition], None)]
    return sorted(records, key=lambda record: record.offset)


async def seek(consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int]) -> None:
    """Assigns the partitions and stands at the given offsets."""
    consumer.assign(list(positions))
    for tp, offset in positions.items():
        consumer.seek(tp, offset)


async def _fill(
    consumer: AIOKafkaConsumer,
    empty: list[TopicPartition],
    reading: dict[TopicPartition, int],
    rest: dict[TopicPartition, Iterator[_Placed]],
    first: list[_Placed],
) -> list[TopicPartition]:
    """Fetches for partitions of which nothing is held; closes those that are at their end.

    Answers the others of which nothing has come. The position says where the end is: transaction
    markers stand at offsets of their own.
    """
    batches = await consumer.getmany(*empty, timeout_ms=_POLL_MS, max_records=RECORDS_A_READ)
    came = set()
    for tp, records in batches.items():
        rank, end = rank_of(tp.topic), reading[tp]
        placed = sorted(
            (record.timestamp, rank, tp.partition, record.offset, record, tp)
            for record in records
            if record.offset < end
        )
        if placed:
            came.add(tp)
            rest[tp] = iter(placed)
            heapq.heappush(first, next(rest[tp]))
    for tp in empty:
        if await consumer.position(tp) >= reading[tp]:
            del reading[tp]
    return [tp for tp in empty if tp in reading and tp not in came]


def key_of(record: ConsumerRecord) -> str:
    """The record's key as text; empty where it has none."""
    return (record.key or b"").decode(errors="replace")


def value_of(record: ConsumerRecord) -> Any:
    """The record's JSON; text where it is none, ``None`` for a tombstone."""
    if record.value is None:
        return None
    try:
        return orjson.loads(record.value)
    except orjson.JSONDecodeError:
        return record.value.decode(errors="replace")


def headers_of(record: ConsumerRecord) -> dict[str, str | None]:
    """The record's headers as text; Kafka has headers without a value."""
    return {
        name: None if value is None else value.decode(errors="replace")
        for name, value in record.headers
    }


@lru_cache(maxsize=256)
def topic_behind(name: str) -> Topic | None:
    """The registry's topic of a name on the cluster, whatever its namespace."""
    for topic in REGISTRY:
        if name == topic.name or name.endswith(f".{topic.name}"):
            return topic
    return None


def topic_named(name: str) -> Topic:
    """The registry's topic that people call so: by its name, or its last word.

    Raises:
        Problem: there is none.
    """
    by_name = {topic.name: topic for topic in REGISTRY}
    by_name |= {topic.name.rpartition(".")[2]: topic for topic in REGISTRY}
    found = by_name.get(name)
    if found is None:
        cure = did_you_mean(name, by_name, "See `nudge topics describe`.")
        raise usage_problem(f"There is no topic {name!r}.", cure)
    return found


@lru_cache(maxsize=256)
def rank_of(name: str) -> int:
    """The place of a topic (by its name on the cluster) in the registry."""
    topic = topic_behind(name)
    return len(REGISTRY) if topic is None else REGISTRY.index(topic)


async def follow(consumer: AIOKafkaConsumer) -> AsyncIterator[ConsumerRecord]:
    """What comes from where the consumer stands, as it comes, for ever."""
    while True:
        batches: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=1000)
        records = [record for batch in batches.values() for record in batch]
        for record in sorted(records, key=lambda record: (record.timestamp, rank_of(record.topic))):
            yield record
