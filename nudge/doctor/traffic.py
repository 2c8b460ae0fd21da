"""What producers send: a sample of the newest events, held against the rules for producers."""

import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from statistics import median

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from nudge.doctor.finding import Finding, fail, ok, warn
from nudge.event_input import looks_like_email
from nudge.history import HISTORICAL_HEADER, TOPICS, topic_traps
from nudge.kafka import partition_counts, reader
from nudge.reading import Span, headers_of, read, spans
from nudge.topics import TopicState, describe
from nudge.when import ago, now_ms
from runtime.settings import KafkaSettings
from schemas.adapters import InvalidRecordError, parse_shop_event
from schemas.partitioner import partition_of
from schemas.topics import DEAD_LETTER, SHOP_EVENTS

SAMPLE = 200
"""Records a partition."""
_FAST_MS = 5 * 60_000
_SLOW_MS = 10 * 60_000
_DAY_MS = 86_400_000


async def check_traffic(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """Samples the newest events: keys, ids, times, validity; and history's retention."""
    states = {state.topic: state for state in await describe(settings)}
    partitions = {
        topic: [TopicPartition(states[topic].name, n) for n in range(states[topic].partitions)]
        for topic in TOPICS
    }
    async with reader(settings) as consumer:
        newest = [record async for record in newest_of(consumer, partitions[SHOP_EVENTS])]
    every = [tp for held in partitions.values() for tp in held]
    async with reader(settings) as consumer:
        oldest = [record async for record in _oldest(consumer, every)]
    by_name = {states[topic].name: states[topic] for topic in TOPICS}
    for finding in (
        *judge_sample(newest, len(partitions[SHOP_EVENTS])),
        *judge_history([*oldest, *newest], by_name, settings.kafka_bootstrap),
    ):
        yield finding


async def check_dead_letters(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """What could not be used in the last day, by the newest of each partition."""
    count = (await partition_counts(settings, (DEAD_LETTER,)))[DEAD_LETTER]
    partitions = [TopicPartition(settings.topic(DEAD_LETTER), number) for number in range(count)]
    async with reader(settings) as consumer:
        day = await spans(consumer, partitions, now_ms() - _DAY_MS)
        total = sum(span.end - span.start for span in day.values())
        newest = {tp: Span(max(s.start, s.end - SAMPLE), s.end) for tp, s in day.items()}
        headers = [headers_of(record) async for record in read(consumer, newest)]
    # Notes of what was sent again stand among them, without a reason.
    named = (found.get("nudge-reason") or "" for found in headers)
    reasons = Counter(reason for reason in named if reason)
    if not reasons:
        yield ok("dead letters", "Everything of the last day could be used.")
        return
    each = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
    yield warn(
        "dead letters",
        f"About {total} records of the last day could not be used; the newest: {each}.",
        "`nudge dead-letters list --since 1d`, mend the cause, `nudge dead-letters replay`.",
    )


async def newest_of(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
) -> AsyncIterator[ConsumerRecord]:
    """At most the last :data:`SAMPLE` records of each partition."""
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    stretch = {tp: Span(max(begins[tp], ends[tp] - SAMPLE), ends[tp]) for tp in partitions}
    async for record in read(consumer, stretch):
        yield record


async def _oldest(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
) -> AsyncIterator[ConsumerRecord]:
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    stretch = {tp: Span(begins[tp], min(begins[tp] + 1, ends[tp])) for tp in partitions}
    async for record in read(consumer, stretch):
        yield record


def judge_sample(sample: list[ConsumerRecord], partitions: int) -> Iterator[Finding]:
    """What the newest events say about their producers."""
    if not sample:
        yield warn("producers", "shop.events is empty.", "`nudge publish` sends a first event.")
        return
    yield _keys(sample, partitions)
    yield _ids(sample)
    yield _validity(sample)
    yield from _times([record for record in sample if not _is_historical(record)])


def _key(record: ConsumerRecord) -> str:
    return (record.key or b"").decode(errors="replace")


def _keys(sample: list[ConsumerRecord], partitions: int) -> Finding:
    wrong = [
        record
        for record in sample
        if not record.key or partition_of(_key(record), partitions) != record.partition
    ]
    if not wrong:
        return ok("partitioner", f"{len(sample)} sampled keys are where murmur2 puts them.")
    example = _key(wrong[0]) or "(no key)"
    crc = all(
        record.key and zlib.crc32(record.key) % partitions == record.partition for record in wrong
    )
    cause = " They are where librdkafka's default (CRC32) puts them." if crc else ""
    return fail(
        "partitioner",
        f"{len(wrong)} of {len(sample)} sampled events are in the wrong partition (such as"
        f" {example!r}): they are dead-lettered, or split a user in two.{cause}",
        "Key by user id and partition by murmur2; in librdkafka (kcat, confluent-kafka, rdkafka"
        " for Node, Go, .NET): partitioner=murmur2_random.",
    )


def _ids(sample: list[ConsumerRecord]) -> Finding:
    mails = Counter(_key(record) for record in sample if looks_like_email(_key(record)))
    if not mails:
        return ok("user ids", "No sampled user id is an e-mail address.")
    return warn(
        "user ids",
        f"{len(mails)} sampled user ids are e-mail addresses. They stand in every topic and log,"
        " change when people change them, and cannot be erased from a key.",
        "Use the shop's own opaque id.",
    )


def _validity(sample: list[ConsumerRecord]) -> Finding:
    said: Counter[str] = Counter()
    for record in sample:
        try:
            parse_shop_event(record.value)
        except InvalidRecordError as error:
            said[f"{error.reason}: {error}"] += 1
    if not said:
        return ok("events", f"{len(sample)} sampled events are valid.")
    worst, count = said.most_common(1)[0]
    return fail(
        "events",
        f"{said.total()} of {len(sample)} sampled events cannot be used; {count} times: {worst}",
        "Mend the producer, then `nudge dead-letters replay`.",
    )


def _times(sample: list[ConsumerRecord]) -> Iterator[Finding]:
    """Producers' clocks: events from the future, records from the future, everything late."""
    ahead, behind = [], []
    now = now_ms()
    for record in sample:
        try:
            lead = parse_shop_event(record.value).occurred_at - min(record.timestamp, now)
        except InvalidRecordError:
            continue
        ahead.append(max(lead, record.timestamp - now))
        behind.append(-lead)
    if not ahead:
        return
    fast = [lead for lead in ahead if lead > _FAST_MS]
    if fast:
        yield warn(
            "clocks",
            f"{len(fast)} of {len(ahead)} sampled events are dated up to {ago(max(fast))} ahead;"
            " they are taken as of 5 minutes past their arrival.",
            "Set the producer's clock (NTP), or send occurred_at in UTC.",
        )
    if median(behind) > _SLOW_MS:
        yield warn(
            "clocks",
            f"Half of the sampled events come more than {ago(int(median(behind)))} after they"
            " happened: moments are missed or noticed late.",
            "Set the producer's clock and time zone, or send sooner.",
        )
    elif not fast:
        yield ok("clocks", f"Sampled events come {ago(int(median(behind)))} after they happened.")


def _is_historical(record: ConsumerRecord) -> bool:
    return any(name == HISTORICAL_HEADER for name, _ in record.headers)


def judge_history(
    records: Iterable[ConsumerRecord], states: Mapping[str, TopicState], broker: str
) -> Iterator[Finding]:
    """Loaded history lasts only where the topic's retention lets it."""
    oldest: dict[str, int] = {}
    for record in filter(_is_historical, records):
        oldest[record.topic] = min(oldest.get(record.topic, record.timestamp), record.timestamp)
    for name, at in oldest.items():
        traps = list(topic_traps(states[name], at, now_ms(), broker))
        for trap in traps:
            yield fail("history", trap.said, trap.cure)
        if not traps:
            yield ok("history", f"{name} keeps the history that was loaded.")
