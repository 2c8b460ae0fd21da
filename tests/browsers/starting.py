"""A browser's start and its end. What it says is kept for the error that needs it."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness.waiting import eventually

_STARTS = 3
_START_DEADLINE_S = 90.0
_END_DEADLINE_S = 20.0
_LINES = 60


@asynccontextmanager
async def listening(
    command: Callable[[Path], Sequence[str]],
    home: Path,
    environment: Mapping[str, str],
    says: re.Pattern[str],
) -> AsyncIterator[str]:
    """A browser that can be spoken to, by its address; the block asks it to end.

    One that ends before it listens is started again in a fresh profile, three times in all:
    starting a browser is not what is tested. Once it listens nothing is done again.

    Args:
        command: fills a new profile's directory, and says how the browser is started on it.
        home: where the profiles come to lie.
        says: what the browser writes when it listens; its first group is the address.

    Raises:
        AssertionError: it ended every time, or did not listen in time: with what it said.
    """
    ended = []
    for number in range(1, _STARTS + 1):
        profile = home / f"profile-{number}"
        profile.mkdir(parents=True)
        start = _Start(says, profile.with_suffix(".log"))
        await start.run(command(profile), {**os.environ, "HOME": str(profile), **environment})
        try:
            await eventually(start.is_decided, _START_DEADLINE_S, what="the start of a browser")
            if url := start.url():
                yield url
                await start.ending()
                return
        except BaseException as error:
            error.add_note(str(start))
            raise
        finally:
            await start.kill()
        ended.append(f"Start {number}: {start}")
    raise AssertionError("\n".join(("The browser never came to listen.", *ended)))


class _Start:
    """One process of a browser, and the file of what it says."""

    def __init__(self, says: re.Pattern[str], log: Path) -> None:
        self._says = says
        self._log = log

    async def run(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=log
            )

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    def is_decided(self) -> bool:
        """It has ended, or it listens."""
        return self.has_ended or self.url() is not None

    def url(self) -> str | None:
        found = self._says.search(self._log.read_text(errors="replace"))
        return found and found[1]

    async def ending(self) -> None:
        """Waits until it is gone, for a while."""
        try:
            async with asyncio.timeout(_END_DEADLINE_S):
                await self._process.wait()
        except TimeoutError:
            return

    async def kill(self) -> None:
        """It does not stay, whatever it was asked."""
        if not self.has_ended:
            self._process.kill()
            await self._process.wait()

    def __str__(self) -> str:
        status = f"ended with {self._process.returncode}" if self.has_ended else "is running"
        lines = self._log.read_text(errors="replace").splitlines()[-_LINES:]
        said = "and said:" if lines else "and said nothing"
        return "\n".join((f"the browser {status} {said}", *(f"  {line}" for line in lines)))
