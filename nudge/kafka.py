"""Kafka as the commands use it: settings, a reader without a group, a writer that waits."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IllegalOperation, KafkaError
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nudge.problem import Problem
from runtime.settings import KafkaSettings, Settings
from schemas.topics import Topic
from streams.transactions import sender_error, was_taken_over

CONNECT_DEADLINE_S = 15.0

T = TypeVar("T")
SettingsT = TypeVar("SettingsT", bound=Settings)


def load(settings: type[SettingsT]) -> SettingsT:
    """Settings from the environment.

    Raises:
        Problem: a variable is wrong; it is named, its value only where it is no secret.
    """
    try:
        return settings()
    except ValidationError as error:
        said = "\n       ".join(map(_said, error.errors(include_url=False, include_input=False)))
        raise Problem(said, "Set it right in the environment or in .env.") from None


def _said(details: ErrorDetails) -> str:
    message = details["msg"].removeprefix("Value error, ")
    if not details["loc"]:
        return message
    name = f"NUDGE_{str(details['loc'][0]).upper()}"
    return f"{name} is not set." if details["type"] == "missing" else f"{name}: {message}"


def kafka_settings() -> KafkaSettings:
    """How to reach Kafka, for commands that run once.

    Raises:
        Problem: a variable is wrong.
    """
    quiet_clients()
    return load(KafkaSettings)


_CLIENT_LOGGERS = ("aiokafka", "asyncio")
"""aiokafka's own, and where its tasks complain of errors that its callers have had already."""


def quiet_clients() -> AbstractContextManager[None]:
    """Commands say themselves what failed: what the client logs is kept for that, not printed.

    Holds from the call on; as a context it ends where the block ends.
    """
    for name in _CLIENT_LOGGERS:
        logger = logging.getLogger(name)
        if _last_words not in logger.handlers:
            logger.addHandler(_last_words)
            logger.propagate = False
    return _loud_again()


@contextmanager
def _loud_again() -> Iterator[None]:
    try:
        yield
    finally:
        for name in _CLIENT_LOGGERS:
            logging.getLogger(name).removeHandler(_last_words)
            logging.getLogger(name).propagate = True


class _LastWords(logging.Handler):
    """Keeps what aiokafka complained about last: its exceptions leave the cause out."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING and record.name != "asyncio":
            self.said = record.getMessage()


_last_words = _LastWords()


class _Startable(Protocol):
    async def start(self) -> None: ...


async def _start(client: _Startable, settings: KafkaSettings) -> None:
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            await client.start()
    except (KafkaError, TimeoutError, OSError) as error:
        said = _last_words.said or str(error) or "no answer"
        raise Problem(
            f"Kafka cannot be reached at {settings.kafka_bootstrap}"
            f" ({settings.kafka_security}): {said}",
            "Start it, or set NUDGE_KAFKA_BOOTSTRAP to host:port (and NUDGE_KAFKA_SECURITY"
            " where it wants TLS or a password).",
        ) from error


@asynccontextmanager
async def reader(settings: KafkaSettings, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group that reads committed records only; assign and seek it.

    Raises:
        Problem: Kafka cannot be reached.
    """
    consumer = AIOKafkaConsumer(
        **settings.client_options(),
        **{
            "isolation_level": "read_committed",
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "fetch_max_wait_ms": 100,
            **options,
        },
    )
    try:
        await _start(consumer, settings)
        # A consumer stopped before its tasks ran once raises CancelledError out of stop().
        await asyncio.sleep(0)
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def writer(settings: KafkaSettings, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """An idempotent producer that waits for every replica; partitions by murmur2.

    Raises:
        Problem: Kafka cannot be reached.
    """
    producer = AIOKafkaProducer(
        **settings.client_options(),
        **{"acks": "all", "enable_idempotence": True, "compression_type": "lz4", **options},
    )
    try:
        await _start(producer, settings)
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def transaction(producer: AIOKafkaProducer) -> AsyncIterator[None]:
    """A transaction around the block.

    Raises:
        Problem: another run began, which undoes what this one had not committed.
        KafkaError: a record was refused.
    """
    try:
        async with producer.transaction():
            yield
    except (KafkaError, IllegalOperation) as error:
        if was_taken_over(producer, error):
            raise Problem(
                "Another run of this took over, or Kafka waited too long for this one.",
                "Let that one end, then run this again: nothing is sent twice.",
            ) from error
        raise sender_error(producer) or error from None


@asynccontextmanager
async def admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client.

    Raises:
        Problem: Kafka cannot be reached.
    """
    client = AIOKafkaAdminClient(**settings.client_options())
    try:
        await _start(client, settings)
        yield client
    finally:
        await client.close()


async def partition_counts(settings: KafkaSettings, topics: Iterable[Topic]) -> dict[Topic, int]:
    """How many partitions each topic has. Never creates one, whatever the broker's settings.

    Raises:
        Problem: Kafka cannot be reached, or a topic does not exist.
    """
    async with admin(settings) as client:
        found = {entry["topic"]: entry["partitions"] for entry in await client.describe_topics()}
    counts = {}
    for topic in topics:
        name = settings.topic(topic)
        if not found.get(name):
            raise missing_topic(name)
        counts[topic] = len(found[name])
    return counts


async def partitions_of(settings: KafkaSettings, topic: Topic) -> list[TopicPartition]:
    """Every partition of a topic, by its name on the cluster.

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
    """
    count = (await partition_counts(settings, (topic,)))[topic]
    return [TopicPartition(settings.topic(topic), number) for number in range(count)]


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks until the cluster can answer: the first group of all waits for its topic to be made.

    Raises:
        KafkaError: the cluster refuses, or cannot answer for 15 s.
    """
    until = time.monotonic() + CONNECT_DEADLINE_S
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not error.retriable or time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)


def missing_topic(name: str) -> Problem:
    return Problem(
        f"There is no topic {name}.",
        "Run `nudge topics create`; if it exists under a prefix, set NUDGE_NAMESPACE.",
    )
