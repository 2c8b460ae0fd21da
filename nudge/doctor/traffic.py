"""What producers send: a sample of the newest events, held against the rules for producers."""

import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from statistics import median

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from nudge.doctor.finding import Finding, fail, ok, warn
from nudge.drift import TopicState
from nudge.event_input import looks_like_email
from nudge.history import TOPICS, topic_traps
from nudge.kafka import partitions_of, reader
from nudge.reading import Span, headers_of, key_of, read, spans
from nudge.topics import describe
from nudge.when import ago, now_ms
from runtime.settings import KafkaSettings
from schemas.adapters import InvalidRecordError, check_catalog_key
from schemas.catalog import CatalogEvent
from schemas.decisions import DeadLetterReason
from schemas.partitioner import partition_of
from schemas.structs import ShopEvent, read_catalog_event
from schemas.topics import DEAD_LETTER, SHOP_CATALOG, SHOP_EVENTS, Topic
from streams.decode import is_historical, read_event, record_key

SAMPLE = 200
"""Records a partition."""
_FAST_MS = 5 * 60_000
_SLOW_MS = 10 * 60_000
_DAY_MS = 86_400_000


async def check_traffic(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """Samples the newest events of both topics: keys, ids, times, validity; history's retention."""
    states = {state.topic: state for state in await describe(settings)}
    partitions = {
        topic: [TopicPartition(states[topic].name, n) for n in range(states[topic].partitions)]
        for topic in TOPICS
    }
    every = [tp for held in partitions.values() for tp in held]
    async with reader(settings) as consumer:
        newest = [record async for record in newest_of(consumer, every)]
    async with reader(settings) as consumer:
        oldest = [record async for record in _oldest(consumer, every)]
    by_name = {states[topic].name: states[topic] for topic in TOPICS}
    sample: dict[str, list[ConsumerRecord]] = {name: [] for name in by_name}
    for record in newest:
        sample[record.topic].append(record)
    for finding in (
        *(
            finding
            for name, state in by_name.items()
            for finding in judge_sample(state.topic, sample[name], state.partitions)
        ),
        *judge_history([*oldest, *newest], by_name, settings.kafka_bootstrap),
    ):
        yield finding


async def check_dead_letters(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """What could not be used in the last day, by the newest of each partition."""
    partitions = await partitions_of(settings, DEAD_LETTER)
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
    whole = await spans(consumer, partitions, None)
    stretch = {tp: Span(max(s.start, s.end - SAMPLE), s.end) for tp, s in whole.items()}
    async for record in read(consumer, stretch):
        yield record


async def _oldest(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
) -> AsyncIterator[ConsumerRecord]:
    whole = await spans(consumer, partitions, None)
    stretch = {tp: Span(s.start, min(s.start + 1, s.end)) for tp, s in whole.items()}
    async for record in read(consumer, stretch):
        yield record


def judge_sample(topic: Topic, sample: list[ConsumerRecord], partitions: int) -> Iterator[Finding]:
    """What the newest events of ``topic`` say about their producers, read as workers read them."""
    if not sample:
        if topic is SHOP_EVENTS:
            yield warn("producers", "shop.events is empty.", "`nudge publish` sends a first event.")
        return
    yield _keys(topic, sample, partitions)
    if topic is SHOP_EVENTS:
        yield _ids(sample)
    yield _validity(topic, sample)
    yield from _times(topic, [record for record in sample if not is_historical(record.headers)])


_NOUNS = {SHOP_EVENTS: "events", SHOP_CATALOG: "catalogue events"}


def _read(topic: Topic, record: ConsumerRecord) -> ShopEvent | CatalogEvent:
    """
    Raises:
        InvalidRecordError: a worker cannot use it, wherever it stands.
    """
    key = record_key(record)
    if topic is SHOP_EVENTS:
        return read_event(record.value, key)[0]
    event = read_catalog_event(record.value)
    check_catalog_key(event, key)
    return event


def _keys(topic: Topic, sample: list[ConsumerRecord], partitions: int) -> Finding:
    wrong = [
        record
        for record in sample
        if record.key and partition_of(key_of(record), partitions) != record.partition
    ]
    if not wrong:
        said = f"The keys of {len(sample)} sampled {_NOUNS[topic]} are where murmur2 puts them."
        return ok("partitioner", said)
    crc = all(zlib.crc32(record.key) % partitions == record.partition for record in wrong)
    cause = " They are where librdkafka's default (CRC32) puts them." if crc else ""
    return fail(
        "partitioner",
        f"{len(wrong)} of {len(sample)} sampled {_NOUNS[topic]} are in the wrong partition (such"
        f" as {key_of(wrong[0])!r}): they are dead-lettered, or split a user in two.{cause}",
        "Key by user id and partition by murmur2; in librdkafka (kcat, confluent-kafka, rdkafka"
        " for Node, Go, .NET): partitioner=murmur2_random.",
    )


def _ids(sample: list[ConsumerRecord]) -> Finding:
    mails = Counter(key_of(record) for record in sample if looks_like_email(key_of(record)))
    if not mails:
        return ok("user ids", "No sampled user id is an e-mail address.")
    return warn(
        "user ids",
        f"{len(mails)} sampled user ids are e-mail addresses. They stand in every topic and log,"
        " change when people change them, and cannot be erased from a key.",
        "Use the shop's own opaque id.",
    )


def _validity(topic: Topic, sample: list[ConsumerRecord]) -> Finding:
    reasons: Counter[DeadLetterReason] = Counter()
    said: dict[DeadLetterReason, str] = {}
    for record in sample:
        try:
            _read(topic, record)
        except InvalidRecordError as error:
            reasons[error.reason] += 1
            said.setdefault(error.reason, str(error))
    if not reasons:
        return ok("events", f"{len(sample)} sampled {_NOUNS[topic]} are valid.")
    worst, count = reasons.most_common(1)[0]
    return fail(
        "events",
        f"{reasons.total()} of {len(sample)} sampled {_NOUNS[topic]} cannot be used; {count} times"
        f" {worst}, such as: {said[worst]}",
        _KEYS if worst in _OF_THE_KEY else "Mend the producer, then `nudge dead-letters replay`.",
    )


_OF_THE_KEY = (DeadLetterReason.WRONG_KEY, DeadLetterReason.NO_KEY)
_KEYS = (
    "Key events by user id (else anonymous id; login and sign_up by anonymous id), catalogue"
    " events by product id, content by content/<id>; then `nudge dead-letters replay`."
)


def _times(topic: Topic, sample: list[ConsumerRecord]) -> Iterator[Finding]:
    """Producers' clocks: events from the future, records from the future, everything late."""
    ahead, behind = [], []
    now = now_ms()
    for record in sample:
        try:
            lead = _read(topic, record).occurred_at - min(record.timestamp, now)
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
            f"{len(fast)} of {len(ahead)} sampled {_NOUNS[topic]} are dated up to"
            f" {ago(max(fast))} ahead; they are taken as of 5 minutes past their arrival.",
            "Set the producer's clock (NTP), or send occurred_at in UTC.",
        )
    if median(behind) > _SLOW_MS:
        yield warn(
            "clocks",
            f"Half of the sampled {_NOUNS[topic]} come more than {ago(int(median(behind)))} after"
            " they happened: moments are missed or noticed late.",
            "Set the producer's clock and time zone, or send sooner.",
        )
    elif not fast:
        yield ok("clocks", f"Sampled {_NOUNS[topic]} come {ago(int(median(behind)))} after"
                 " they happened.")  # fmt: skip


def judge_history(
    records: Iterable[ConsumerRecord], states: Mapping[str, TopicState], broker: str
) -> Iterator[Finding]:
    """Loaded history lasts only where the topic's retention lets it."""
    oldest: dict[str, int] = {}
    for record in (record for record in records if is_historical(record.headers)):
        oldest[record.topic] = min(oldest.get(record.topic, record.timestamp), record.timestamp)
    for name, at in oldest.items():
        traps = list(topic_traps(states[name], at, now_ms(), broker))
        for trap in traps:
            yield fail("history", trap.said, trap.cure)
        if not traps:
            yield ok("history", f"{name} keeps the history that was loaded.")
