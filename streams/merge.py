"""Inputs of a partition, merged by time: what may be taken now, in which order. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from processors.inputs import FACT_RANK
from streams.inbox import MergeInput, Taken


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
