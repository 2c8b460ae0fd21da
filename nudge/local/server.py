"""One server process of the local stack: on a leash, logged to a file, stopped or killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from nudge.local.errors import LocalStackError

_KILL_PATIENCE_S = 10.0
_PAUSE_PATIENCE_S = 10.0
_LEASH = Path(__file__).with_name("leash.py")


class ServerProcess:
    """A server and its leash, in a process group of their own."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.command = tuple(command)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process group: the leash and the server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                [sys.executable, "-I", "-S", str(_LEASH), *self.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], deadline_s: float) -> None:
        """Waits for ``ready``, asked every 50 ms.

        Raises:
            LocalStackError: the server ended, or was not ready in time; the log's end is quoted.
        """
        until = time.monotonic() + deadline_s
        while not ready():
            if not self.alive:
                raise LocalStackError(f"{self.name} ended while starting.{self._log_end()}")
            if time.monotonic() > until:
                raise LocalStackError(
                    f"{self.name} was not ready within {deadline_s:.0f} s.{self._log_end()}"
                )
            time.sleep(0.05)

    def stop(self, patience_s: float = 15.0) -> bool:
        """Asks the server to end, kills it when it has not after ``patience_s``.

        Returns:
            Whether it ended when it was asked to.
        """
        if not self.alive:
            self._close()
            return False
        self._signal(signal.SIGTERM)
        self.resume()
        ended = self._wait_or_kill(patience_s)
        self._close()
        return ended

    def kill(self) -> None:
        """SIGKILL: the server gets no chance to write anything more."""
        if self.alive:
            # The leash kills the server and sees it gone; it may be stopped itself (``pause``).
            for number in (signal.SIGCONT, signal.SIGUSR1):
                os.kill(self.pid, number)
            self._wait_or_kill(_KILL_PATIENCE_S)
        self._close()

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing answers. Returns when it has stopped."""
        self._signal(signal.SIGSTOP)
        assert self._process is not None
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        # That was the leash. The server stops by itself, and each of its threads when it next runs.
        until = time.monotonic() + _PAUSE_PATIENCE_S
        while any(state not in "TtZX" for state in _thread_states(self.pid)):
            if time.monotonic() > until:
                raise LocalStackError(f"{self.name} did not stop.")
            time.sleep(0.005)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _wait_or_kill(self, patience_s: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        os.killpg(self.pid, number)

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def _log_end(self, lines: int = 15) -> str:
        if not self.log.is_file():
            return ""
        end = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join((f" The end of {self.log}:", *end))


def _thread_states(group: int) -> Iterator[str]:
    """The state of each thread of a process group, as Linux tells it; elsewhere of none."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            if os.getpgid(int(process.name)) == group:
                for stat in process.glob("task/*/stat"):
                    yield stat.read_text().rpartition(")")[2].split()[0]
