"""The demo's workers: ``nudge worker`` and ``nudge deliver``, as they run anywhere."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nudge.problem import Problem

STOP_DEADLINE_S = 20.0


class WorkerProcess:
    """A ``nudge`` command in a process of its own, its log in a file."""

    def __init__(self, name: str, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "nudge", name],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # Ctrl-C is for the demo, which stops them in order
            )

    def check(self) -> None:
        """Raises:
        Problem: the process has ended by itself.
        """
        if self._process.poll() is not None:
            last = self._log.read_text(errors="replace").strip().splitlines()[-3:]
            raise Problem(
                f"`nudge {self.name}` ended with code {self._process.returncode}: "
                + " / ".join(last),
                f"Its whole log is in {self._log}.",
            )

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that is not enough."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(commands: Mapping[str, Mapping[str, str]], logs: Path) -> Iterator[list[WorkerProcess]]:
    """Starts each command with its environment; stops them all at the end, last first."""
    processes: list[WorkerProcess] = []
    try:
        for name, environment in commands.items():
            processes.append(WorkerProcess(name, logs / f"{name}.log", environment))
        yield processes
    finally:
        for process in reversed(processes):
            process.stop()
