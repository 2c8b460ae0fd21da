"""The profiles of this worker's partitions, recovered by Faust from their changelog.

Faust reads the changelog and says when it is done; rows are held as the core wants them and are
written by :mod:`streams.transactions`, never through Faust's table.
"""

import ctypes
import gc
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import faust
import structlog
from faust.stores.base import Store
from faust.types import TP
from yarl import URL

from processors.table import ProfileTable
from runtime.metrics import Metric, gauge
from streams.guard import RefusedError
from streams.transport import Batch

log = structlog.get_logger(__name__)

NOTHING_YET = -1
"""As a persisted offset: read the changelog from its beginning."""


class Owner(Protocol):
    """Who runs the partitions: told at the points of a rebalance where it must act."""

    async def begin_generation(self, generation: int, assigned: frozenset[TP]) -> None:
        """Before Faust looks how long the changelogs are: what others had in flight ends here."""

    async def partitions_recovered(self, generation: int) -> None:
        """Every assigned partition's table holds what its changelog says."""

    def fail(self, error: BaseException) -> None:
        """The worker cannot go on."""


class ChangelogGapError(RuntimeError):
    """Rows between what a table holds and what was read next are missing."""


class Tables:
    """A table a partition, and up to which changelog offset it is known to be right."""

    def __init__(self) -> None:
        self._tables: dict[int, ProfileTable] = {}
        self._ends: dict[int, int] = {}
        self._owned: frozenset[int] = frozenset()

    def of(self, partition: int) -> ProfileTable:
        return self._tables.setdefault(partition, ProfileTable())

    def end_of(self, partition: int) -> int:
        """The last changelog offset that the table holds, or :data:`NOTHING_YET`."""
        return self._ends.get(partition, NOTHING_YET)

    def keep(self, partition: int, end: int) -> None:
        """The table equals its changelog up to offset ``end``: a rebalance need not read it."""
        self._ends[partition] = end

    def drop(self, partition: int) -> None:
        """Forgets a table that may hold what was never committed."""
        self._tables.pop(partition, None)
        self._ends.pop(partition, None)

    def own(self, partitions: Iterable[int]) -> None:
        """A generation begins with these partitions; the tables of all others are forgotten."""
        before, self._owned = self._owned, frozenset(partitions)
        for partition in before - self._owned:
            gauge(Metric.RECOVERY_PROGRESS).remove(partition)
        for partition in set(self._tables) - self._owned:
            self.drop(partition)

    def owns(self, partition: int) -> bool:
        """Whether the partition is of the generation that is now."""
        return partition in self._owned

    def apply(self, batch: Batch, end: int) -> None:
        """Takes in what was read of the changelog, up to the offset ``end``.

        Faust may still hold what it read for an earlier generation. Of a partition that is not
        owned any more it would be a table with a hole, taken for whole when the partition comes
        back; what a table holds already would be older than what it holds.

        Raises:
            ChangelogGapError: something between is missing.
        """
        partition = batch.tp.partition
        if not self.owns(partition):
            log.info("changelog_passed_over", partition=partition, before=batch.before)
            return
        known = self.end_of(partition)
        if known != NOTHING_YET and batch.before > known + 1:
            raise ChangelogGapError(
                f"changelog {partition}: offsets {known + 1} to {batch.before - 1} were not read"
            )
        records = batch.records
        if batch.before <= known:
            records = [record for record in records if record.offset > known]
        self.of(partition).load(records)
        self.keep(partition, max(known, end))


class ProfileStore(Store):  # type: ignore[misc]  # Faust is untyped
    """What Faust knows of :class:`Tables`."""

    def __init__(self, table: Any, tables: Tables, owner: Owner) -> None:
        super().__init__(URL("nudge:"), table.app, table, loop=table.loop)
        self.data: dict[bytes, bytes] = {}
        self._tables = tables
        self._owner = owner

    def persisted_offset(self, tp: TP) -> int:
        # Not None: Faust would go on from where it read last, although rows were written since.
        return self._tables.end_of(tp.partition)

    def apply_changelog_batch(
        self,
        batch: Iterable[Any],
        to_key: Callable[[Any], Any],  # noqa: ARG002 - Faust's signature
        to_value: Callable[[Any], Any],  # noqa: ARG002
    ) -> None:
        # Faust logs an error here and goes on without the rows, likewise below.
        try:
            for event in batch:
                message = event.message
                self._tables.apply(message.value, message.offset)
                if self._tables.owns(message.tp.partition):
                    self._show_progress(message.tp, message.offset)
        except Exception as error:
            self._owner.fail(error)
            raise

    def _show_progress(self, tp: TP, offset: int) -> None:
        end = self.app.tables.recovery.active_highwaters[tp]
        gauge(Metric.RECOVERY_PROGRESS).labels(tp.partition).set((offset + 1) / (end + 1))

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],  # noqa: ARG002
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,
    ) -> None:
        try:
            await self._owner.begin_generation(generation_id, frozenset(assigned))
        except RefusedError as error:
            self._owner.fail(error)
            raise
        log.info("recovery_begins", generation=generation_id)

    async def on_recovery_completed(
        self,
        active_tps: set[TP],  # noqa: ARG002
        standby_tps: set[TP],  # noqa: ARG002
    ) -> None:
        try:
            _give_back_memory()
            await self._owner.partitions_recovered(self.app.consumer_generation_id)
        except Exception as error:
            self._owner.fail(error)
            raise

    async def backup_partition(self, *_: Any, **__: Any) -> None:
        """The changelog is the backup."""

    def restore_backup(self, *_: Any, **__: Any) -> None:
        """The changelog is the backup."""

    def reset_state(self) -> None:
        """Nothing lies on disk."""


def _give_back_memory() -> None:
    """What recovery fetched lies free between the rows: a tenth of their size, to no purpose."""
    gc.collect()
    # glibc has it, others need not.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


class ProfileCollection(faust.Table):  # type: ignore[misc]  # Faust is untyped
    """The Faust table ``profiles``; its changelog is ``nudge-profiles-changelog``."""

    tables: Tables
    owner: Owner

    def _new_store(self) -> ProfileStore:
        return ProfileStore(self, self.tables, self.owner)
