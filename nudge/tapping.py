"""The records that ``nudge tap`` shows, and how."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from nudge.kafka import partition_counts
from nudge.reading import follow as follow_on
from nudge.reading import headers_of, key_of, read, seek, spans, value_of
from nudge.terminal import plain
from nudge.when import clock, now_ms
from nudge.words import Kind, Line
from runtime.settings import KafkaSettings
from schemas.partitioner import partition_of
from schemas.topics import SUBSCRIPTIONS, Topic

_COLOURS = {
    Kind.DID: "cyan",
    Kind.DECIDED: "yellow",
    Kind.SENT: "blue",
    Kind.RESULT: "magenta",
    Kind.REACTED: "cyan",
    Kind.IDENTITY: "cyan",
    Kind.TROUBLE: "red",
}


async def records_of(
    consumer: AIOKafkaConsumer,
    settings: KafkaSettings,
    topics: Sequence[Topic],
    user: str | None,
    start: int | None,
    *,
    follow: bool,
    until: int | None = None,
) -> AsyncIterator[ConsumerRecord]:
    """Committed records from ``start`` (ms; ``None``: now) on, merged by time, then live ones.

    Those recorded at ``until`` (ms) or later are left out.

    Raises:
        Problem: a topic does not exist.
    """
    partitions = [
        TopicPartition(settings.topic(topic), number)
        for topic, count in (await partition_counts(settings, topics)).items()
        for number in (range(count) if user is None else (partition_of(user, count),))
    ]
    stretch = await spans(consumer, partitions, start)
    if start is None:
        await seek(consumer, {tp: span.end for tp, span in stretch.items()})
    else:
        async for record in read(consumer, stretch):
            if record.timestamp < start or (until is not None and record.timestamp >= until):
                continue
            if user is None or is_of(record, user, settings):
                yield record
    if follow:
        async for record in follow_on(consumer):
            if user is None or is_of(record, user, settings):
                yield record


def is_of(record: ConsumerRecord, user: str, settings: KafkaSettings) -> bool:
    """Whether the record stands under the user's key."""
    key = key_of(record)
    if record.topic == settings.topic(SUBSCRIPTIONS):
        return key.rpartition("/")[0] == user
    return key == user


def line_markup(line: Line) -> str:
    """A line as rich markup."""
    colour = "green" if line.good else _COLOURS.get(line.kind, "white")
    return (
        f"[dim]{clock(line.at, now=now_ms())}[/dim]  [{colour}]{line.kind:<9}[/{colour}]"
        f" [bold]{plain(line.who)}[/bold]  {plain(line.words)}"
    )


def record_json(record: ConsumerRecord) -> dict[str, Any]:
    """The record as plain data: its place, time, key, headers and value."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "headers": headers_of(record),
        "value": value_of(record),
    }
