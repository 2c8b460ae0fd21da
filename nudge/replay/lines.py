"""Where a replay's records come from: files of JSON lines, or the topics themselves."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from pydantic import TypeAdapter

from nudge.events import event_models, unknown_type
from nudge.problem import Problem
from nudge.reading import Span, read, spans
from nudge.replay.replayer import Replayer
from processors.inputs import EVENT_RANK, FACT_RANK, INTERACTION_RANK, SUBSCRIPTION_RANK
from runtime.deployment import read_deployment
from runtime.settings import KafkaSettings
from schemas.adapters import (
    EVENT_CLASSES,
    InvalidRecordError,
    adapter_of,
    parse,
)
from schemas.base import EPOCH_MS_LIMIT, EpochMs
from schemas.decisions import DeadLetterReason
from schemas.people import Interaction, InteractionKind, Subscription, split_subscription_key
from schemas.structs import plain_shop_event, read_catalog_event, read_shop_event
from schemas.topics import INTERACTIONS, SHOP_CATALOG, SHOP_EVENTS, SUBSCRIPTIONS, Topic

LATEST_MS = EPOCH_MS_LIMIT - 10 * 365 * 86_400_000
"""The latest time (ms) of a line: what it opens comes due years later, and must be a time too."""

_TIME: TypeAdapter[int] = TypeAdapter(EpochMs)
_INTERACTIONS = {kind.value for kind in InteractionKind}


@dataclass(slots=True)
class BadLine:
    """A line that could not be read: its place, and what is wrong with it."""

    source: str
    line: int
    message: str


@dataclass(slots=True)
class Read:
    """How much was read, and what could not be."""

    records: int = 0
    bytes: int = 0
    bad: list[BadLine] = field(default_factory=list)


class _Head(msgspec.Struct, gc=False):
    """What is looked at before a line is read whole; whatever the fields hold."""

    type: Any = None
    occurred_at: Any = None
    recorded_at: Any = msgspec.UNSET


_RECORDED_AT = b'"recorded_at"'
_head: Any = msgspec.json.Decoder(_Head).decode


def feed_line(replayer: Replayer, line: bytes) -> None:
    """Tells the replayer one line: a user's or a catalogue event, or an interaction.

    ``recorded_at`` (epoch ms or RFC 3339) is when it reached the topic; absent it is
    ``occurred_at``.

    Raises:
        InvalidRecordError: the line is no such thing.
    """
    # Most lines are a user's events without more: read once.
    if (
        _RECORDED_AT not in line
        and (event := plain_shop_event(line)) is not None
        and event.occurred_at <= LATEST_MS
    ):
        replayer.shop_event(event, event.occurred_at)
        return
    try:
        head = _head(line)
    except msgspec.ValidationError:
        raise InvalidRecordError(DeadLetterReason.INVALID, "a line holds one JSON object") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRecordError(DeadLetterReason.BAD_JSON, str(error)) from None
    named = head.recorded_at is not msgspec.UNSET
    recorded_at = _time(head.recorded_at if named else head.occurred_at, named=named)
    kind = head.type
    if not isinstance(kind, str):
        raise InvalidRecordError(DeadLetterReason.UNKNOWN_TYPE, "type: missing")
    if kind in EVENT_CLASSES:
        replayer.shop_event(read_shop_event(line), recorded_at)
    elif kind in _INTERACTIONS:
        replayer.interaction(parse(adapter_of(Interaction), line), recorded_at)
    elif kind in event_models():
        replayer.catalog_event(read_catalog_event(line), recorded_at)
    else:
        raise InvalidRecordError(DeadLetterReason.UNKNOWN_TYPE, str(unknown_type(kind)))


def _time(stamp: Any, *, named: bool) -> int:
    if type(stamp) is int and 0 <= stamp <= LATEST_MS:
        return stamp
    name = "recorded_at" if named else "occurred_at"
    try:
        at = _TIME.validate_python(stamp)
    except ValueError:
        raise InvalidRecordError(
            DeadLetterReason.INVALID, f"{name}: epoch milliseconds, or RFC 3339 with an offset"
        ) from None
    if at > LATEST_MS:
        raise InvalidRecordError(
            DeadLetterReason.INVALID,
            f"{name}: so far off that what follows could come after the year 9999, where times end",
        )
    return at


def feed_files(
    replayer: Replayer, files: list[Path], progress: Callable[[int], None]
) -> Iterator[Read]:
    """Reads files of JSON lines in order, one after the other; yields now and then.

    ``progress`` is told the bytes read since the last call. A line that cannot be read is
    remembered and passed over.
    """
    done = Read()
    for path in files:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                done.bytes += len(line)
                if line.strip():
                    done.records += 1
                    try:
                        feed_line(replayer, line)
                    except InvalidRecordError as error:
                        done.bad.append(BadLine(str(path), number, f"{error.reason}: {error}"))
                if done.records % 5000 == 0:
                    progress(done.bytes)
                    done.bytes = 0
                    yield done
    progress(done.bytes)
    yield done


_TOPICS: dict[Topic, int] = {
    SHOP_CATALOG: FACT_RANK,
    SUBSCRIPTIONS: SUBSCRIPTION_RANK,
    SHOP_EVENTS: EVENT_RANK,
    INTERACTIONS: INTERACTION_RANK,
}
"""What a replay from topics reads, and the order within one millisecond."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The offsets to be read, and how many records that is at most."""

    spans: dict[TopicPartition, Span]

    @property
    def records(self) -> int:
        return sum(span.end - span.start for span in self.spans.values())


