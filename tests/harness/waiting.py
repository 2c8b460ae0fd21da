"""Waiting for a condition, with a deadline: what tests do instead of sleeping for luck."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]],
    deadline_s: float = ...,
    *,
    every_s: float = ...,
    what: str = ...,
) -> T: ...
@overload
async def eventually(
    condition: Callable[[], T], deadline_s: float = ..., *, every_s: float = ..., what: str = ...
) -> T: ...
async def eventually(
    condition: Callable[[], Any],
    deadline_s: float = 20.0,
    *,
    every_s: float = 0.05,
    what: str = "",
) -> Any:
    """Asks ``condition`` (plain or async) until its answer is truthy, and returns that answer.

    An ``AssertionError`` inside it counts as "not yet"; the last one is shown at the deadline.

    Raises:
        AssertionError: it was not true within ``deadline_s``.
    """
    until = time.monotonic() + deadline_s
    last: object = None
    while True:
        try:
            answer = condition()
            if inspect.isawaitable(answer):
                answer = await answer
        except AssertionError as error:
            last = error
        else:
            if answer:
                return answer
            last = answer
        if time.monotonic() > until:
            name = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"{name} did not hold within {deadline_s} s; last: {last!r}")
        await asyncio.sleep(every_s)


async def is_up(port: int) -> bool:
    """Whether a process of this machine listens: from then on it knows what a signal means."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
