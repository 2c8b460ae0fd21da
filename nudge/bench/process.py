"""Processes of a benchmark: on a core of their own, and what they take of it."""

import asyncio
import logging
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from nudge.local.places import fresh_directory
from nudge.problem import Problem

MEASURED_CORE, OTHER_CORE = 0, 1
"""One for the process that is measured, one for everything else."""
_PATIENCE_S = 30
_LOOK_EVERY_S = 0.05


def keep_to_other_core() -> None:
    """This process and what it starts from now on (Kafka, Redis, push service) share one core.

    Raises:
        Problem: this machine has one core.
    """
    if len(os.sched_getaffinity(0)) < 2:
        raise Problem("One core is not enough", "What is measured and the broker need one each.")
    os.sched_setaffinity(0, {OTHER_CORE})
    quiet()


def quiet() -> None:
    """Keeps to ourselves what Kafka's client says while topics are made: no leader yet."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours, with these settings (``NUDGE_…``) and no others."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("NUDGE_")}
    return {**own, **settings}


class Measured:
    """A process, its log in ``.local/``; pinned to a core where there is one named."""

    def __init__(self, command: list[str], settings: Mapping[str, str], core: int | None) -> None:
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        self._log: Path = fresh_directory("bench") / "process.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [*pinned, *command],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(settings),
            )
        self._stat = Path(f"/proc/{self._process.pid}")

    def check(self) -> None:
        """Raises:
        Problem: it has ended by itself.
        """
        if self._process.poll() is not None:
            last = self._log.read_text(errors="replace").strip().splitlines()[-3:]
            raise Problem(
                f"A process of the benchmark ended with code {self._process.returncode}: "
                + " / ".join(last)
            )

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that is not enough."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait(_PATIENCE_S)

    def core_seconds(self) -> float:
        """User and system time so far (proc(5), stat, fields 14 and 15)."""
        fields = (self._stat / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """What it holds of the machine's memory now (proc(5), statm)."""
        pages = int((self._stat / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's records of one event so far, oldest first."""
        wanted = f'"event":"{event}"'.encode()
        lines = self._log.read_bytes().splitlines()
        return [orjson.loads(line) for line in lines if wanted in line and line.endswith(b"}")]


@contextmanager
def process(
    command: list[str], settings: Mapping[str, str], *, core: int | None = MEASURED_CORE
) -> Iterator[Measured]:
    """Runs a process; killed at the end."""
    started = Measured(command, settings, core)
    try:
        yield started
    finally:
        started.kill()


async def until_ready(started: Measured, port: int) -> float:
    """Waits until ``/readyz`` on that port says yes; when that was, in epoch seconds.

    Raises:
        Problem: the process has ended by itself.
    """
    async with aiohttp.ClientSession() as session:
        while True:
            started.check()
            with suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == HTTPStatus.OK:
                        return time.time()
            await asyncio.sleep(_LOOK_EVERY_S)
