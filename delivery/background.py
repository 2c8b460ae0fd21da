"""A task that runs beside the others, and is not allowed to die unnoticed."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

Broken = Callable[[BaseException], None]
"""Told of an error that nothing was written for: the worker ends, and is started anew."""


class Background:
    """Runs ``work`` until it is stopped; an error of its own is handed to ``broken``."""

    def __init__(self, work: Coroutine[None, None, None], name: str, broken: Broken) -> None:
        self._broken = broken
        self._task = asyncio.create_task(work, name=name)
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken(error)

    def when_done(self, callback: Callable[[], None]) -> None:
        """Calls ``callback`` at the end, whatever the end is."""
        self._task.add_done_callback(lambda _: callback())

    async def over(self) -> None:
        """Waits for its end; an error has been told already."""
        await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Cancels it and waits for its end."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._task
