"""One transaction a step: rows, jobs, decisions and input offsets, all of them or none."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition, errors

from runtime.settings import KafkaSettings
from streams.outgoing import Outgoing, Record

BATCH_BYTES = 900_000
"""Of one batch; Kafka takes 1,048,588 (``message.max.bytes``)."""
TIMEOUT_MS = 30_000
"""The broker ends a transaction that its owner left open for longer."""
OVER_WITHIN_S = TIMEOUT_MS / 1000 * 1.5
"""Nothing can come any more of one that is not over by then, whatever the client waits for."""

_OWNERSHIP_ERRORS = (
    errors.ProducerFenced,
    errors.InvalidProducerEpoch,
    errors.InvalidProducerIdMapping,
    errors.InvalidTxnState,
    errors.UnknownProducerId,
)


class RecordTooLargeError(RuntimeError):
    """A single record is larger than a batch may be."""


class OwnershipLostError(RuntimeError):
    """Another worker has taken the partition, or the broker ended a transaction left open."""


class Transactions:
    """The transactional producer of one partition, for one generation.

    :meth:`start` fences every earlier producer of the same id and ends what it had in flight.
    """

    def __init__(self, settings: KafkaSettings, name: str, group: str) -> None:
        self.name = settings.group(name)
        self._group = group
        self._awaited = "nothing"
        self._producer = AIOKafkaProducer(
            **settings.client_options(),
            transactional_id=self.name,
            transaction_timeout_ms=TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
            retry_backoff_ms=3,
            linger_ms=0,
        )

    async def start(self) -> None:
        """
        Raises:
            KafkaError: the cluster cannot be reached, or refuses.
        """
        await self._producer.start()

    async def stop(self) -> None:
        """Closes the connections. What is in flight is ended by the next one of the same id."""
        with contextlib.suppress(Exception):
            await self._producer.stop()

    async def commit(
        self, outgoing: Outgoing, offsets: Mapping[TopicPartition, int]
    ) -> dict[tuple[str, int], int]:
        """Writes the records and the input offsets (of the next record to read) in one go.

        Returns:
            the offset of the last record by topic and partition.

        Raises:
            RecordTooLargeError: a record does not fit into a batch.
            OwnershipLostError: nothing was committed, and nothing more can be.
            KafkaError: the cluster refuses, or it was not over within :data:`OVER_WITHIN_S`.
        """
        try:
            async with asyncio.timeout(OVER_WITHIN_S):
                return await self._commit(outgoing, offsets)
        except TimeoutError as error:
            raise errors.KafkaTimeoutError(
                f"a transaction of {self.name} was not over after {OVER_WITHIN_S:.0f} s:"
                f" it waited for {self._awaited}"
            ) from error
        except Exception as error:
            if was_taken_over(self._producer, error):
                raise OwnershipLostError(self.name) from error
            raise

    async def _commit(
        self, outgoing: Outgoing, offsets: Mapping[TopicPartition, int]
    ) -> dict[tuple[str, int], int]:
        producer = self._producer
        self._awaited = "its beginning"
        await producer.begin_transaction()
        self._awaited = "room for its records"
        sent: list[tuple[tuple[str, int], int, asyncio.Future[Any]]] = []
        for place, records in outgoing.records.items():
            for batch in self._batches(records):
                count = batch.record_count()
                future = await producer.send_batch(batch, place[0], partition=place[1])
                sent.append((place, count, future))
        self._awaited = "its offsets"
        if offsets:
            await producer.send_offsets_to_transaction(dict(offsets), self._group)
        self._awaited = "its records"
        # A commit does not look whether its batches arrived.
        metadata = await asyncio.gather(*(future for _, _, future in sent))
        self._awaited = "its end"
        await producer.commit_transaction()
        return {
            place: written.offset + count - 1
            for (place, count, _), written in zip(sent, metadata, strict=True)
        }

    def _batches(self, records: list[Record]) -> list[Any]:
        batches = [self._producer.create_batch()]
        for record in records:
            if not _append(batches[-1], record):
                batches.append(self._producer.create_batch())
                _append(batches[-1], record)
        return batches


def was_taken_over(producer: AIOKafkaProducer, error: BaseException) -> bool:
    """Whether an error of a transactional producer means that another one of its id began.

    aiokafka tells the cause once, to whom it strikes first, and wraps some of them; whoever sends
    on hears that there is no transaction.
    """
    return any(
        isinstance(cause, _OWNERSHIP_ERRORS)
        for start in (error, sender_error(producer))
        for cause in _causes(start)
    )


def sender_error(producer: AIOKafkaProducer) -> BaseException | None:
    """What the producer's own task ended by, if it has."""
    task = producer._sender.sender_task
    return task.exception() if task and task.done() and not task.cancelled() else None


def _append(batch: Any, record: Record) -> bool:
    key, value, at, headers = record
    # An empty batch takes a record of any size, and the broker then refuses the batch.
    size = len(key or b"") + len(value or b"")
    if size > BATCH_BYTES:
        raise RecordTooLargeError(f"a record of {size} bytes under {key!r}")
    added = batch.append(timestamp=at, key=key, value=value, headers=headers)
    return added is not None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
