"""Processes of a benchmark: on a core of their own, and what they take of it."""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from nudge.kafka import quiet_clients
from nudge.local.places import fresh_directory
from nudge.problem import Problem
from nudge.process import LoggedProcess

MEASURED_CORE, OTHER_CORE = 0, 1
"""One for the process that is measured, one for everything else."""
_LOOK_EVERY_S = 0.05


def keep_to_other_core() -> None:
    """This process and what it starts from now on (Kafka, Redis, push service) share one core.

    Raises:
        Problem: this machine has one core.
    """
    if len(os.sched_getaffinity(0)) < 2:
        raise Problem("One core is not enough", "What is measured and the broker need one each.")
    os.sched_setaffinity(0, {OTHER_CORE})
    quiet_clients()


class Measured(LoggedProcess):
    """A process, its log in ``.local/``; pinned to a core where there is one named."""

    def __init__(self, command: list[str], settings: Mapping[str, str], core: int | None) -> None:
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        log = fresh_directory("bench") / "process.log"
        super().__init__("a process of the benchmark", [*pinned, *command], log, settings)
        self._stat = Path(f"/proc/{self.pid}")

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
