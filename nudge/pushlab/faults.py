"""How a push service misbehaves, on request."""

from dataclasses import dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    ANSWER = "answer"
    """Answers with the fault's status."""
    HANG = "hang"
    """Reads the request and never answers."""
    RESET = "reset"
    """Reads the request and resets the connection (TCP RST)."""
    REDIRECT = "redirect"
    """Answers 307 with a Location on the same service."""
    ENDLESS = "endless"
    """Answers with the fault's status and a body that never ends."""
    SLOW = "slow"
    """Answers with the fault's status after ``delay_s``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the next POSTs.

    ``status`` below 300 means that the message is accepted and then shown, whatever happens to
    the answer: a hang with 201 is an answer lost on its way, one with 503 a request lost.
    """

    behaviour: Behaviour = Behaviour.ANSWER
    status: int = 201
    retry_after: str | None = None
    """The header's value: seconds or an HTTP date (RFC 9110 §10.2.3)."""
    delay_s: float = 0.0
    times: int | None = None
    """How many POSTs it meets; ``None``: all, until told otherwise."""

    @property
    def accepts(self) -> bool:
        return self.status < 300 and self.behaviour is not Behaviour.REDIRECT
