"""One push service as we know it: who waits for it, and whether it is left alone for a while."""

from collections import OrderedDict
from enum import IntEnum, StrEnum
from itertools import islice

from delivery.pushes import Push

_PROBES = 1000
"""Of so many pushes one is picked to probe with."""


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

    A push service that fails many times in a row is left alone for a while, and one that refuses
    our key to as many browsers in a row; then a single push probes it. One browser's refusal says
    nothing of the others: it may have subscribed under another key (RFC 8292 §4.2), and who made it
    is a stranger. Times are seconds of a steady clock.

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
        self.accepted = 0
        """How many pushes it took under this key."""
        self._refused: set[str] = set()
        """The subscriptions that our key was refused to since it last took a push."""
        self._refused_until = 0.0
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
                stranger = self.under_way == 0 and now >= self._refused_until
                return stranger and self._not_refused() is not None

    def next(self) -> Push:
        """The push whose turn it is; it counts as under way until :meth:`over`."""
        push = self._not_refused() or next(iter(self._ready))
        del self._ready[push]
        self.under_way += 1
        return push

    def _not_refused(self) -> Push | None:
        """Where our key was refused, the newest push of who was not refused yet, if there is one.

        It need not wait for long: whoever fills the queue with browsers of another key does not
        decide for those who come after.
        """
        if self.blame is not Blame.UNAUTHORIZED:
            return None
        newest = islice(reversed(self._ready), _PROBES)
        others = (push for push in newest if push.key.subscription_id not in self._refused)
        return next(others, None)

    def over(self) -> None:
        """An attempt is over, whatever it came to."""
        self.under_way -= 1

    def succeeded(self, *, accepted: bool) -> None:
        """It answered, and the answer was about the push, not about itself or us."""
        self.accepted += accepted
        self._refused.clear()
        self._failures = self._rounds = 0
        self._open = False
        self.blame = None

    def failed(self, now: float, retry_after_s: float | None = None) -> None:
        """It is overloaded, broken or not there."""
        self._failures += 1
        if self._failures >= self._failures_allowed or self.circuit(now) is Circuit.HALF_OPEN:
            self._leave_alone(Blame.FAILING, now, retry_after_s or 0.0)

    def refused_us(self, now: float, subscription_id: str) -> None:
        """It does not accept our key for this browser."""
        self._refused.add(subscription_id)
        self._refused_until = now + self._first_s
        if len(self._refused) >= self._failures_allowed or self.circuit(now) is Circuit.HALF_OPEN:
            self._leave_alone(Blame.UNAUTHORIZED, now, 0.0)

    def _leave_alone(self, blame: Blame, now: float, at_least_s: float) -> None:
        if self.circuit(now) is Circuit.OPEN:
            return  # the answer to a push that was under way before
        pause_s = min(self._longest_s, self._first_s * 2.0 ** min(self._rounds, 30))
        self._rounds += 1
        self._open = True
        self.blame = blame
        self._until = now + max(pause_s, min(at_least_s, self._longest_s))
