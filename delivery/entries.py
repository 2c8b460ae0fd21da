"""What stands in the ledger for a push, and what the ledger answers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Reservation(StrEnum):
    """The ledger's answer to a wish to send."""

    RESERVED = "reserved"
    DONE = "done"
    """It has ended already."""
    IN_DOUBT = "in_doubt"
    """Somebody reserved it and never said how it ended."""
    NO_SUBSCRIPTION = "no_subscription"
    FLUSHED = "flushed"
    """The ledger has forgotten: the partition must be rebuilt first."""


class EntryState(StrEnum):
    """What stands in the ledger for a push."""

    NONE = ""
    OPEN = "o"
    """Known not to have been taken by the push service."""
    RESERVED = "r"
    FINISHED = "f"
    """Ended; its result may not stand in ``push.results`` yet."""
    SETTLED = "s"
    """Ended, and its result stands in ``push.results``."""


class LedgerAwayError(Exception):
    """The partition is being given up while Redis does not answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A push's entry and its subscription, read in one step."""

    state: EntryState
    content: bytes
    """Of a finished one its result, of an open one the note, of a reserved one its token."""
    subscription: bytes | None


class PushKey(NamedTuple):
    """Which push: one job at one device."""

    partition: int
    job_id: str
    user_id: str
    subscription_id: str
