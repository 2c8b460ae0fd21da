"""What a newcomer sees first: ``nudge demo``, from its start to Ctrl-C."""

import asyncio
import re
import signal
import sys

import pytest

from nudge.local.kafka import has_broker
from nudge.local.places import local_root
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
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nudge", "demo",
        env=environment(None, {}), cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    waiting, said = set(TOLD), ""
    try:
        async with asyncio.timeout(200):
            while waiting:
                line = (await process.stdout.readline()).decode()
                assert line, said
                said += line
                assert not NEVER.search(line), said
                waiting = {pattern for pattern in waiting if not re.search(pattern, line)}
            process.send_signal(signal.SIGINT)
            said += (await process.stdout.read()).decode()
            assert await process.wait() == 0, said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "Everything is stopped" in said
    assert _environment_file() == another, "a demo beside it, or none, is what it leads to"
    kafka = re.search(r"Kafka is ready on 127\.0\.0\.1:(\d+)", said)
    assert kafka is not None, said
    assert not has_broker("127.0.0.1", int(kafka[1]))


def _environment_file() -> str | None:
    file = local_root() / "demo.env"
    return file.read_text() if file.exists() else None
