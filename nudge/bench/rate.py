"""How fast something was: by the clock, and by the processor time that it took."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """``count`` things in ``seconds``; ``core_seconds``: processor time, user and system.

    As a place on the way: how many by then, at what time.
    """

    count: int
    seconds: float
    core_seconds: float

    @property
    def per_second(self) -> float:
        return self.count / self.seconds if self.seconds else 0.0

    @property
    def per_core_second(self) -> float:
        return self.count / self.core_seconds if self.core_seconds else 0.0

    def since(self, before: "Rate") -> "Rate":
        """From one place to a later one."""
        return Rate(
            self.count - before.count,
            self.seconds - before.seconds,
            self.core_seconds - before.core_seconds,
        )
