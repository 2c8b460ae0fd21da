"""Takes jobs from Kafka, within bounds, and commits what is done.

Every commit says in its metadata how far jobs were taken, and no job is sent before that is
committed: should the ledger be lost together with this worker, the next one knows which jobs may
have been sent (``delivery.opening``).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from delivery.background import Background, Broken
from delivery.offsets import OffsetTracker
from delivery.partition import Partition, commit_metadata, parse_commit_metadata
from delivery.settings import DeliverySettings
from runtime.deployment import admin_client
from runtime.metrics import Metric, counter, gauge
from schemas.topics import JOBS

log = structlog.get_logger(__name__)
_POLL_MS = 100
_FETCH_WAIT_MS = 100
_MOST_AT_ONCE = 500
_COMMIT_EVERY_S = 0.5
_RESUME_BELOW = 0.75
_REBALANCE_TIMEOUT_MS = 60_000
_RETRY_S = 0.5


class OffsetsLostError(Exception):
    """The group's offset is not in the topic: it was made anew."""


class Intake(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """The consumer of ``push.jobs``.

    Args:
        open_partition: makes an assigned partition ready; told whether it is a first start.
        take: given each batch, once it is committed that it was taken.
        close_partitions: finishes what is under way; commits follow.
        held: how many pushes are in hand.
    """

    def __init__(
        self,
        settings: DeliverySettings,
        *,
        open_partition: Callable[[Partition, bool], Awaitable[None]],
        take: Callable[[Partition, Sequence[ConsumerRecord]], None],
        close_partitions: Callable[[Sequence[Partition]], Awaitable[None]],
        held: Callable[[], int],
        broken: Broken,
    ) -> None:
        self.partitions: dict[int, Partition] = {}
        """What is assigned to us."""
        self._settings = settings
        self._topic = settings.topic(JOBS)
        self._group = settings.group(settings.delivery_group)
        self._open_partition = open_partition
        self._take = take
        self._close_partitions = close_partitions
        self._held = held
        self._broken = broken
        self._opening: list[Background] = []
        self._committed: dict[int, tuple[int, int]] = {}
        self._commit_at = 0.0
        self._full = False
        self._stopping = False
        self._lag = gauge(Metric.LAG)
        self._rebalances = counter(Metric.REBALANCES)
        session_ms = settings.delivery_session_timeout_ms
        self._consumer = AIOKafkaConsumer(
            **settings.client_options(),
            group_id=self._group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 3,
            rebalance_timeout_ms=_REBALANCE_TIMEOUT_MS,
            partition_assignment_strategy=(RangePartitionAssignor,),
        )

    async def start(self) -> None:
        """Joins the group.

        Raises:
            KafkaError: the cluster cannot be reached.
        """
        await self._consumer.start()
        self._consumer.subscribe([self._topic], listener=self)

    def stop_taking(self) -> None:
        """Takes no more jobs; :meth:`run` returns soon."""
        self._stopping = True

    async def leave(self) -> None:
        """Closes every partition, commits, and leaves the group."""
        # Stopping a consumer tells its listener nothing.
        await self.on_partitions_revoked(
            {TopicPartition(self._topic, number) for number in self.partitions}
        )
        await self._consumer.stop()

    async def run(self) -> None:
        """Takes jobs until :meth:`stop_taking`."""
        while not self._stopping:
            self._balance()
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
            taken = [
                (partition, records)
                for tp, records in batches.items()
                if (partition := self.partitions.get(tp.partition)) is not None
            ]
            for partition, records in taken:
                for record in records:
                    partition.tracker.take(record.offset)
            await self._pass_markers()
            due = time.monotonic() >= self._commit_at
            if (taken or due) and await self.commit(self.partitions.values()):
                for partition, records in taken:
                    if not partition.closed:
                        self._take(partition, records)

    async def commit(self, partitions: Iterable[Partition]) -> bool:
        """Commits what is done and how far we have come; false when one is not ours any more."""
        self._commit_at = time.monotonic() + _COMMIT_EVERY_S
        states = {
            partition.number: _state(partition) for partition in partitions if partition.started
        }
        changed = {
            number: state
            for number, state in states.items()
            if self._committed.get(number) != state
        }
        if not changed:
            return True
        offsets = {
            TopicPartition(self._topic, number): (committable, commit_metadata(taken))
            for number, (committable, taken) in changed.items()
        }
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("not_committed", partitions=sorted(changed), error=repr(error))
            return False
        self._committed |= changed
        return True

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begins a life of each partition; nothing is taken before it is open."""
        numbers = sorted(tp.partition for tp in assigned)
        log.info("partitions_assigned", partitions=numbers)
        self._rebalances.inc()
        self._consumer.pause(*assigned)
        for number in numbers:
            partition = self.partitions[number] = Partition(number)
            self._opening.append(Background(self._open(partition), f"open {number}", self._broken))

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finishes what is under way, and commits it."""
        for opening in self._opening:
            await opening.stop()
        self._opening.clear()
        closed = [
            partition
            for tp in revoked
            if (partition := self.partitions.pop(tp.partition, None)) is not None
        ]
        if not closed:
            return
        log.info("partitions_revoked", partitions=sorted(p.number for p in closed))
        await self._close_partitions(closed)
        with suppress(KafkaError):
            await self.commit(closed)
        for partition in closed:
            self._committed.pop(partition.number, None)
            self._lag.remove(JOBS.name, partition.number)  # its new owner tells it

    async def _open(self, partition: Partition) -> None:
        tp = TopicPartition(self._topic, partition.number)
        while True:
            try:
                first_start = await self._find_start(partition, tp)
                await self._open_partition(partition, first_start)
                break
            except KafkaError as error:
                log.warning("partition_not_open", partition=tp.partition, error=repr(error))
                await asyncio.sleep(_RETRY_S)
        partition.started = True
        if not self._full:
            self._consumer.resume(tp)
        log.info("partition_open", partition=tp.partition, offset=partition.tracker.taken)

    async def _find_start(self, partition: Partition, tp: TopicPartition) -> bool:
        """Where to go on. True: nobody has ever been here."""
        committed, metadata = await self._committed_of(tp)
        start = await self._start_of(tp, committed)
        partition.tracker = OffsetTracker(start)
        taken_before = parse_commit_metadata(metadata)
        if taken_before is None and committed is not None:
            # A reset by ops: anything may have been sent.
            taken_before = int((await self._consumer.end_offsets([tp]))[tp])
        partition.taken_before = start if taken_before is None else taken_before
        return committed is None

    async def _committed_of(self, tp: TopicPartition) -> tuple[int | None, str | None]:
        async with admin_client(self._settings) as admin:
            found = await admin.list_consumer_group_offsets(self._group, partitions=[tp])
        committed = found.get(tp)
        if committed is None or committed.offset < 0:
            return None, None
        return committed.offset, committed.metadata

    async def _start_of(self, tp: TopicPartition, committed: int | None) -> int:
        first = int((await self._consumer.beginning_offsets([tp]))[tp])
        end = int((await self._consumer.end_offsets([tp]))[tp])
        if committed is not None and committed > end:
            raise OffsetsLostError(
                f"{tp.topic}/{tp.partition} ends at {end}, and {self._group} has committed"
                f" {committed}: the topic was made anew. If that was meant, delete the group:"
                f" kafka-consumer-groups --delete --group {self._group}"
            )
        start = first if committed is None else max(first, committed)
        self._consumer.seek(tp, start)
        return start

    async def _pass_markers(self) -> None:
        for number, partition in list(self.partitions.items()):
            if not partition.started:
                continue
            tp = TopicPartition(self._topic, number)
            with suppress(IllegalStateError):
                partition.tracker.pass_over(await self._consumer.position(tp))
                end = self._consumer.last_stable_offset(tp)
                if end is not None and self.partitions.get(number) is partition:
                    lag = max(0, end - partition.tracker.committable)
                    self._lag.labels(topic=JOBS.name, partition=number).set(lag)

    def _balance(self) -> None:
        """Pauses every partition while too many pushes are in hand."""
        held, limit = self._held(), self._settings.delivery_held
        if not self._full and held >= limit:
            log.warning("intake_full", held=held)
            self._full = True
            self._consumer.pause(*self._started())
        elif self._full and held < limit * _RESUME_BELOW:
            self._full = False
            self._consumer.resume(*self._started())

    def _started(self) -> list[TopicPartition]:
        assigned = self._consumer.assignment()
        started = [
            TopicPartition(self._topic, p.number) for p in self.partitions.values() if p.started
        ]
        return [tp for tp in started if tp in assigned]


def _state(partition: Partition) -> tuple[int, int]:
    """Below which offset all is done, and below which jobs may have been sent without our knowing.

    Once closed with nothing under way, what was sent has its result, and there is no doubt.
    """
    committable = partition.tracker.committable
    if partition.closed and not partition.under_way:
        return committable, committable
    return committable, partition.tracker.taken