async def stretch_since(
    consumer: AIOKafkaConsumer, settings: KafkaSettings, since: int | None
) -> Stretch:
    """All the topics hold from ``since`` (record time in ms) on; ``None``: everything.

    Raises:
        Problem: there are no topics.
    """
    deployment = await read_deployment(settings)
    if deployment is None:
        raise Problem(
            f"There are no topics under the prefix {settings.namespace!r}.",
            "Run `nudge topics create`, or set NUDGE_NAMESPACE.",
        )
    partitions = [
        TopicPartition(settings.topic(topic), number)
        for topic in _TOPICS
        for number in range(deployment.partitions)
    ]
    return Stretch(await spans(consumer, partitions, since))


async def feed_topics(
    replayer: Replayer, settings: KafkaSettings, consumer: AIOKafkaConsumer, stretch: Stretch
) -> AsyncIterator[Read]:
    """Tells the replayer what the topics hold, by (record time, rank, partition, offset)."""
    ranks = {settings.topic(topic): rank for topic, rank in _TOPICS.items()}
    done = Read()
    together: list[ConsumerRecord] = []
    async for record in read(consumer, stretch.spans):
        if together and record.timestamp != together[0].timestamp:
            _feed_together(replayer, ranks, together, done)
            together.clear()
        together.append(record)
        done.records += 1
        if done.records % 5000 == 0:
            yield done
    _feed_together(replayer, ranks, together, done)
    yield done


def _feed_together(
    replayer: Replayer, ranks: dict[str, int], records: list[ConsumerRecord], done: Read
) -> None:
    """Records of one millisecond, in the order of a worker's merge."""
    records.sort(key=lambda record: (ranks[record.topic], record.partition, record.offset))
    for record in records:
        try:
            _feed_record(replayer, ranks[record.topic], record)
        except InvalidRecordError as error:
            place = f"{record.topic}/{record.partition}"
            done.bad.append(BadLine(place, record.offset, f"{error.reason}: {error}"))


def _feed_record(replayer: Replayer, rank: int, record: ConsumerRecord) -> None:
    at = record.timestamp
    if rank == EVENT_RANK:
        historical = any(name == "nudge-historical" for name, _ in record.headers)
        replayer.shop_event(read_shop_event(record.value), at, historical=historical)
    elif rank == FACT_RANK:
        replayer.catalog_event(read_catalog_event(record.value), at)
    elif rank == INTERACTION_RANK:
        replayer.interaction(parse(adapter_of(Interaction), record.value), at)
    else:
        user_id, subscription_id = split_subscription_key(record.key.decode())
        value = record.value and parse(adapter_of(Subscription), record.value)
        replayer.subscription(user_id, subscription_id, value or None, at)
