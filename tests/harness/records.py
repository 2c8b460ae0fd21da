"""Records to a topic and back, as a shop's service and an analyst would."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic import BaseModel

from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class Sent:
    """A record to produce. ``at`` is its time in epoch ms; ``None``: the producer's now."""

    key: str | None
    value: bytes | BaseModel | dict[str, Any] | None
    at: int | None = None
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()

    def encoded(self) -> bytes | None:
        if isinstance(self.value, BaseModel):
            return dump(self.value)
        return orjson.dumps(self.value) if isinstance(self.value, dict) else self.value


@dataclass(frozen=True, slots=True)
class Read:
    """A record as it stands in its topic; ``at`` in epoch ms."""

    key: str | None
    value: bytes | None
    partition: int
    offset: int
    at: int
    headers: dict[str, bytes] = field(default_factory=dict)

    def json(self) -> Any:
        assert self.value is not None
        return orjson.loads(self.value)


@asynccontextmanager
async def producer(settings: KafkaSettings, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer with Kafka's default partitioner (murmur2 of the key)."""
    client = AIOKafkaProducer(**settings.client_options(), acks="all", **options)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def produce(settings: KafkaSettings, topic: Topic, records: Iterable[Sent]) -> None:
    """Sends all of them in order, and returns when the broker has every one."""
    async with producer(settings, linger_ms=5) as client:
        pending = [
            await client.send(
                settings.topic(topic),
                record.encoded(),
                key=None if record.key is None else record.key.encode(),
                timestamp_ms=record.at,
                partition=record.partition,
                headers=list(record.headers),
            )
            for record in records
        ]
        await asyncio.gather(*pending)


async def read_to_end(
    settings: KafkaSettings,
    topic: Topic,
    *,
    isolation: str = "read_committed",
    deadline_s: float = 30.0,
) -> list[Read]:
    """Every record of the topic up to its end now, by partition and offset.

    With ``read_committed`` the end is the last stable offset: what an open transaction holds back
    is not waited for.

    Raises:
        TimeoutError: the end was not reached within ``deadline_s``.
    """
    name = settings.topic(topic)
    consumer = AIOKafkaConsumer(
        name,
        **settings.client_options(),
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        async with asyncio.timeout(deadline_s):
            records = await _read(consumer, name)
    finally:
        await consumer.stop()
    return sorted(records, key=lambda record: (record.partition, record.offset))


async def _read(consumer: AIOKafkaConsumer, name: str) -> list[Read]:
    numbers = consumer.partitions_for_topic(name)
    assert numbers, f"there is no topic {name}"
    partitions = [TopicPartition(name, number) for number in sorted(numbers)]
    ends = await consumer.end_offsets(partitions)
    found: list[Read] = []
    waiting = set(partitions)
    while waiting := {p for p in waiting if await consumer.position(p) < ends[p]}:
        batches = await consumer.getmany(*waiting, timeout_ms=100)
        for partition, batch in batches.items():
            found += [_record(raw) for raw in batch if raw.offset < ends[partition]]
    return found


def _record(raw: Any) -> Read:
    return Read(
        key=None if raw.key is None else raw.key.decode(),
        value=raw.value,
        partition=raw.partition,
        offset=raw.offset,
        at=raw.timestamp,
        headers=dict(raw.headers),
    )


async def read_models(
    settings: KafkaSettings, topic: Topic, model: type[Any], **options: Any
) -> list[Any]:
    """Every committed record of the topic through its model; tombstones are left out."""
    records = await read_to_end(settings, topic, **options)
    return [model.model_validate_json(r.value) for r in records if r.value is not None]
