"""Time limits for many tasks at once: one timer for all, where each would cost its own.

``asyncio.timeout`` costs a push a tenth of its processor time; a limit of seconds does not need
its precision.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

_LOOK_EVERY_S = 0.1


class Deadlines:
    """Cancels what takes too long, a tenth of a second late at most."""

    def __init__(self) -> None:
        self._due: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def watch(self, timeout_s: float) -> Iterator[None]:
        """Runs its body for ``timeout_s`` at most; once at a time in a task.

        Raises:
            TimeoutError: it took longer.
        """
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        self._due[task] = loop.time() + timeout_s
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_EVERY_S, self._look, loop)
        try:
            yield
        except asyncio.CancelledError:
            if task in self._late and task.uncancel() == 0:
                raise TimeoutError(f"took longer than {timeout_s:g} s") from None
            raise
        finally:
            del self._due[task]
            self._late.discard(task)

    def close(self) -> None:
        """Watches nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_LOOK_EVERY_S, self._look, loop) if self._due else None
        now = loop.time()
        for task, due in self._due.items():
            if due <= now and task not in self._late:
                self._late.add(task)
                task.cancel()
