"""One partition of ``push.jobs`` while it is ours: from assigned to revoked."""

import asyncio
from enum import StrEnum

from delivery.offsets import OffsetTracker

_TAKEN = "taken="


class Phase(StrEnum):
    OPENING = "opening"
    """Withdrawals, subscriptions and the ledger are being read; nothing is taken yet."""
    OPEN = "open"
    REBUILDING = "rebuilding"
    """Redis has forgotten; nothing starts until the ledger is rebuilt."""
    CLOSED = "closed"
    """Not ours any more."""


class Partition:
    """A life of a partition; assigned anew, it begins another one."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.tracker = OffsetTracker(0)
        self.started = False
        """Whether jobs are taken, so that there is something to commit."""
        self.taken_before = 0
        """What lies below may have been taken, and sent, by whoever had it before us."""
        self.doubt_until = 0
        """Jobs below this offset of which the ledger says nothing may have been sent: it was lost
        after they had been taken, and not by us."""
        self.under_way = 0
        """Pushes whose attempt or ending is not over."""
        self._phase = Phase.OPENING
        self._changed = asyncio.Event()

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def closed(self) -> bool:
        return self._phase is Phase.CLOSED

    def enter(self, phase: Phase) -> None:
        """Moves on; once closed it stays closed."""
        if not self.closed:
            self._phase = phase
        self._wake()

    def began(self) -> None:
        """An attempt or an ending began."""
        self.under_way += 1

    def ended(self) -> None:
        """An attempt or an ending is over."""
        self.under_way -= 1
        if not self.under_way and self.closed:
            self._wake()

    async def opened(self) -> bool:
        """Waits while it is opening or rebuilding. False: it was closed."""
        while self._phase in (Phase.OPENING, Phase.REBUILDING):
            await self._changed.wait()
        return not self.closed

    async def idle(self) -> None:
        """Waits, once closed, until nothing is under way."""
        while self.under_way:
            await self._changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def commit_metadata(taken: int) -> str:
    """What goes with a committed offset: how far jobs were taken, so possibly sent."""
    return f"{_TAKEN}{taken}"


def parse_commit_metadata(metadata: str | None) -> int | None:
    """The offset up to which jobs were taken; ``None``: a commit that is not ours (a reset)."""
    text = metadata or ""
    number = text.removeprefix(_TAKEN)
    if not text.startswith(_TAKEN) or not (number.isascii() and number.isdecimal()):
        return None
    return int(number)
