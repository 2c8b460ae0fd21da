"""Time limits for many answers at once: one timer for all, where each would cost its own.

``asyncio.timeout`` costs a push a tenth of its processor time; a limit of seconds does not need
its precision.
"""

import asyncio
import time

from aiohttp.client_proto import ResponseHandler

_LOOK_EVERY_S = 0.1


class Deadlines:
    """Ends waits for answers that take too long, a tenth of a second late at most."""

    def __init__(self) -> None:
        self._due: dict[ResponseHandler, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, protocol: ResponseHandler, due: float) -> None:
        """Whoever reads from ``protocol`` gets ``TimeoutError`` at ``due`` (steady clock, s)."""
        self._due[protocol] = due
        if self._timer is None:
            self._look()

    def end(self, protocol: ResponseHandler) -> None:
        """The wait is over, whatever ended it."""
        del self._due[protocol]

    def close(self) -> None:
        """Watches nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        now = time.monotonic()
        for protocol, due in self._due.items():
            if due <= now:
                protocol.set_exception(TimeoutError("no answer in time"))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LOOK_EVERY_S, self._look) if self._due else None
