"""Files into a deployment that is new."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import orjson
from aiokafka import AIOKafkaProducer, TopicPartition

from nudge.kafka import partition_counts, reader, writer
from nudge.problem import Problem
from nudge.reading import Span, read, spans
from nudge.state.files import STATE, Manifest, Part, Row, load_manifest, read_rows
from processors.campaign_walk import CampaignState
from processors.partition_state import STATE_KEY, PartitionState
from processors.table import RESERVED
from runtime.deployment import read_deployment
from runtime.settings import KafkaSettings
from schemas.campaigns import stop_key
from schemas.control import voucher_key
from schemas.partitioner import partition_of
from schemas.people import split_subscription_key
from schemas.topics import (
    CAMPAIGNS,
    PROFILES_CHANGELOG,
    REGISTRY,
    SCENARIOS,
    SUBSCRIPTIONS,
    Partitioning,
    Topic,
)

HEADER = "nudge-import"
"""On an imported record: ``<backup>/<how many of its partition came before>``."""
_UNDER_WAY = 1_000
_VOUCHERS = voucher_key("").encode()
_STOPS = stop_key("").encode()
_ENGINE = RESERVED + b"engine/"
"""Which topics the state belongs to, and how far they were read."""
_OF_OFFSETS = frozenset({"applied", "walks"})
"""Of a partition's memory: products applied, and news on its way to whom it concerns."""

Tell = Callable[[int], None]
"""Told how many records stand in Kafka."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """``records``: by topic. ``left_out``: voucher batches and campaigns, where P is another."""

    records: Mapping[str, int]
    left_out: int


async def import_state(
    settings: KafkaSettings, directory: Path, tell: Tell, *, other_partitions: bool
) -> Loaded:
    """Fills new topics from a backup; goes on where a run was broken off, and counts at the end.

    Args:
        other_partitions: the new topics may have another number of partitions: users move.

    Raises:
        Problem: the backup is not complete or damaged, the deployment is not empty, has another
            number of partitions, or somebody else wrote meanwhile.
    """
    manifest = complete(directory)
    deployment = await read_deployment(settings)
    if deployment is None:
        raise Problem("There are no topics yet.", "nudge topics create")
    moved = deployment.partitions != manifest.partitions
    if moved and not other_partitions:
        raise Problem(
            f"The backup has {manifest.partitions} partitions, these topics"
            f" {deployment.partitions}.",
            f"nudge topics create --partitions {manifest.partitions} in a new namespace; or move"
            " the users (docs/operations.md, More partitions): --other-partitions",
        )
    plan = _Plan(directory, manifest, deployment.partitions, moved)
    done = await _look(settings, plan)
    async with writer(settings, linger_ms=20) as producer:
        await _fill(producer, settings, plan, done, tell)
    return await _count(settings, plan)


def complete(directory: Path) -> Manifest:
    """The manifest of a backup whose files are all whole.

    Raises:
        Problem: there is none, it was broken off, or a file is damaged.
    """
    manifest = load_manifest(directory)
    if manifest is None:
        raise Problem(f"{directory} holds no backup.", "nudge state export DIR makes one.")
    if not manifest.complete:
        raise Problem(f"The backup in {directory} was broken off.", "Run the export again.")
    for part in manifest.parts:
        for _ in read_rows(directory, part):
            pass  # all are whole before anything is written
    return manifest


class _Plan:
    """What goes where. ``counts``: how many records each partition is to hold, as they come."""

    def __init__(self, directory: Path, manifest: Manifest, partitions: int, moved: bool) -> None:
        self.name = manifest.deployment
        self.left_out = 0
        self.counts = {
            (topic, number): 0 for topic in STATE for number in range(topic.partitions(partitions))
        }
        self._directory = directory
        self._manifest = manifest
        self._partitions = partitions
        self._moved = moved

    def rows(self) -> Iterator[tuple[Topic, int, Row]]:
        """Every row and its partition, always in the same order."""
        for part in self._manifest.parts:
            topic = next(topic for topic in STATE if topic.name == part.topic)
            for row in read_rows(self._directory, part):
                if (kept := self._kept(topic, row)) is not None:
                    yield topic, self._place(topic, part, kept), kept
        if self._moved:
            state = msgspec.json.encode(self._state_when_moved())
            for number in range(self._partitions):
                yield PROFILES_CHANGELOG, number, Row(STATE_KEY, state, 0)

    def _place(self, topic: Topic, part: Part, row: Row) -> int:
        if topic.partitioning is Partitioning.SINGLE or not self._moved:
            return part.partition
        owner = row.key.decode()
        if topic is SUBSCRIPTIONS:
            with suppress(ValueError):  # nobody's: whoever reads it passes it over
                owner = split_subscription_key(owner)[0]
        return partition_of(owner, self._partitions)

    def _kept(self, topic: Topic, row: Row) -> Row | None:
        is_batch = topic is SCENARIOS and row.key.startswith(_VOUCHERS)
        if self._moved and (topic is CAMPAIGNS or is_batch):
            # A code's partition is its place modulo P; whom a campaign has reached each
            # partition knows for itself.
            self.left_out += not row.key.endswith(_STOPS)
            return None
        if topic is PROFILES_CHANGELOG and row.key.startswith(RESERVED):
            return None if self._moved or row.key.startswith(_ENGINE) else _without_offsets(row)
        return row

    def _state_when_moved(self) -> PartitionState:
        """The least clock; walks are numbered on: profiles remember which have come to them."""
        states = [
            PartitionState.read(row.value)
            for part in self._manifest.parts
            if part.topic == PROFILES_CHANGELOG.name
            for row in read_rows(self._directory, part)
            if row.key == STATE_KEY
        ]
        campaigns = [state.campaigns.walked for state in states if state.campaigns is not None]
        return PartitionState(
            clock=min((state.clock for state in states), default=0),
            walked=max((state.walked for state in states), default=0),
            campaigns=CampaignState(max(campaigns, default=0)),
        )


def _without_offsets(row: Row) -> Row:
    """A partition's memory without offsets, which mean nothing in other topics."""
    if row.key != STATE_KEY:
        return row
    state = orjson.loads(row.value)
    kept = {name: value for name, value in state.items() if name not in _OF_OFFSETS}
    return Row(row.key, orjson.dumps(kept), row.at)


