"""A partition's first minutes, and what follows when Redis has forgotten.

Both end with an epoch: from then on the ledger knows, of every job that may yet be read, all that
can be known.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from delivery.background import Background, Broken
from delivery.ledger import Ledger
from delivery.partition import Partition, Phase
from delivery.side_reader import PartitionLostError, SideReader
from runtime.settings import KafkaSettings
from schemas.push import ResultOutcome
from schemas.topics import RESULTS

log = structlog.get_logger(__name__)
_MOST_AT_ONCE = 2000


class _Result(msgspec.Struct):
    """Of a result what the ledger keeps."""

    job_id: str
    subscription_id: str
    outcome: str


_decode = msgspec.json.Decoder(_Result).decode


class Opener:
    """Opens partitions, and rebuilds them.

    Args:
        prove: commits on the partition's behalf; false when it is not ours any more.
        opened: told of each partition that may send (again).
    """

    def __init__(
        self,
        settings: KafkaSettings,
        ledger: Ledger,
        side: SideReader,
        longest_ttl_ms: int,
        *,
        prove: Callable[[Partition], Awaitable[bool]],
        opened: Callable[[Partition], None],
        broken: Broken,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._side = side
        self._longest_ttl_ms = longest_ttl_ms
        self._prove = prove
        self._opened = opened
        self._broken = broken
        self._rebuilding: dict[Partition, Background] = {}

    async def open(self, partition: Partition, *, first_start: bool) -> None:
        """Makes a partition ready to send.

        Args:
            first_start: the group never committed for it, so nothing was ever sent from it.

        Raises:
            PartitionLostError: it was closed meanwhile.
        """
        await self._side.add(partition.number)
        mark = self._side.mark(partition.number)
        # An epoch older than the group is of other topics: their offsets say nothing of ours.
        doubt_until = None if first_start else await self._ledger.epochs.adopt(partition.number)
        if doubt_until is not None:
            await self._side.caught_up(partition.number, mark)
            partition.doubt_until = doubt_until
        else:
            partition.doubt_until = partition.taken_before
            await self._rebuild(partition, partition.taken_before, results=not first_start)
        partition.enter(Phase.OPEN)
        self._opened(partition)

    def flushed(self, partition: Partition) -> None:
        """The ledger has forgotten this partition: nothing starts until it is rebuilt."""
        if partition.phase is not Phase.OPEN:
            return
        log.warning("ledger_lost", partition=partition.number)
        partition.enter(Phase.REBUILDING)
        self._rebuilding[partition] = Background(
            self._restore(partition), f"rebuild {partition.number}", self._broken
        )

    async def close(self, partition: Partition) -> None:
        """Ends a rebuild under way."""
        if work := self._rebuilding.pop(partition, None):
            await work.stop()

    async def _restore(self, partition: Partition) -> None:
        # A worker that lost the partition without knowing must not rebuild it for another.
        if not await self._prove(partition):
            return
        # What the ledger knew of our predecessor's pushes is lost to us; what it knew of ours, to
        # whoever comes after a crash.
        partition.doubt_until = partition.taken_before
        try:
            await self._rebuild(partition, partition.tracker.taken, results=True)
        except PartitionLostError:
            return
        self._rebuilding.pop(partition, None)
        partition.enter(Phase.OPEN)
        self._opened(partition)

    async def _rebuild(self, partition: Partition, doubt_until: int, *, results: bool) -> None:
        number = partition.number
        while True:
            announced = await self._ledger.epochs.announce_rebuild(number)
            await self._side.reload(number)
            await self._side.caught_up(number, self._side.mark(number))
            ends = 0
            if results:
                async for settled in self._ended_pushes(number):
                    ends += len(settled)
                    await self._ledger.remember(settled, self._longest_ttl_ms)
            if await self._ledger.epochs.begin(number, announced, doubt_until):
                log.info("ledger_rebuilt", partition=number, ended_pushes=ends)
                return

    async def _ended_pushes(self, number: int) -> AsyncIterator[list[tuple[str, str]]]:
        """(job id, subscription id) of every result with an end, as far back as jobs can live."""
        tp = TopicPartition(self._settings.topic(RESULTS), number)
        consumer = AIOKafkaConsumer(
            **self._settings.client_options(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            since = max(0, int(time.time() * 1000) - self._longest_ttl_ms)
            found = (await consumer.offsets_for_times({tp: since}))[tp]
            consumer.seek(tp, end if found is None else found.offset)
            while await consumer.position(tp) < end:
                batches = await consumer.getmany(tp, timeout_ms=200, max_records=_MOST_AT_ONCE)
                results = [_read(record) for record in batches.get(tp, ())]
                yield [
                    (result.job_id, result.subscription_id)
                    for result in results
                    if result is not None and result.outcome != ResultOutcome.RETRYING
                ]
        finally:
            await consumer.stop()


def _read(record: ConsumerRecord) -> _Result | None:
    try:
        return _decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("result_unreadable", partition=record.partition, offset=record.offset,
                    error=str(error))  # fmt: skip
        return None
