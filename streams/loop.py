"""A partition's own task: works when woken, finishes what it has begun when closed."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable


class WorkLoop:
    """
    Args:
        prepare: done once, first; cut short by :meth:`close`.
        advance: one step; answers whether there may be more to do at once.
        on_error: told of an error that comes while nobody closes; the loop has ended then.
    """

    def __init__(
        self,
        prepare: Callable[[], Awaitable[None]],
        advance: Callable[[], Awaitable[bool]],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._prepare = prepare
        self._advance = advance
        self._on_error = on_error
        self._woken = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._step_began: float | None = None
        self.prepared = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def busy_for(self) -> float:
        """Seconds that the step under way has taken so far; 0 between steps."""
        return 0.0 if self._step_began is None else time.monotonic() - self._step_began

    async def close(self, patience_s: float) -> None:
        """Waits for the step under way, and cancels it after ``patience_s``."""
        self._closing = True
        self._woken.set()
        if self._task is None:
            return
        if self.prepared:
            await asyncio.wait({self._task}, timeout=patience_s)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        try:
            await self._prepare()
            self.prepared = True
            while not self._closing:
                self._woken.clear()
                self._step_began = time.monotonic()
                more = await self._advance()
                self._step_began = None
                if more:
                    await asyncio.sleep(0)
                else:
                    await self._woken.wait()
        except Exception as error:
            # While closing, the producer may have been fenced already: that is expected.
            if not self._closing:
                self._on_error(error)
        except asyncio.CancelledError:
            # aiokafka leaks a cancellation of its own out of some stop(); it must not pass for
            # a quiet end.
            if not self._closing:
                self._on_error(RuntimeError("cancelled by something it waited for"))
            raise
