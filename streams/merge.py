"""Inputs of a partition, merged by time: what may be taken now, in which order.

Pure: times come from the records and from the caller. Within an input the order is that of its
offsets, so a record counts at the greatest time its input had shown by then (``arrived_at``).
"""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, NamedTuple, Protocol

from processors.inputs import FACT_RANK


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
or, where the inbox is ``None``, a :class:`Fact`. A plain tuple: there is one for every record.
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
    """

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


class Fact(NamedTuple):
    """A product's new version on its way to a partition."""

    recorded_at: int
    partition: int
    offset: int
    key: str


class FactQueue:
    """Product facts of all product partitions, in order; ``frontier``: none older comes (ms)."""

    def __init__(self) -> None:
        self._facts: list[Fact] = []
        self.frontier = 0

    def __len__(self) -> int:
        return len(self._facts)

    def add(self, fact: Fact) -> None:
        heappush(self._facts, fact)

    def first_at(self) -> int | None:
        """The time of the first one waiting (ms)."""
        return self._facts[0].recorded_at if self._facts else None

    def take(self, frontier: int, limit: int) -> list[Taken]:
        """Removes and returns the first facts recorded at or before ``frontier`` (ms)."""
        taken: list[Taken] = []
        while self._facts and len(taken) < limit and self._facts[0].recorded_at <= frontier:
            fact = heappop(self._facts)
            at, partition, offset, _ = fact
            taken.append((at, FACT_RANK, partition, offset, None, fact, at))
        return taken

    def put_back(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            heappush(self._facts, fact)


class _Patience:
    """Since when an empty input has shown nothing new."""

    __slots__ = ("promise", "since")

    def __init__(self, now: int) -> None:
        self.promise = -1
        self.since = now

    def overrun(self, promise: int, now: int, wait: int) -> bool:
        if promise != self.promise:
            self.promise, self.since = promise, now
        return now - self.since > wait


class Merge:
    """The inputs of one partition and its product facts.

    Args:
        inboxes: every input waits for the least promise among them.
        wait: ms that all inputs wait for an empty one that shows nothing new.
    """

    def __init__(self, inboxes: Sequence[MergeInput], facts: FactQueue, wait: int) -> None:
        self.inboxes = tuple(inboxes)
        self.facts = facts
        self._wait = wait
        self._patience: dict[str, _Patience] = {}
        self.waits: Counter[str] = Counter()
        """How often there were records to take and all waited for that input; "" for products."""
        self.overruns: Counter[str] = Counter()
        """How often the merge went on without it."""
        self._overrun: set[str] = set()

    def frontier(self, now: int) -> tuple[int, str]:
        """Up to when (ms) all inputs are known at ``now``, and by which input it is no later.

        Inputs that overran the wait are left aside.
        """
        promises = [(inbox.promise(), inbox.name, inbox.has_known()) for inbox in self.inboxes]
        promises.append((self.facts.frontier, "", len(self.facts) > 0))
        waited = [
            (promise, name)
            for promise, name, known in promises
            if known or not self._overruns(name, promise, now)
        ]
        return min(waited) if waited else (max(promises)[0], "")

    def _overruns(self, name: str, promise: int, now: int) -> bool:
        patience = self._patience.setdefault(name, _Patience(now))
        if not patience.overrun(promise, now, self._wait):
            self._overrun.discard(name)
            return False
        if name not in self._overrun:
            self._overrun.add(name)
            self.overruns[name] += 1
        return True

    def take(self, now: int, limit: int) -> list[Taken]:
        """What may be processed now, in order, at most ``limit``."""
        frontier, slowest = self.frontier(now)
        parts = [inbox.ready(frontier, limit) for inbox in self.inboxes if len(inbox)]
        parts.append(self.facts.take(frontier, limit))
        parts = [part for part in parts if part]
        if not parts:
            if any(len(inbox) for inbox in self.inboxes):
                self.waits[slowest] += 1
            return []
        if len(parts) == 1:
            taken = parts[0]
            counts = {taken[0][4]: len(taken)}
        else:
            # Places differ in their first four parts: what comes after is never compared.
            taken = sorted(one for part in parts for one in part)
            self.facts.put_back(one[5] for one in taken[limit:] if one[4] is None)
            del taken[limit:]
            counts = Counter(one[4] for one in taken)
        for inbox, count in counts.items():
            if inbox is not None:
                inbox.take(count)
        return taken
