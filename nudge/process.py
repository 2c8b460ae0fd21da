"""Another process of ours: its log in a file, and no longer there than it is wanted."""

import os
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
        told: whether it waits for :meth:`tell`.
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
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                command,
                stdin=subprocess.PIPE if told else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(settings),
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
            self._process.stdin.close()

    def check(self) -> None:
        """Raises:
        Problem: it has ended by itself.
        """
        if self._process.poll() is not None:
            last = self._log.read_text(errors="replace").strip().splitlines()[-3:]
            raise Problem(
                f"`{self.name}` ended with code {self._process.returncode}: " + " / ".join(last),
                f"Its whole log is in {self._log}.",
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
        self._process.wait()


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("NUDGE_")}
    return {**own, **settings}
