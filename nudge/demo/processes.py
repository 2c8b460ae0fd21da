"""The demo's workers: ``nudge worker``, ``deliver`` and ``gateway``, as they run anywhere."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nudge.process import LoggedProcess


@contextmanager
def running(
    commands: Mapping[str, Mapping[str, str]], logs: Path, *, told: bool = False
) -> Iterator[list[LoggedProcess]]:
    """Starts each command with its settings; stops them all at the end, last first.

    Args:
        told: each loads its modules, and begins when it is told to.
    """
    module = "nudge.demo.loaded" if told else "nudge"
    processes: list[LoggedProcess] = []
    try:
        for name, settings in commands.items():
            command = [sys.executable, "-m", module, name]
            log = logs / f"{name}.log"
            processes.append(LoggedProcess(f"nudge {name}", command, log, settings, told=told))
        yield processes
    finally:
        for process in reversed(processes):
            process.stop()
