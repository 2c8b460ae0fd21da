"""What was fetched of one input of a partition and is not yet taken.

Pure: times come from the records and from the caller. Within an input the order is that of its
offsets, so a record counts at the greatest time its input had shown by then (``arrived_at``).
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class InputGapError(RuntimeError):
    """Records between two batches are missing: retention deleted them, or the position jumped."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Part of an input: ``records`` with ``offset`` and ``timestamp`` (ms), in offset order.

    ``before``, ``after``: the consumer's position before and after them. ``answered_at`` (ms) is
    when they came. ``broken`` stands for records at ``before`` that cannot be read.
    """

    records: Sequence[Any]
    before: int
    after: int
    answered_at: int
    broken: Any = None


Taken = tuple[int, int, int, int, "MergeInput | None", Any, int]
"""What was taken: arrived at (ms), rank, partition, offset; inbox, record, recorded at (ms).

The first four are its place in the order. The record is what the batch held, or its ``broken``;
or, where the inbox is ``None``, a :class:`streams.merge.Fact`. A plain tuple: there is one a
record.
"""


class MergeInput(Protocol):
    """An input as the merge sees it; what its methods answer stands at :class:`Inbox`."""

    name: str
    rank: int

    def __len__(self) -> int: ...
    def promise(self) -> int: ...
    def has_known(self) -> bool: ...
    def ready(self, frontier: int, limit: int) -> list[Taken]: ...
    def take(self, count: int) -> None: ...


def not_read_before(name: str, partition: int, position: int, fetched: Fetched) -> bool:
    """Whether some of it lies beyond ``position``.

    Raises:
        InputGapError: it does not begin where the last batch ended.
    """
    if fetched.before > position:
        raise InputGapError(
            f"{name}-{partition}: offsets {position} to {fetched.before - 1} were never read"
        )
    return fetched.after > position


class _Queued:
    __slots__ = ("after", "arrived", "next", "recorded", "records")

    def __init__(
        self, records: Sequence[Any], recorded: list[int], arrived: list[int], after: int
    ) -> None:
        self.records = records
        self.recorded = recorded
        self.arrived = arrived
        self.after = after
        self.next = 0


class Inbox:
    """What was fetched of one input and partition and is not yet taken.

    ``slack``: how long (ms) a record may be on its way from its producer's clock to the log.
    ``position``: up to where it was fetched. ``newest``: the greatest time it has shown (ms).
    ``done``: the offset up to which all was taken; what a step's transaction commits.
    ``ahead``: what beyond it is taken; nothing ever.
    """

    ahead: Sequence[int] = ()

    def __init__(
        self, name: str, rank: int, partition: int, position: int, newest: int = 0, slack: int = 0
    ) -> None:
        self.name = name
        self.slack = slack
        self.rank = rank
        self.partition = partition
        self.position = position
        self.done = position
        self.newest = newest
        self.taken_newest = newest
        self.answered_at = 0
        self.highwater: int | None = None
        self._queue: deque[_Queued] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, fetched: Fetched) -> None:
        """Queues what came.

        Raises:
            InputGapError: it does not begin where the last batch ended.
        """
        if not not_read_before(self.name, self.partition, self.position, fetched):
            return
        records = fetched.records
        if fetched.broken is not None:
            records = (fetched.broken,)
            recorded = [fetched.answered_at]
        else:
            if fetched.before < self.position:
                records = [record for record in records if record.offset >= self.position]
            limit = fetched.answered_at
            # A record without a time (-1, or a broken clock's) counts when it came.
            recorded = [
                time if 0 <= (time := record.timestamp) < limit else limit for record in records
            ]
        self.position = fetched.after
        self._enqueue(_Queued(records, recorded, self._running_newest(recorded), fetched.after))

    def _running_newest(self, recorded: list[int]) -> list[int]:
        newest, arrived = self.newest, []
        for time in recorded:
            newest = max(newest, time)
            arrived.append(newest)
        self.newest = newest
        return arrived

    def _enqueue(self, queued: _Queued) -> None:
        if queued.records:
            self._queue.append(queued)
            self._size += len(queued.records)
        elif self._queue:
            self._queue[-1].after = queued.after
        else:
            self.done = queued.after

    def answer(self, at: int, highwater: int) -> None:
        """The broker said at ``at`` (ms) that the log ends at ``highwater``."""
        self.answered_at = at
        self.highwater = highwater

    @property
    def caught_up(self) -> bool:
        """Everything up to the end that the last answer told is fetched."""
        return self.highwater is not None and self.position >= self.highwater

    def promise(self) -> int:
        """Nothing still to come arrives before this time (ms)."""
        return max(self.newest, self.answered_at - self.slack) if self.caught_up else self.newest

    def has_known(self) -> bool:
        """Whether one waits that stands at or before the promise."""
        return self._size > 0

    def untaken_from(self) -> int:
        """Nothing that is not taken yet arrives, or has arrived, before this time (ms)."""
        if self._queue:
            first = self._queue[0]
            return first.arrived[first.next]
        return self.promise()

    def ready(self, frontier: int, limit: int) -> list[Taken]:
        """Its first records that arrived at or before ``frontier`` (ms), at most ``limit``."""
        ready: list[Taken] = []
        rank, partition = self.rank, self.partition
        for queued in self._queue:
            first = queued.next
            end = max(bisect_right(queued.arrived, frontier, first), first)
            stop = min(end, first + limit - len(ready))
            ready += [
                (arrived_at, rank, partition, record.offset, self, record, recorded_at)
                for record, arrived_at, recorded_at in zip(
                    queued.records[first:stop],
                    queued.arrived[first:stop],
                    queued.recorded[first:stop],
                    strict=True,
                )
            ]
            if end < len(queued.records) or len(ready) >= limit:
                break
        return ready

    def take(self, count: int) -> None:
        """Moves past its first ``count`` records."""
        self._size -= count
        while count:
            queued = self._queue[0]
            step = min(count, len(queued.records) - queued.next)
            queued.next += step
            count -= step
            self.taken_newest = queued.arrived[queued.next - 1]
            if queued.next == len(queued.records):
                self.done = queued.after
                self._queue.popleft()
            else:
                self.done = queued.records[queued.next - 1].offset + 1
