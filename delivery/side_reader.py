"""Reads what must be known before a job is sent: withdrawals, and the subscriptions' topic.

Both have the same partitions as ``push.jobs``, by user, so a worker reads those it holds.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from delivery.background import Background, Broken
from delivery.freshness import Freshness
from delivery.subscriptions import ElsewhereError, SubscriptionStore
from delivery.withdrawals import Withdrawals
from runtime.settings import KafkaSettings
from schemas.topics import SUBSCRIPTIONS, WITHDRAWALS

log = structlog.get_logger(__name__)
FRESH_FOR_S = 5.0
"""How old our knowledge of withdrawals may be when a POST starts."""
_FETCH_WAIT_MS = 50
_LOOK_EVERY_MS = 25
_MOST_AT_ONCE = 2000
_FORGET_EVERY_S = 60.0


class PartitionLostError(Exception):
    """The partition is not read any more."""


@dataclass(slots=True)
class _Side:
    """What is read beside one partition of the jobs."""

    withdrawals: Withdrawals
    withdrawals_freshness: Freshness
    subscriptions_freshness: Freshness
    applied: int | None
    """Where Redis stands in the subscriptions; ``None``: nowhere."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, as far as a partition's answers are concerned."""

    withdrawals: int
    subscriptions: int


class SideReader:
    """One consumer, without a group, for both topics.

    Args:
        longest_ttl_ms: no job is held longer than that.
        on_withdrawal: called with partition and job id.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        store: SubscriptionStore,
        longest_ttl_ms: int,
        on_withdrawal: Callable[[int, str], None],
        broken: Broken,
    ) -> None:
        self._broken = broken
        self._settings = settings
        self._store = store
        self._longest_ttl_ms = longest_ttl_ms
        self._on_withdrawal = on_withdrawal
        self._consumer = AIOKafkaConsumer(
            **settings.client_options(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        self._sides: dict[int, _Side] = {}
        self._changing = asyncio.Lock()
        self._looked = asyncio.Event()
        self._reader: Background | None = None
        self._forget_at = 0.0
        self._dropped = False

    async def start(self) -> None:
        """Raises:
        KafkaError: the cluster cannot be reached.
        """
        await self._consumer.start()
        self._reader = Background(self._read(), "side reader", self._broken)

    async def stop(self) -> None:
        if self._reader is not None:
            await self._reader.stop()
        await self._consumer.stop()

    async def add(self, partition: int) -> None:
        """Begins with a partition: withdrawals of every job that may yet be sent, and what Redis
        lacks of the subscriptions.
        """
        async with self._changing:
            withdrawals, subscriptions = self._tp(partition)
            since = int(time.time() * 1000) - 2 * self._longest_ttl_ms
            starts = {
                withdrawals: await self._offset_at(withdrawals, since),
                subscriptions: 0,
            }
            self._sides[partition] = _Side(
                Withdrawals(self._longest_ttl_ms),
                Freshness(self._consumer, withdrawals),
                Freshness(self._consumer, subscriptions),
                None,
            )
            await self._reassign(starts)
            await self._seek_subscriptions(partition)

    def drop(self, partitions: Iterable[int]) -> None:
        """Ends with partitions; whoever waits for them gets :class:`PartitionLostError`."""
        for partition in partitions:
            self._sides.pop(partition, None)
        # Not here: the reader may hold the consumer for as long as Redis does not answer.
        self._dropped = True
        self._wake()

    async def reload(self, partition: int) -> None:
        """Reads the subscriptions again from where Redis stands: after a flush, all of them."""
        async with self._changing:
            if partition in self._sides:
                await self._seek_subscriptions(partition)

    def mark(self, partition: int) -> Mark:
        """Stands for this moment: hold it against :meth:`caught_up`."""
        side = self._side(partition)
        return Mark(side.withdrawals_freshness.mark, side.subscriptions_freshness.mark)

    async def caught_up(self, partition: int, mark: Mark) -> None:
        """Returns once all is known and applied that stood in both topics at ``mark``.

        Raises:
            PartitionLostError: the partition was dropped meanwhile.
        """
        while True:
            side = self._side(partition)
            if side.withdrawals_freshness.caught_up_since(
                mark.withdrawals
            ) and side.subscriptions_freshness.caught_up_since(mark.subscriptions):
                return
            await self._looked.wait()

    def withdrawn(self, partition: int, job_id: str) -> str | None:
        """Why the job was taken back; ``None``: it was not, or the partition is not ours."""
        side = self._sides.get(partition)
        return None if side is None else side.withdrawals.reason(job_id)

    def is_fresh(self, partition: int) -> bool:
        """Whether withdrawals are known up to a few seconds ago."""
        side = self._sides.get(partition)
        return (
            side is not None
            and time.monotonic() - side.withdrawals_freshness.known_as_of < FRESH_FOR_S
        )

    def _side(self, partition: int) -> _Side:
        try:
            return self._sides[partition]
        except KeyError:
            raise PartitionLostError(f"partition {partition}") from None

    def _tp(self, partition: int) -> tuple[TopicPartition, TopicPartition]:
        return (
            TopicPartition(self._settings.topic(WITHDRAWALS), partition),
            TopicPartition(self._settings.topic(SUBSCRIPTIONS), partition),
        )

    async def _offset_at(self, tp: TopicPartition, timestamp_ms: int) -> int:
        # The end first: what is appended in between must not be skipped.
        end = (await self._consumer.end_offsets([tp]))[tp]
        found = (await self._consumer.offsets_for_times({tp: max(timestamp_ms, 0)}))[tp]
        return int(end if found is None else found.offset)

    async def _reassign(self, starts: dict[TopicPartition, int]) -> None:
        # An assignment forgets every position: those of partitions that stay are carried over.
        wanted = [tp for partition in self._sides for tp in self._tp(partition)]
        held = self._consumer.assignment() & set(wanted)
        positions = {tp: await self._consumer.position(tp) for tp in held} | starts
        self._dropped = False
        if not wanted:
            self._consumer.unsubscribe()
            return
        self._consumer.assign(wanted)
        for tp, offset in positions.items():
            self._consumer.seek(tp, offset)

    async def _seek_subscriptions(self, partition: int) -> None:
        tp = self._tp(partition)[1]
        applied = await self._store.position(partition)
        if applied is not None and applied > (await self._consumer.end_offsets([tp]))[tp]:
            log.warning("subscriptions_topic_is_another", partition=partition)
            await self._store.forget(partition)
            applied = None
        start = (await self._consumer.beginning_offsets([tp]))[tp] if applied is None else applied
        side = self._side(partition)
        side.applied = applied
        self._consumer.seek(tp, start)

    async def _read(self) -> None:
        while True:
            try:
                async with self._changing:
                    await self._read_once()
            except (KafkaError, PartitionLostError) as error:
                log.warning("side_reader_trouble", error=repr(error))
                await asyncio.sleep(_LOOK_EVERY_MS / 1000)
            if not self._sides:
                await asyncio.sleep(_LOOK_EVERY_MS / 1000)
            # Whoever wants to change the partitions gets the lock now.
            await asyncio.sleep(0)

    async def _read_once(self) -> None:
        if self._dropped:
            await self._reassign({})
        if not self._sides:
            return
        batches = await self._consumer.getmany(timeout_ms=_LOOK_EVERY_MS, max_records=_MOST_AT_ONCE)
        for partition, side in list(self._sides.items()):
            withdrawals, subscriptions = self._tp(partition)
            self._withdraw(partition, side, batches.get(withdrawals, ()))
            if not await self._apply(partition, side, batches.get(subscriptions, ())):
                continue
            await side.withdrawals_freshness.look()
            await side.subscriptions_freshness.look()
        self._wake()
        await self._now_and_then()

    def _withdraw(self, partition: int, side: _Side, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            job_id = side.withdrawals.apply(record)
            if job_id is not None:
                self._on_withdrawal(partition, job_id)

    async def _apply(self, partition: int, side: _Side, records: Iterable[ConsumerRecord]) -> bool:
        position = await self._consumer.position(self._tp(partition)[1])
        if position == side.applied:
            return True
        try:
            await self._store.apply(partition, list(records), side.applied, position)
        except ElsewhereError:
            await self._seek_subscriptions(partition)
            return False
        side.applied = position
        return True

    def _wake(self) -> None:
        looked, self._looked = self._looked, asyncio.Event()
        looked.set()

    async def _now_and_then(self) -> None:
        now = time.time()
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_EVERY_S
            await self._store.look()
            for side in self._sides.values():
                side.withdrawals.forget_before(int(now * 1000))
