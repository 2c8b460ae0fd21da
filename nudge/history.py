"""History on its way in: events with their own times, that build state and open no moment."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import OffsetAndMetadata

from nudge.documents import json_documents
from nudge.drift import TopicState, alter
from nudge.event_input import Source, open_input
from nudge.events import ReadyEvent
from nudge.kafka import admin, missing_topic, partition_counts, patiently, transaction, writer
from nudge.problem import Problem
from nudge.topics import describe
from nudge.when import ago, rfc3339
from runtime.settings import KafkaSettings
from schemas.headers import HISTORICAL_HEADER
from schemas.partitioner import partition_of
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS, TAKEN_AHEAD_MS, Topic

_HEADERS = [(HISTORICAL_HEADER, b"1")]
_A_TRANSACTION = 5000
_MARGIN_MS = 86_400_000


@dataclass(slots=True)
class Survey:
    """What a file holds: how many events of each topic, and how old the oldest is (ms).

    ``until``: the latest time (ms) that Kafka takes; ``ahead``: how many events lie after it.
    """

    path: Path
    until: int
    ahead: int = 0
    digest: str = ""
    counts: dict[Topic, int] = field(default_factory=dict)
    oldest: dict[Topic, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Trap:
    """A topic that would lose history or its times, and the cure."""

    said: str
    cure: str


def survey(path: Path, tell: Callable[[str], None], now: int) -> tuple[Survey, int]:
    """Reads the whole file; answers what it holds, and how many lines are bad (told to ``tell``).

    ``now``: the time (ms) of the loading.

    Raises:
        Problem: the file cannot be read.
    """
    found = Survey(path, now + TAKEN_AHEAD_MS, digest=_digest(path))
    source = _source(found, tell)
    for line, event in _events(found, source):
        if event.occurred_at > found.until:
            found.ahead += 1
            tell(
                f"{path}, line {line}: occurred_at: {rfc3339(event.occurred_at)} is"
                f" {ago(event.occurred_at - now)} ahead; Kafka takes {ago(TAKEN_AHEAD_MS)} at most"
            )
            continue
        found.counts[event.topic] = found.counts.get(event.topic, 0) + 1
        at = found.oldest.get(event.topic, event.occurred_at)
        found.oldest[event.topic] = min(at, event.occurred_at)
    return found, source.faulty + found.ahead


def _digest(path: Path) -> str:
    with open_input(path) as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()[:16]


def _source(found: Survey, tell: Callable[[str], None]) -> Source:
    return Source(str(found.path), {}, None, tell, strict=False)


def _events(found: Survey, source: Source) -> Iterator[tuple[int, ReadyEvent]]:
    """(line, event) of those that are valid; one without an id gets the same at every run."""
    with open_input(found.path) as stream:
        documents = (
            (line, {"event_id": f"{found.digest}-{line}"} | raw if isinstance(raw, dict) else raw)
            for line, raw in json_documents(stream, source.name)
        )
        yield from source.events(documents)


async def traps(settings: KafkaSettings, found: Survey, now: int) -> list[Trap]:
    """Topic settings under which this history would not last, or would lose its times.

    Raises:
        Problem: a topic does not exist.
        KafkaError: the cluster cannot be reached.
    """
    states = {state.topic: state for state in await describe(settings)}
    for topic in found.oldest:
        if not states[topic].exists:
            raise missing_topic(states[topic].name)
    return [
        trap
        for topic, oldest in found.oldest.items()
        for trap in topic_traps(states[topic], oldest, now, settings.kafka_bootstrap)
    ]


def topic_traps(state: TopicState, oldest: int, now: int, broker: str) -> Iterator[Trap]:
    """What is wrong with one topic for records as old as ``oldest`` (ms)."""
    retention = int(state.config.get("retention.ms", "-1"))
    if 0 <= retention < now - oldest + _MARGIN_MS:
        yield Trap(
            f"{state.name} keeps records for {ago(retention)} by their own time, and the oldest"
            f" event is {ago(now - oldest)} old: Kafka would delete it, perhaps while it is read.",
            alter(broker, state.name, "retention.ms", "-1"),
        )
    if state.config.get("message.timestamp.type") == "LogAppendTime":
        yield Trap(
            f"{state.name} stamps records with the time they come: history would be of today.",
            alter(broker, state.name, "message.timestamp.type", "CreateTime"),
        )


async def load(
    settings: KafkaSettings, found: Survey, tell: Callable[[str], None]
) -> AsyncGenerator[int, None]:
    """Writes the file's events; yields how many of them are safe so far.

    Each transaction holds events and the number done, as the offset of a consumer group named
    after the file's content: a run broken off goes on where it was, a second one writes nothing.
    Events too far ahead are counted among those done, so that a later run counts the same.
    A second run at the same time takes over from the first.

    Raises:
        Problem: Kafka cannot be reached, or another run took over.
        KafkaError: a record was refused.
    """
    group = settings.group(f"backfill-{found.digest}")
    mark = TopicPartition(settings.topic(SHOP_EVENTS), 0)
    counts = await partition_counts(settings, found.counts)
    async with writer(settings, transactional_id=group) as producer:
        done = await _done(settings, group, mark)
        yield done
        events = islice(_events(found, _source(found, tell)), done, None)
        while batch := list(islice(events, _A_TRANSACTION)):
            taken = [event for _, event in batch if event.occurred_at <= found.until]
            async with transaction(producer):
                await _write(producer, settings, counts, taken)
                done += len(batch)
                offsets = {mark: OffsetAndMetadata(done, found.path.name[:100])}
                await producer.send_offsets_to_transaction(offsets, group)
            yield done


async def _done(settings: KafkaSettings, group: str, mark: TopicPartition) -> int:
    async with admin(settings) as client:
        offsets = await patiently(
            lambda: client.list_consumer_group_offsets(group, partitions=[mark])
        )
    return max(offsets[mark].offset, 0) if mark in offsets else 0


async def _write(
    producer: AIOKafkaProducer,
    settings: KafkaSettings,
    counts: Mapping[Topic, int],
    batch: Iterable[ReadyEvent],
) -> None:
    """Sends the events in batches made here: a fifth of the time of a send for each."""
    open_batches: dict[TopicPartition, BatchBuilder] = {}
    answers = []
    for event in batch:
        place = TopicPartition(
            settings.topic(event.topic), partition_of(event.key, counts[event.topic])
        )
        builder = open_batches.get(place)
        if builder is None:
            builder = open_batches[place] = producer.create_batch()
        if not _append(builder, event):
            answers.append(
                await producer.send_batch(builder, place.topic, partition=place.partition)
            )
            builder = open_batches[place] = producer.create_batch()
            if not _append(builder, event):
                raise Problem(f"Event {event.event_id} is too large for a batch.")
    for place, builder in open_batches.items():
        answers.append(await producer.send_batch(builder, place.topic, partition=place.partition))
    await asyncio.gather(*answers)


def _append(builder: BatchBuilder, event: ReadyEvent) -> bool:
    """Whether it still had room."""
    added = builder.append(
        timestamp=event.occurred_at, value=event.value, key=event.key.encode(), headers=_HEADERS
    )
    return added is not None


TOPICS = (SHOP_EVENTS, SHOP_CATALOG)
"""The topics that history goes to."""
