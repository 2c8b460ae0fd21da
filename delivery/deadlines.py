"""Time limits for many tasks at once: one timer for all, where each would cost its own.

``asyncio.timeout`` costs a push a tenth of its processor time; a limit of seconds does not need
its precision.
"""

import asyncio
from types import TracebackType

_LOOK_EVERY_S = 0.1


class Deadlines:
    """Cancels what takes too long, a tenth of a second late at most."""

    def __init__(self) -> None:
        self._due: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, timeout_s: float) -> "Watch":
        """Limits its body to ``timeout_s``, then ``TimeoutError``; once at a time in a task."""
        return Watch(self, timeout_s)

    def close(self) -> None:
        """Watches nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def begin(self, task: "asyncio.Task[object]", timeout_s: float) -> None:
        """The task has so long from now."""
        loop = task.get_loop()
        self._due[task] = loop.time() + timeout_s
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_EVERY_S, self._look, loop)

    def end(self, task: "asyncio.Task[object]") -> bool:
        """The task came to an end, whatever it is; true where it was cancelled by us."""
        del self._due[task]
        if task not in self._late:
            return False
        self._late.discard(task)
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_LOOK_EVERY_S, self._look, loop) if self._due else None
        now = loop.time()
        for task, due in self._due.items():
            if due <= now and task not in self._late:
                self._late.add(task)
                task.cancel()


class Watch:
    """A time limit on the running task, as a context manager."""

    __slots__ = ("_deadlines", "_task", "_timeout_s")

    def __init__(self, deadlines: Deadlines, timeout_s: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._deadlines = deadlines
        self._task: asyncio.Task[object] = task
        self._timeout_s = timeout_s

    def __enter__(self) -> None:
        self._deadlines.begin(self._task, self._timeout_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        cancelled_by_us = self._deadlines.end(self._task)
        if (
            cancelled_by_us
            and kind is not None
            and issubclass(kind, asyncio.CancelledError)
            and self._task.uncancel() == 0
        ):
            raise TimeoutError(f"took longer than {self._timeout_s:g} s") from None
