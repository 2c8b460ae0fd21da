"""Worker processes of a test: started, killed, stopped in their tracks, asked to end."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runtime.settings import KafkaSettings

ROOT = Path(__file__).parents[2]
TINY = (sys.executable, "-m", "tests.streams.tiny")
QUICK = {
    "NUDGE_GRACE_MS": "300",
    "NUDGE_HOLD_MS": "2000",
    "NUDGE_SILENCE_MS": "30000",
    "NUDGE_MERGE_WAIT_MS": "5000",
    "NUDGE_IDLE_TICK_MS": "500",
    "NUDGE_LOG_FORMAT": "json",
}


class WorkerProcess:
    """One worker; its log is kept in a file of its own."""

    def __init__(
        self, settings: KafkaSettings, command: tuple[str, ...], extra: Mapping[str, str]
    ) -> None:
        self._command = command
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("NUDGE_")},
            **QUICK,
            "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "NUDGE_NAMESPACE": settings.namespace,
            **extra,
        }
        with tempfile.NamedTemporaryFile("wb", suffix=".log", delete=False) as file:
            self.log_file = Path(file.name)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "WorkerProcess":
        with self.log_file.open("ab") as out:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=out, stderr=out
            )
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self, patience_s: float = 30.0) -> int:
        """Asks it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience_s)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None


class Workers:
    """Makes workers and ends those that are left."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._made: list[WorkerProcess] = []

    def start(self, command: tuple[str, ...] = TINY, **extra: str) -> WorkerProcess:
        worker = WorkerProcess(self._settings, command, extra)
        self._made.append(worker)
        return worker.start()

    def end(self) -> None:
        for worker in self._made:
            if worker.alive:
                worker.thaw()
                worker.kill()

    def __iter__(self) -> Iterator[WorkerProcess]:
        return iter(self._made)


@contextmanager
def workers(settings: KafkaSettings) -> Iterator[Workers]:
    made = Workers(settings)
    try:
        yield made
    finally:
        made.end()
