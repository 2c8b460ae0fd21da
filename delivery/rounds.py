"""All origins in turn: one push of each that may start, then the next."""

import time
from collections import deque
from dataclasses import dataclass

from delivery.origins import Blame, Circuit, Origin
from delivery.pushes import Push
from runtime.metrics import Metric, gauge

_MOST_ORIGINS = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once, and how patient. Seconds."""

    concurrency: int
    per_origin: int
    breaker_failures: int
    breaker_first_s: float = 1.0
    breaker_longest_s: float = 60.0


class Rounds:
    """Pushes that are ready, by origin and VAPID key. An origin that cannot go on leaves the round
    until something brings it back."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._origins: dict[tuple[str, str | None], Origin] = {}
        self._round: deque[Origin] = deque()
        self._breakers = gauge(Metric.BREAKER)

    def __bool__(self) -> bool:
        return bool(self._round)

    def add(self, push: Push, *, first: bool = False) -> None:
        """A push is ready; ``first``: ahead of the others of its origin."""
        origin = self._origin_of(push)
        origin.add(push, first=first)
        self.bring_back(origin)

    def discard(self, push: Push) -> None:
        """A push is not ready any more; one without an endpoint never was."""
        if push.endpoint is not None:
            self._origin_of(push).discard(push)

    def turn(self, now: float) -> Origin | None:
        """The origin whose turn it is, which may start a push; ``None``: no origin may."""
        while self._round:
            origin = self._round.popleft()
            if origin.may_start(now):
                self._round.append(origin)
                return origin
            origin.runnable = False
        return None

    def bring_back(self, origin: Origin) -> None:
        """An origin may be able to go on."""
        if len(origin) and not origin.runnable:
            origin.runnable = True
            self._round.append(origin)

    def bring_all_back(self) -> None:
        """Time has passed: breakers may have closed."""
        for origin in self._origins.values():
            self.bring_back(origin)

    def refuses_us(self, push: Push) -> bool:
        """Whether the push's origin does not accept our key."""
        return push.endpoint is not None and self._origin_of(push).blame is Blame.UNAUTHORIZED

    def trouble(self) -> list[str]:
        """Origins that are left alone, and why."""
        now = time.monotonic()
        return [
            f"{name} is left alone: {origin.blame}"
            for (name, _), origin in self._origins.items()
            if origin.circuit(now) is not Circuit.CLOSED
        ]

    def look(self, now: float) -> None:
        """Shows the breakers, and forgets origins that are idle when there are many."""
        worst: dict[str, Circuit] = {}
        for origin in self._origins.values():
            # A service has an origin for each of its hosts and of our keys.
            circuit = origin.circuit(now)
            worst[origin.service] = max(circuit, worst.get(origin.service, circuit))
        for service, circuit in worst.items():
            self._breakers.labels(origin=service).set(circuit)
        if len(self._origins) > _MOST_ORIGINS:
            self._origins = {
                key: origin
                for key, origin in self._origins.items()
                if len(origin) or origin.under_way or origin.circuit(now) is not Circuit.CLOSED
            }

    def _origin_of(self, push: Push) -> Origin:
        assert push.endpoint is not None
        key = (push.endpoint.origin, push.key_id)
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = Origin(
                service=push.endpoint.service,
                limit=self._limits.per_origin,
                failures=self._limits.breaker_failures,
                first_s=self._limits.breaker_first_s,
                longest_s=self._limits.breaker_longest_s,
            )
        return origin
