"""Dead letters: what could not be used, and sending it again once the cause is cured."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer, ConsumerRecord

from nudge.events import InvalidEventError, ReadyEvent, ready
from nudge.kafka import partitions_of, transaction, writer
from nudge.reading import headers_of, read_since, topic_behind
from runtime.settings import KafkaSettings
from schemas.decisions import DeadLetterReason
from schemas.headers import HISTORICAL_HEADER, REPLAYED_HEADER, TRUNCATED_HEADER
from schemas.topics import DEAD_LETTER, SHOP_CATALOG, SHOP_EVENTS, Topic

_A_TRANSACTION = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: where it stands, where it came from, and why it is here."""

    partition: int
    offset: int
    at: int
    reason: str
    error: str
    source: str
    source_partition: int
    source_offset: int
    key: bytes | None
    value: bytes | None
    historical: bool
    was_cut: bool
    """Only the beginning of the value is here: it was too large to keep."""

    @property
    def place(self) -> str:
        return f"{self.partition}/{self.offset}"

    @property
    def topic(self) -> Topic | None:
        return topic_behind(self.source)

    def about(self) -> str:
        """The reason in words."""
        return DeadLetterReason.about_of(self.reason)

    def as_json(self) -> dict[str, Any]:
        text = None if self.value is None else self.value.decode(errors="replace")
        return {
            "partition": self.partition,
            "offset": self.offset,
            "at": self.at,
            "reason": self.reason,
            "error": self.error,
            "topic": self.source,
            "source_partition": self.source_partition,
            "source_offset": self.source_offset,
            "key": None if self.key is None else self.key.decode(errors="replace"),
            "value": text,
        }


@dataclass(frozen=True, slots=True)
class Cure:
    """What would become of a letter if it were sent again: an event, or why it stays."""

    letter: Letter
    event: ReadyEvent | None
    why_not: str = ""


async def letters(settings: KafkaSettings, since: int | None) -> list[Letter]:
    """The dead letters that were not replayed yet, oldest first.

    Args:
        since: record time in ms; ``None``: all there are.

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
    """
    partitions = await partitions_of(settings, DEAD_LETTER)
    found: list[Letter] = []
    replayed: set[str] = set()  # a note can bear an earlier time than its letter: clocks differ
    async for record in read_since(settings, partitions, since):
        headers = headers_of(record)
        if REPLAYED_HEADER in headers:
            replayed.add(headers[REPLAYED_HEADER] or "")
        elif "nudge-reason" in headers:
            found.append(_letter(record, headers))
    return [letter for letter in found if letter.place not in replayed]


def _letter(record: ConsumerRecord, headers: dict[str, str | None]) -> Letter:
    def text(name: str) -> str:
        return headers.get(name) or ""

    return Letter(
        partition=record.partition,
        offset=record.offset,
        at=record.timestamp,
        reason=text("nudge-reason"),
        error=text("nudge-error"),
        source=text("nudge-topic"),
        source_partition=int(text("nudge-partition") or -1),
        source_offset=int(text("nudge-offset") or -1),
        key=record.key,
        value=record.value,
        historical=HISTORICAL_HEADER in headers,
        was_cut=TRUNCATED_HEADER in headers,
    )


def cure_of(letter: Letter) -> Cure:
    """Whether the letter's bytes are a good event now; its key is found anew."""
    if letter.topic not in (SHOP_EVENTS, SHOP_CATALOG):
        return Cure(letter, None, f"only events can be sent again, this is from {letter.source}")
    if letter.was_cut:
        return Cure(letter, None, "only its beginning was kept: it was too large")
    try:
        raw = orjson.loads(letter.value or b"")
    except orjson.JSONDecodeError:
        return Cure(letter, None, "still no JSON")
    if not isinstance(raw, dict):
        return Cure(letter, None, "still no JSON object")
    try:
        event = ready(raw)
    except (InvalidEventError, KeyError) as error:
        return Cure(letter, None, f"still invalid: {error}")
    if event.topic is not letter.topic:
        return Cure(letter, event, f"goes to {event.topic.name}, where it belongs")
    return Cure(letter, event)


async def replay(
    settings: KafkaSettings, cures: Sequence[Cure], *, historical: bool
) -> AsyncIterator[int]:
    """Sends the cured events under their right keys; yields how many are safe so far.

    An event and the note that it was replayed stand in one transaction, and what is noted is left
    out: a run that was broken off, run again, or run twice at once sends nothing twice.

    Args:
        historical: the events build state and open no moment.

    Raises:
        Problem: Kafka cannot be reached, or another replay took over.
        KafkaError: a record was refused.
    """
    name = settings.group("dead-letters")
    async with writer(settings, transactional_id=name) as producer:
        # From here on another run is fenced: what it had sent, it has noted.
        waiting = {letter.place for letter in await letters(settings, None)}
        cures = [cure for cure in cures if cure.letter.place in waiting]
        yield 0
        for start in range(0, len(cures), _A_TRANSACTION):
            async with transaction(producer):
                answers = []
                for cure in cures[start : start + _A_TRANSACTION]:
                    answers += await _send(producer, settings, cure, historical=historical)
                await asyncio.gather(*answers)
            yield min(start + _A_TRANSACTION, len(cures))


async def _send(
    producer: AIOKafkaProducer, settings: KafkaSettings, cure: Cure, *, historical: bool
) -> "list[asyncio.Future[Any]]":
    event, letter = cure.event, cure.letter
    assert event is not None
    headers = [(HISTORICAL_HEADER, b"1")] if historical or letter.historical else []
    sent = await producer.send(
        settings.topic(event.topic), event.value, key=event.key.encode(), headers=headers
    )
    noted = await producer.send(
        settings.topic(DEAD_LETTER),
        b"",
        key=letter.key,
        partition=letter.partition,
        headers=[
            (REPLAYED_HEADER, letter.place.encode()),
            ("nudge-topic", letter.source.encode()),
            ("nudge-partition", str(letter.source_partition).encode()),
            ("nudge-offset", str(letter.source_offset).encode()),
        ],
    )
    return [sent, noted]


def wanted(found: Iterable[Letter], reason: str | None, topic: Topic | None) -> list[Letter]:
    """Those of a reason and a source topic."""
    return [
        letter
        for letter in found
        if (reason is None or letter.reason == reason) and (topic is None or letter.topic is topic)
    ]
