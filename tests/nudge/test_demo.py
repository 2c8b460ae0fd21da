"""What a newcomer sees first: ``nudge demo``, from its start to Ctrl-C."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from nudge.local.kafka import has_broker
from nudge.local.places import local_root
from tests.harness.waiting import eventually
from tests.nudge.commands import ROOT, environment

pytestmark = pytest.mark.timeout(300)

TOLD = (
    r"decision  ann-\d+ +cart_abandoned +sent \(ok\)",
    r"push +ann-\d+ +Oak table lamp is waiting for you",
    r"decision  ben-\d+ +cart_abandoned +dropped \(purchased\)",
    r"decision  cleo-\d+ +cart_abandoned +dropped \(purchased\)",
    r"decision  gus-\d+ +cart_abandoned +dropped \(not_subscribed\)",
)
NEVER = re.compile(r"(ben|cleo|gus)-\d+ +(cart_abandoned +sent|.*is waiting for you)")


async def test_it_shows_a_cart_brought_back_and_the_silences_and_ends_cleanly() -> None:
    another = _environment_file()
    async with demo() as process:
        said = await _until(process, *TOLD)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        said += (await process.stdout.read()).decode()
        assert await process.wait() == 0, said
    assert "Everything is stopped" in said
    assert _environment_file() == another, "a demo beside it, or none, is what it leads to"
    kafka = re.search(r"Kafka is ready on 127\.0\.0\.1:(\d+)", said)
    assert kafka is not None, said
    assert not has_broker("127.0.0.1", int(kafka[1]))


async def test_a_killed_worker_is_started_again_and_a_killed_demo_leaves_nobody_behind() -> None:
    async with demo() as process:
        await _until(process, "the shop is open")
        (worker,) = _descendants(process.pid, "nudge.demo.loaded worker")
        os.kill(worker, signal.SIGKILL)
        await _until(process, r"`nudge worker` was killed \(signal 9, SIGKILL\): started again")
        await _until(process, r"push +ann-\d+ +Oak table lamp is waiting for you")
        others = _descendants(process.pid)
        assert len(_descendants(process.pid, "nudge.demo.loaded")) == 3
        process.kill()
        await process.wait()

        async def all_gone() -> bool:
            return not _running(others)

        await eventually(all_gone, 40, every_s=0.5, what="the end of all that the demo started")


@asynccontextmanager
async def demo() -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nudge", "demo",
        env=environment(None, {}), cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(200):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until(process: Process, *patterns: str) -> str:
    """What it says until each pattern was in a line."""
    assert process.stdout is not None
    waiting, said = set(patterns), ""
    while waiting:
        line = (await process.stdout.readline()).decode()
        assert line, said
        said += line
        assert not NEVER.search(line), said
        waiting = {pattern for pattern in waiting if not re.search(pattern, line)}
    return said


def _descendants(pid: int, words: str = "") -> set[int]:
    """Whom it started, and whom those started, with these words in their command line."""
    rows = _processes()
    found: set[int] = set()
    while fresh := {p for p, (parent, _, _) in rows.items() if parent in {pid, *found}} - found:
        found |= fresh
    return {p for p in found if words in rows[p][2]}


def _running(pids: set[int]) -> set[int]:
    return {pid for pid, (_, state, _) in _processes().items() if pid in pids and state[0] != "Z"}


def _processes() -> dict[int, tuple[int, str, str]]:
    """Parent, state and command line of every process."""
    table = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = [line.split(None, 3) for line in table.splitlines()]
    return {int(row[0]): (int(row[1]), row[2], "".join(row[3:])) for row in rows}


def _environment_file() -> str | None:
    file = local_root() / "demo.env"
    return file.read_text() if file.exists() else None
