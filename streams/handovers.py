"""Handovers on their way to a partition: from every partition, each with its place in the order.

They come by several producers, so that a later one may stand before an earlier one in the log.
What is told next is the one with the least place, whatever its offset.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

from processors.identity import HANDOVER_DELAY_MS
from schemas.topics import HANDOVERS
from streams.inbox import Fetched, Taken, not_read_before

_MAX_LOOKS = 200
FAR_BEHIND_MS = 30_000
"""Of the wall; where the marks are further behind, the strides grow."""
_STRIDES_TO_THERE = 6
"""A stride is this part of what lies between the marks and that."""


class HandoverInbox:
    """What was fetched of a partition's handovers and is not yet taken.

    ``done``: everything below that offset is taken. What is taken beyond it is ``ahead``; read
    again after a restart it is passed over. ``passed``: the place (ms) up to which the partition
    has been told; a handover that should have come before counts there, and the core lists it.

    Args:
        newest: the greatest place that was taken (ms).
        ahead: offsets from ``position`` on that were taken already.
    """

    def __init__(
        self,
        rank: int,
        partition: int,
        position: int,
        newest: int = 0,
        ahead: Iterable[int] = (),
    ) -> None:
        self.name = HANDOVERS.name
        self.rank = rank
        self.partition = partition
        self.position = position
        self.taken_newest = newest
        self.answered_at = 0
        self.highwater: int | None = None
        self.passed = 0
        self._queue: list[Taken] = []
        self._offsets: list[int] = []
        self._ahead = set(ahead)
        self._known = 0
        self._ahead_of_marks = HANDOVER_DELAY_MS
        self._looks: deque[tuple[int, int]] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def done(self) -> int:
        while self._offsets and self._offsets[0] in self._ahead:
            self._ahead.discard(heappop(self._offsets))
        return self._offsets[0] if self._offsets else self.position

    @property
    def ahead(self) -> list[int]:
        """The offsets beyond :attr:`done` that are taken, in order."""
        done = self.done
        return sorted(offset for offset in self._ahead if offset >= done)

    def add(self, fetched: Fetched) -> None:
        """Queues what came.

        Raises:
            InputGapError: it does not begin where the last batch ended.
        """
        if not_read_before(self.name, self.partition, self.position, fetched):
            if fetched.broken is not None:
                self._put(self.position, fetched.answered_at, fetched.broken)
            # One dated ahead by a broken clock counts as one caused when it was fetched.
            limit = fetched.answered_at + HANDOVER_DELAY_MS
            for record in fetched.records:
                if record.offset >= self.position:
                    place = record.timestamp if 0 <= record.timestamp < limit else limit
                    self._put(record.offset, place, record)
            self.position = fetched.after

    def _put(self, offset: int, place: int, record: Any) -> None:
        heappush(self._offsets, offset)
        if offset in self._ahead:
            return
        arrived_at = max(place, self.passed)
        insort(self._queue, (arrived_at, self.rank, self.partition, offset, self, record, place))

    def answer(self, at: int, highwater: int) -> None:
        """The broker said at ``at`` (ms) that the log ends at ``highwater``."""
        self.answered_at = at
        self.highwater = highwater

    def look(self, least: int, end: int) -> None:
        """The log ended at ``end`` when it was asked, after the marks had stood at ``least`` (ms).

        A partition's mark is written after what it hands over: all that was caused before
        ``least`` stands below ``end``, be its transaction's marker written or not.
        """
        if len(self._looks) < _MAX_LOOKS:
            self._looks.append((least, end))

    def complete_until(self) -> int:
        """Every handover whose place is before this time (ms) was fetched; 0 while unknown."""
        while self._looks and self._looks[0][1] <= self.position:
            self._known = max(self._known, self._looks.popleft()[0])
        return self._known + HANDOVER_DELAY_MS if self._known else 0

    def pace(self, now: int) -> None:
        """Sets how far the merge may run ahead of the marks at ``now`` (ms).

        Strides of two seconds would work off an hour's backlog for many minutes. While the marks
        are far behind, the strides are longer, and whom a handover comes too late for is listed;
        the clock waits for the marks all the same.
        """
        until = self.complete_until()
        too_far = now - until - FAR_BEHIND_MS if until else 0
        self._ahead_of_marks = max(HANDOVER_DELAY_MS, too_far // _STRIDES_TO_THERE)

    def promise(self) -> int:
        """The merge need not wait for one whose place is at or before this time (ms)."""
        return self._known + self._ahead_of_marks - 1 if self.complete_until() else 0

    def has_known(self) -> bool:
        """Whether one waits that stands at or before the promise."""
        return bool(self._queue) and self._queue[0][0] <= self.promise()

    def first_at(self) -> int | None:
        """The place of the first one waiting (ms)."""
        return self._queue[0][0] if self._queue else None

    def ready(self, frontier: int, limit: int) -> list[Taken]:
        """Its first records whose place is at or before ``frontier`` (ms), at most ``limit``."""
        count = 0
        while count < min(limit, len(self._queue)) and self._queue[count][0] <= frontier:
            count += 1
        return self._queue[:count]

    def take(self, count: int) -> None:
        """Moves past its first ``count`` records."""
        for taken in self._queue[:count]:
            self._ahead.add(taken[3])
            self.taken_newest = taken[0]
        del self._queue[:count]
