"""Reads what stands under some ids in every topic keyed by user."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from runtime.deployment import partition_counts
from runtime.settings import KafkaSettings
from schemas.partitioner import partition_of
from schemas.topics import REGISTRY, SUBSCRIPTIONS, Partitioning, Topic

PERSONAL: tuple[Topic, ...] = tuple(
    topic for topic in REGISTRY if topic.partitioning is Partitioning.USER
)
"""The topics that hold something about somebody."""
POLL_MS = 500
_AT_ONCE = 5_000

Tell = Callable[[int, int], None]
"""Told how many records have been looked through, and of how many."""
Found = dict[Topic, list[ConsumerRecord]]


class TopicGoneError(Exception):
    """A topic does not exist; the message names it and the cure."""


def consumer(kafka: KafkaSettings) -> AIOKafkaConsumer:
    """A reader of committed records without a group."""
    return AIOKafkaConsumer(
        **kafka.client_options(),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )


async def personal_counts(kafka: KafkaSettings) -> dict[Topic, int]:
    """How many partitions each personal topic has. Creates none, whatever the broker's settings.

    Raises:
        TopicGoneError: a topic does not exist.
        KafkaError: the cluster cannot be reached.
    """
    found = await partition_counts(kafka)
    missing = [name for topic in PERSONAL if not found.get(name := kafka.topic(topic))]
    if missing:
        raise TopicGoneError(f"There is no topic {', '.join(missing)}. Cure: nudge topics create")
    return {topic: found[kafka.topic(topic)] for topic in PERSONAL}


def id_of(topic: Topic, key: bytes | None) -> str:
    """Whose a record is, by its key."""
    text = (key or b"").decode(errors="replace")
    return text.rpartition("/")[0] if topic is SUBSCRIPTIONS else text


def json_of(value: bytes | None) -> Any:
    """A record's value; what is no JSON as its text."""
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value.decode(errors="replace")


def objects(records: Iterable[ConsumerRecord]) -> list[dict[str, Any]]:
    """The values that are JSON objects."""
    return [value for record in records if isinstance(value := json_of(record.value), dict)]


async def read(
    kafka: KafkaSettings,
    ids: Collection[str],
    tell: Tell,
    topics: Iterable[Topic] = PERSONAL,
) -> Found:
    """All records of the ids, in the order of each partition, up to the topics' ends now.

    Raises:
        TopicGoneError: a topic does not exist.
        KafkaError: the cluster cannot be reached.
    """
    counts = await personal_counts(kafka)
    found: Found = {topic: [] for topic in topics}
    behind = {kafka.topic(topic): topic for topic in found}
    places = sorted({
        TopicPartition(kafka.topic(topic), partition_of(one, counts[topic]))
        for topic in found
        for one in ids
    })  # fmt: skip
    reader = consumer(kafka)
    await reader.start()
    try:
        reader.assign(places)
        begins, ends = await reader.beginning_offsets(places), await reader.end_offsets(places)
        for place in places:
            reader.seek(place, begins[place])
        total = sum(ends[place] - begins[place] for place in places)
        waiting, done = {p for p in places if begins[p] < ends[p]}, 0
        tell(0, total)
        while waiting:
            batches = await reader.getmany(*waiting, timeout_ms=POLL_MS, max_records=_AT_ONCE)
            for place, records in batches.items():
                topic = behind[place.topic]
                found[topic] += [
                    record
                    for record in records
                    if record.offset < ends[place] and id_of(topic, record.key) in ids
                ]
            waiting = {p for p in waiting if await reader.position(p) < ends[p]}
            positions = [min(await reader.position(p), ends[p]) - begins[p] for p in places]
            if sum(positions) > done:
                done = sum(positions)
                tell(done, total)
    finally:
        await reader.stop()
    return found
