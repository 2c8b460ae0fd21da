"""What the push service remembers."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """A push that was accepted, as its browser sees it."""

    number: int
    """1, 2, 3 … in order of acceptance."""
    endpoint: str
    received_at: int
    """Epoch ms."""
    ttl: int
    """Seconds."""
    urgency: str
    topic: str | None
    vapid_subject: str
    payload: Any
    """The decrypted JSON; the ciphertext's size in bytes where the service does not decrypt."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Post:
    """A POST that came, whatever became of it. Never collapsed by Topic."""

    endpoint: str
    received_at: int
    """Epoch ms."""
    status: int
    """What it was answered, or would have been."""
    job_id: str | None
    """From the decrypted payload; ``None`` where that could not be read."""
