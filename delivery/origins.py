"""One push service as we know it: who waits for it, and whether it is left alone for a while."""

from collections import OrderedDict
from enum import IntEnum, StrEnum

from delivery.pushes import Push


class Circuit(IntEnum):
    """The breaker's state, as the metric shows it."""

    CLOSED = 0
    """Pushes flow."""
    HALF_OPEN = 1
    """One push goes ahead of the others, to see."""
    OPEN = 2
    """No push starts."""


class Blame(StrEnum):
    """Why an origin is left alone."""

    FAILING = "failing"
    UNAUTHORIZED = "unauthorized"


class Origin:
    """Pushes for one origin under one VAPID key, in order, and a breaker. It is told the time.

    A push service that fails many times in a row is left alone for a while, one that does not
    accept our key at once; then a single push probes it. Times are seconds of a steady clock.

    Args:
        limit: pushes under way at once.
        failures: how many in a row open the breaker.
        longest_s: the longest time it is left alone; it doubles from ``first_s``.
    """

    def __init__(
        self, *, service: str, limit: int, failures: int, first_s: float, longest_s: float
    ) -> None:
        self.service = service
        self.under_way = 0
        self.blame: Blame | None = None
        self.runnable = False
        """Whether the dispatcher has it in its round."""
        self._limit = limit
        self._failures_allowed = failures
        self._first_s = first_s
        self._longest_s = longest_s
        self._ready: OrderedDict[Push, None] = OrderedDict()
        self._failures = 0
        self._rounds = 0
        self._until = 0.0
        self._open = False

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, push: Push, *, first: bool = False) -> None:
        self._ready[push] = None
        if first:
            self._ready.move_to_end(push, last=False)

    def discard(self, push: Push) -> None:
        self._ready.pop(push, None)

    def circuit(self, now: float) -> Circuit:
        if not self._open:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._until else Circuit.HALF_OPEN

    def may_start(self, now: float) -> bool:
        """Whether a push waits and may go now."""
        if not self._ready:
            return False
        match self.circuit(now):
            case Circuit.CLOSED:
                return self.under_way < self._limit
            case Circuit.HALF_OPEN:
                return self.under_way == 0
            case Circuit.OPEN:
                return False

    def next(self) -> Push:
        """The push whose turn it is; it counts as under way until :meth:`over`."""
        push, _ = self._ready.popitem(last=False)
        self.under_way += 1
        return push

    def over(self) -> None:
        """An attempt is over, whatever it came to."""
        self.under_way -= 1

    def succeeded(self) -> None:
        """It answered, and the answer was about the push, not about itself or us."""
        self._failures = self._rounds = 0
        self._open = False
        self.blame = None

    def failed(self, now: float, retry_after_s: float | None = None) -> None:
        """It is overloaded, broken or not there."""
        self._failures += 1
        if self._failures >= self._failures_allowed or self.circuit(now) is Circuit.HALF_OPEN:
            self._leave_alone(Blame.FAILING, now, retry_after_s or 0.0)

    def refused_us(self, now: float) -> None:
        """It does not accept our key."""
        self._leave_alone(Blame.UNAUTHORIZED, now, 0.0)

    def _leave_alone(self, blame: Blame, now: float, at_least_s: float) -> None:
        if self.circuit(now) is Circuit.OPEN:
            return  # the answer to a push that was under way before
        pause_s = min(self._longest_s, self._first_s * 2.0 ** min(self._rounds, 30))
        self._rounds += 1
        self._open = True
        self.blame = blame
        self._until = now + max(pause_s, min(at_least_s, self._longest_s))
