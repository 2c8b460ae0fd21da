"""What delivery tells the others: results, dead letters, subscriptions that have ended."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder

from delivery.background import Background, Broken
from runtime.metrics import Metric, counter
from runtime.settings import KafkaSettings
from schemas.decisions import DeadLetter, DeadLetterReason
from schemas.people import subscription_key
from schemas.topics import DEAD_LETTER, JOBS, RESULTS, SUBSCRIPTIONS

log = structlog.get_logger(__name__)
_GATHER_S = 0.003
_BATCH_BYTES = 256 * 1024
_MOST_BYTES = 1_000_000
_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class _Outgoing:
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    written: asyncio.Future[None]


class Results:
    """Writes records and returns when every in-sync replica has them.

    What comes while a batch is on its way goes out together in the next: a record by itself costs
    as much processor time as thirty in a batch.
    """

    def __init__(self, settings: KafkaSettings, broken: Broken) -> None:
        self._broken = broken
        self._results = settings.topic(RESULTS)
        self._subscriptions = settings.topic(SUBSCRIPTIONS)
        self._dead_letters = settings.topic(DEAD_LETTER)
        self._counted = counter(Metric.DEAD_LETTERS)
        self._waiting: dict[TopicPartition, list[_Outgoing]] = {}
        self._writers: dict[TopicPartition, Background] = {}
        # Not idempotent: once a batch has run out of time the broker would refuse all that follow.
        self._producer = AIOKafkaProducer(
            **settings.client_options(), acks="all", max_batch_size=_BATCH_BYTES
        )

    async def start(self) -> None:
        """Raises:
        KafkaError: the cluster cannot be reached.
        """
        await self._producer.start()

    async def stop(self) -> None:
        """Closes; whoever waits for a record has ended before."""
        for writer in list(self._writers.values()):
            await writer.stop()
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
        # Room for the headers: a record as large as the broker takes would not fit again.
        value = record.value and record.value[:_MOST_BYTES]
        await self._send(self._dead_letters, record.partition, record.key, value, letter.headers())
        self._counted.labels(topic=JOBS.name, reason=reason).inc()

    def _send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> asyncio.Future[None]:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        tp = TopicPartition(topic, partition)
        self._waiting.setdefault(tp, []).append(_Outgoing(key, value, headers or [], written))
        if tp not in self._writers:
            work = self._write_all(tp)
            self._writers[tp] = Background(work, f"results to {tp}", self._broken)
        return written

    async def _write_all(self, tp: TopicPartition) -> None:
        """The only writer to a partition: of two that wait for its turn one could starve."""
        try:
            await asyncio.sleep(_GATHER_S)
            while records := self._waiting.pop(tp, []):
                await self._write(tp, records)
        finally:
            del self._writers[tp]

    async def _write(self, tp: TopicPartition, records: Sequence[_Outgoing]) -> None:
        while records:
            builder = self._producer.create_batch()
            for record in records:
                # The first always fits; of the others, those that do.
                if not builder.append(
                    timestamp=None, key=record.key, value=record.value, headers=record.headers
                ):
                    break
            count = builder.record_count()
            if await self._acknowledged(tp, builder):
                for record in records[:count]:
                    if not record.written.done():
                        record.written.set_result(None)
                records = records[count:]

    async def _acknowledged(self, tp: TopicPartition, builder: BatchBuilder) -> bool:
        """Whether the broker has the batch; false: try again."""
        builder.close()
        try:
            await (await self._producer.send_batch(builder, tp.topic, partition=tp.partition))
        except KafkaError as error:
            # A timeout is the broker's slowness; written twice does no harm, missing would.
            if not (error.retriable or isinstance(error, KafkaTimeoutError)):
                raise
            log.warning("records_not_written", topic=tp.topic, error=repr(error))
            await asyncio.sleep(_RETRY_S)
            return False
        return True
