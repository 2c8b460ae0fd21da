"""Another process of ours: its log in a file, and no longer there than it is wanted."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from nudge.problem import Problem

_PATIENCE_S = 20.0


class LoggedProcess:
    """A running process.

    Args:
        name: as people call it.
        settings: its ``NUDGE_…`` variables; of ours it gets none.
        told: whether it waits for :meth:`tell`. Standard input is then held open until
            :meth:`stop`, so that it sees when its starter is gone.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        settings: Mapping[str, str],
        *,
        told: bool = False,
    ) -> None:
        self.name = name
        self._log = log
        self._command = command
        self._settings = settings
        self._told = told
        self.restarts = 0
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command line
                self._command,
                stdin=subprocess.PIPE if self._told else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(self._settings),
                cwd=self._log.parent,  # where no .env is
                start_new_session=True,  # Ctrl-C is for us, who stop them in order
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self) -> None:
        """Has it begin; where it has ended, :meth:`check` says so."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    def check(self) -> None:
        """Raises:
        Problem: it has ended by itself.
        """
        if self._process.poll() is not None:
            last = self._log.read_text(errors="replace").strip().splitlines()[-3:]
            raise Problem(
                f"`{self.name}` {self._ending()}: " + " / ".join(last),
                f"Its whole log is in {self._log}.",
            )

    def restart_if_ended(self, at_most: int) -> str | None:
        """Starts it anew where it has ended, and answers in a line what happened.

        Raises:
            Problem: it has ended once more than ``at_most`` times.
        """
        if self._process.poll() is None:
            return None
        if self.restarts >= at_most:
            raise Problem(
                f"`{self.name}` {self._ending()}, after it was started again {at_most} times.",
                f"Its whole log is in {self._log}.",
            )
        said = f"`{self.name}` {self._ending()}: started again"
        self._close()
        self.restarts += 1
        self._process = self._start()
        if self._told:
            self.tell()
        return said

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that is not enough."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def _ending(self) -> str:
        code = self._process.returncode
        if code >= 0:
            return f"ended with code {code}"
        return f"was killed (signal {-code}, {signal.Signals(-code).name})"

    def _close(self) -> None:
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("NUDGE_")}
    return {**own, **settings}
