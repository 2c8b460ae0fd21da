"""How far a partition has come in time: the clock by which moments fall due.

Pure: every time is told (ms). An idle input says nothing of the last minutes unless the broker
was asked and everything it had by then is done; a broker that was away says nothing at all.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from processors.identity import HANDOVER_DELAY_MS

_MAX_LOOKS = 200
_LOOK_EVERY_MS = 25


@dataclass(frozen=True, slots=True)
class Patience:
    """The settings of :class:`streams.settings.StreamsSettings` that the clock needs, in ms."""

    grace_ms: int = 5_000
    disorder_ms: int = 60_000
    silence_ms: int = 30_000
    hold_ms: int = 120_000


class InputClock:
    """One input of a partition.

    Args:
        clock: the partition's stored clock; 0 at the very first start.
        now: when this worker took the partition over.
        heard: when the broker was heard of last on the partition's behalf, where that is stored
            and newer than the clock, which is a minute behind while there is a backlog.
    """

    def __init__(self, patience: Patience, clock: int, now: int, heard: int = 0) -> None:
        self._patience = patience
        self._looks: deque[tuple[int, int]] = deque()
        self._reached = 0
        self._answered_at = 0
        self._held_until = 0
        self.value = clock
        if clock:
            # Nobody has asked on our behalf since.
            self._answered_at = max(clock, heard)
            self._notice_silence(now)

    def _notice_silence(self, now: int) -> None:
        if self._answered_at and now - self._answered_at > self._patience.silence_ms:
            self._held_until = now + self._patience.hold_ms
            self._looks.clear()

    def answer(self, at: int, highwater: int) -> None:
        """The broker said at ``at`` that the input ends at ``highwater``."""
        if at <= self._answered_at:
            return
        self._notice_silence(at)
        self._answered_at = at
        if len(self._looks) < _MAX_LOOKS and (
            not self._looks or at - self._looks[-1][0] >= _LOOK_EVERY_MS
        ):
            self._looks.append((at, highwater))

    @property
    def answered_at(self) -> int:
        """When the broker was heard of last (ms)."""
        return self._answered_at

    @property
    def held(self) -> bool:
        """The input was not heard of for long: what producers kept back may still come."""
        return self._answered_at < self._held_until

    def look(self, done: int, newest: int) -> int:
        """Its clock when everything below offset ``done`` is done, the newest record ``newest``."""
        while self._looks and self._looks[0][1] <= done:
            self._reached = self._looks.popleft()[0]
        if not self.held:
            patience = self._patience
            self.value = max(
                self.value, self._reached - patience.grace_ms, newest - patience.disorder_ms
            )
        return self.value


class MarksBoard:
    """How far every partition has told its users' events, as the partitions say.

    A partition that says nothing new for ``hold_ms`` counts no more: it cannot stop the others.
    """

    def __init__(self, partitions: int, hold_ms: int, now: int) -> None:
        self._until = dict.fromkeys(range(partitions), 0)
        self._heard = dict.fromkeys(range(partitions), now)
        self._hold_ms = hold_ms

    def mark(self, partition: int, until: int, now: int) -> None:
        if until > self._until.get(partition, 0):
            self._until[partition] = until
            self._heard[partition] = now

    def least(self, now: int) -> int:
        """Every handover caused before this time (ms) is committed, silent partitions aside."""
        heard = [self._until[p] for p in self._until if now - self._heard[p] <= self._hold_ms]
        return min(heard, default=max(self._until.values(), default=0))

    def silent(self, now: int) -> list[int]:
        """The partitions that do not count now."""
        return [p for p in self._heard if now - self._heard[p] > self._hold_ms]


class ProductsClock:
    """Up to when every product fact is done; not counted while it stands still for ``hold_ms``."""

    def __init__(self, patience: Patience, clock: int, now: int) -> None:
        self._patience = patience
        self._frontier = 0
        self._moved_at = now
        self.value = clock

    def look(self, frontier: int, first_waiting: int | None, now: int) -> int | None:
        """Its clock, ``None`` where it does not count.

        ``first_waiting``: the time of the first fact not yet done.
        """
        if frontier != self._frontier:
            self._frontier, self._moved_at = frontier, now
        if first_waiting is not None:
            frontier = min(frontier, first_waiting - 1)
        self.value = max(self.value, frontier - self._patience.grace_ms)
        return None if now - self._moved_at > self._patience.hold_ms else self.value


class FoldFrontier:
    """Up to when ``nudge-products`` tells all that the shop has said, over all its partitions.

    A partition of ``shop.catalog`` is folded up to the last mark beside its products. Where that
    is the end that it had when it was looked at, everything up to that look is folded.
    """

    def __init__(self, partitions: int) -> None:
        self._until = [0] * partitions
        self._folded = [0] * partitions
        self._looks: list[deque[tuple[int, int]]] = [deque() for _ in range(partitions)]

    def look(self, partition: int, at: int, end: int) -> None:
        """``shop.catalog`` ended at offset ``end`` when it was asked at ``at`` (ms) or later."""
        looks = self._looks[partition]
        if len(looks) < _MAX_LOOKS:
            looks.append((at, end))
        self._settle(partition)

    def mark(self, partition: int, until: int, offset: int) -> None:
        """A mark was read: folded up to ``offset``, which was recorded at ``until`` (ms)."""
        self._folded[partition] = max(self._folded[partition], offset)
        self._until[partition] = max(self._until[partition], until)
        self._settle(partition)

    def _settle(self, partition: int) -> None:
        looks = self._looks[partition]
        while looks and looks[0][1] <= self._folded[partition]:
            self._until[partition] = max(self._until[partition], looks.popleft()[0])

    def value(self) -> int:
        """No product fact still to be read was recorded before this time (ms)."""
        return min(self._until)


class PartitionClock:
    """The least of its inputs' clocks, never going back."""

    def __init__(
        self, patience: Patience, names: Iterable[str], clock: int, now: int, heard: int = 0
    ) -> None:
        self.inputs: Mapping[str, InputClock] = {
            name: InputClock(patience, clock, now, heard) for name in names
        }
        self._heard = heard
        self._handover_grace = max(patience.grace_ms, HANDOVER_DELAY_MS)
        self.products = ProductsClock(patience, clock, now)
        self.value = clock

    @property
    def held(self) -> bool:
        return any(clock.held for clock in self.inputs.values())

    @property
    def heard(self) -> int:
        """Up to when (ms) every input was heard of, with no silence that still counts.

        Whoever takes the partition over counts the silence from then on.
        """
        if not self.held:
            answered_at = min(clock.answered_at for clock in self.inputs.values())
            self._heard = max(self._heard, answered_at)
        return self._heard

    def look(
        self,
        done: Mapping[str, tuple[int, int]],
        handed_over: int,
        products: tuple[int, int | None],
        now: int,
    ) -> int:
        """The clock when of each input everything below an offset is done.

        Args:
            done: that offset and the newest time done (ms), by input.
            handed_over: every handover whose place is before this time (ms) is done.
            products: the facts' frontier, and the first fact not yet done (ms).
            now: the wall (ms).
        """
        clocks = [clock.look(*done[name]) for name, clock in self.inputs.items()]
        clocks.append(handed_over - self._handover_grace)
        products_clock = self.products.look(*products, now)
        if products_clock is not None:
            clocks.append(products_clock)
        self.value = max(self.value, min(clocks))
        return self.value