async def _look(settings: KafkaSettings, plan: _Plan) -> dict[tuple[Topic, int], int]:
    """How much of this very backup stands in the topics.

    Raises:
        Problem: something else does.
    """
    counts = await partition_counts(settings, REGISTRY)
    places = {
        TopicPartition(settings.topic(topic), number): (topic, number)
        for topic in REGISTRY
        for number in range(counts[topic])
    }
    done: dict[tuple[Topic, int], int] = {}
    async with reader(settings) as consumer:
        ends = await spans(consumer, places, None)
        last = {
            p: Span(span.end - 1, span.end) for p, span in ends.items() if span.end > span.start
        }
        newest = {TopicPartition(r.topic, r.partition): r async for r in read(consumer, last)}
    for place in last:
        topic, number = places[place]
        record = newest.get(place)
        if topic is SCENARIOS and ends[place].end - ends[place].start == 1:
            continue  # the deployment's own record
        mark = dict(record.headers).get(HEADER, b"").decode() if record is not None else ""
        name, _, before = mark.rpartition("/")
        if name != plan.name or topic not in STATE:
            raise Problem(
                f"{place.topic} is not empty: state goes into a new deployment only.",
                "nudge topics create in a new namespace (NUDGE_NAMESPACE), and start no worker"
                " before this has ended.",
            )
        done[topic, number] = int(before) + 1
    return done


async def _fill(
    producer: AIOKafkaProducer,
    settings: KafkaSettings,
    plan: _Plan,
    done: Mapping[tuple[Topic, int], int],
    tell: Tell,
) -> None:
    pending: list[asyncio.Future[object]] = []
    stood = sum(done.values())
    for topic, number, row in plan.rows():
        before = plan.counts[topic, number]
        plan.counts[topic, number] += 1
        if before < done.get((topic, number), 0):
            continue
        pending.append(
            await producer.send(
                settings.topic(topic), row.value, key=row.key, partition=number,
                timestamp_ms=row.at or None, headers=[(HEADER, f"{plan.name}/{before}".encode())],
            )
        )  # fmt: skip
        if len(pending) >= _UNDER_WAY:
            await asyncio.gather(*pending)
            stood += len(pending)
            pending.clear()
            tell(stood)
    await asyncio.gather(*pending)
    tell(stood + len(pending))


async def _count(settings: KafkaSettings, plan: _Plan) -> Loaded:
    """Reads back how much stands there now.

    Raises:
        Problem: it is not what was written: somebody else wrote.
    """
    places = {
        TopicPartition(settings.topic(topic), number): (topic, number)
        for topic, number in plan.counts
    }
    async with reader(settings) as consumer:
        ends = await spans(consumer, places, None)
    records: dict[str, int] = {}
    for place, (topic, number) in places.items():
        wanted = plan.counts[topic, number] + (1 if topic is SCENARIOS else 0)
        if ends[place].end != wanted:
            raise Problem(
                f"{place.topic}-{place.partition} holds {ends[place].end} records, not the"
                f" {wanted} that were to be there: somebody else wrote.",
                "Start again in a new namespace, with no worker running.",
            )
        records[topic.name] = records.get(topic.name, 0) + plan.counts[topic, number]
    return Loaded(records, plan.left_out)
