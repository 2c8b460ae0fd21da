"""The command line as people run it: a process, its environment, what it wrote."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.settings import KafkaSettings

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    def good(self) -> "Answer":
        assert self.code == 0, self.out + self.err
        return self

    def failed(self, code: int = 1) -> "Answer":
        assert self.code == code, f"{self.code}: {self.out}{self.err}"
        assert "Traceback" not in self.err
        return self


def environment(settings: KafkaSettings | None, extra: Mapping[str, str]) -> dict[str, str]:
    """No setting of the developer's, those of the test's cluster."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("NUDGE_")}
    kafka = (
        {}
        if settings is None
        else {
            "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "NUDGE_NAMESPACE": settings.namespace,
        }
    )
    return inherited | kafka | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"} | dict(extra)


_CLOCK_BEHIND = """
import time
now_s, now_ns = time.time, time.time_ns
time.time = lambda: now_s() - {0}
time.time_ns = lambda: now_ns() - {0} * 10**9
from nudge.cli import main
main()
"""


async def nudge(
    settings: KafkaSettings | None,
    *words: str,
    stdin: str | bytes = b"",
    cwd: Path | None = None,
    deadline_s: float = 60.0,
    behind_s: int = 0,
    **extra: str,
) -> Answer:
    """Runs ``nudge WORDS…`` to its end, on a machine whose clock is ``behind_s`` behind ours.

    ``extra``: more environment variables.
    """
    program = ("-c", _CLOCK_BEHIND.format(behind_s)) if behind_s else ("-m", "nudge")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, *words,
        cwd=cwd or "/",
        env=environment(settings, extra),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(deadline_s):
            given = stdin.encode() if isinstance(stdin, str) else stdin
            out, err = await process.communicate(given)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"nudge {words} did not end: {out!r} {err!r}") from None
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(), err.decode())
