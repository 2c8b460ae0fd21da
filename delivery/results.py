"""What delivery tells the others: results, dead letters, subscriptions that have ended."""

import asyncio

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from runtime.metrics import Metric, counter
from runtime.settings import KafkaSettings
from schemas.decisions import DeadLetter, DeadLetterReason
from schemas.people import subscription_key
from schemas.topics import DEAD_LETTER, JOBS, RESULTS, SUBSCRIPTIONS

log = structlog.get_logger(__name__)
_LINGER_MS = 5
_RETRY_S = 0.5


class Results:
    """Writes records and returns when every in-sync replica has them."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._results = settings.topic(RESULTS)
        self._subscriptions = settings.topic(SUBSCRIPTIONS)
        self._dead_letters = settings.topic(DEAD_LETTER)
        self._counted = counter(Metric.DEAD_LETTERS)
        self._producer = AIOKafkaProducer(
            **settings.client_options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
        )

    async def start(self) -> None:
        """Raises:
        KafkaError: the cluster cannot be reached.
        """
        await self._producer.start()

    async def stop(self) -> None:
        """Sends what waits, and closes."""
        await self._producer.stop()

    async def write(self, partition: int, user_id: str, result: bytes) -> None:
        """A result, to the partition of its job: the user's."""
        await self._send(self._results, partition, user_id.encode(), result)

    async def unsubscribe(self, partition: int, user_id: str, subscription_id: str) -> None:
        """A tombstone for a subscription that has ended."""
        key = subscription_key(user_id, subscription_id).encode()
        await self._send(self._subscriptions, partition, key, None)

    async def dead_letter(
        self, record: ConsumerRecord, reason: DeadLetterReason, error: str
    ) -> None:
        """A job that nobody can send: its bytes as they came, and why."""
        log.warning("job_dead_lettered", reason=reason.value, error=error,
                    partition=record.partition, offset=record.offset)  # fmt: skip
        letter = DeadLetter(
            reason=reason,
            error=error[:1024],
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.timestamp,
        )
        await self._send(
            self._dead_letters, record.partition, record.key, record.value, letter.headers()
        )
        self._counted.labels(topic=JOBS.name, reason=reason).inc()

    async def _send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        while True:
            try:
                acknowledged = await self._producer.send(
                    topic, value, key=key, partition=partition, headers=headers
                )
                await acknowledged
            except KafkaError as error:
                if not error.retriable:
                    raise
                log.warning("record_not_written", topic=topic, error=repr(error))
                await asyncio.sleep(_RETRY_S)
            else:
                return
