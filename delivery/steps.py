"""What an attempt at a push comes to: a decision, apart from the action."""

from dataclasses import dataclass

from schemas.push import ResultOutcome


@dataclass(frozen=True, slots=True)
class Ending:
    """The push has ended."""

    outcome: ResultOutcome
    status: int | None = None
    detail: str | None = None
    latency_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Another try, so many seconds from now."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class NotNow:
    """Nothing was tried: the push goes back to the head of its queue."""


@dataclass(frozen=True, slots=True)
class EndedElsewhere:
    """Somebody else ended it, and wrote the result."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The push is somebody else's now: forget it."""


Step = Ending | Later | NotNow | EndedElsewhere | Lost
