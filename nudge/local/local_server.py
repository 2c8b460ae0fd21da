"""What a local Kafka and a local Redis have in common: data, a process or a container, faults."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

from nudge.local import docker
from nudge.local.errors import LocalStackError
from nudge.local.places import fresh_directory
from nudge.local.server import ServerProcess


class LocalServer(ABC):
    """One server on a port of 127.0.0.1, with a directory of its own.

    Args:
        name: as people call it; in small letters it names directory, log and container.
        data: the directory; kept at the end when given, else a fresh one, removed.
        say: told in a line what is being done.
    """

    def __init__(
        self,
        name: str,
        port: int,
        data: Path | None,
        *,
        in_docker: bool,
        say: Callable[[str], None],
    ) -> None:
        self.port = port
        self._name = name
        self._data = data
        self._in_docker = in_docker
        self._say = say
        self._server: ServerProcess | None = None

    @abstractmethod
    def start(self) -> Self:
        """Starts the server and waits until it serves; again after :meth:`kill`.

        Raises:
            LocalStackError: it is not there, or does not come up.
        """

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves."""

    @property
    def log(self) -> Path:
        """What the server wrote."""
        return self._directory / f"{self._name.lower()}.log"

    @property
    def pid(self) -> int:
        """The server's process group."""
        return self._running().pid

    @property
    def in_docker(self) -> bool:
        return self._in_docker

    def stop(self) -> None:
        """Stops it: cleanly where its data are kept, else at once, and removes them."""
        if self._server is None:
            return
        if self._data:
            self._server.stop()
            return
        self.kill()
        if self._in_docker:
            docker.remove_volume(self._container)
        shutil.rmtree(self._directory, ignore_errors=True)

    def restart(self) -> None:
        """A clean stop and a start with the same port and data."""
        self._running().stop()
        self.start()

    def kill(self) -> None:
        """SIGKILL, as a crash would. :meth:`start` brings it back with the same port and data."""
        if self._in_docker:
            docker.kill_container(self._container)
        self._running().kill()

    def pause(self) -> None:
        """It keeps its connections and answers nothing, until :meth:`resume`."""
        if self._in_docker:
            docker.pause_container(self._container)
        else:
            self._running().pause()

    def resume(self) -> None:
        if self._in_docker:
            docker.resume_container(self._container)
        else:
            self._running().resume()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    @cached_property
    def _directory(self) -> Path:
        directory = self._data or fresh_directory(self._name.lower())
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    @property
    def _container(self) -> str:
        return f"nudge-{self._directory.name}"

    def _running(self) -> ServerProcess:
        if self._server is None:
            raise LocalStackError(f"{self._name} was not started")
        return self._server

    def _launch(self, command: Sequence[str], deadline_s: float) -> Self:
        self._server = ServerProcess(self._name, command, self.log)
        self._server.start()
        try:
            self._server.wait_until(self.answers, deadline_s)
        except LocalStackError:
            self._server.kill()
            raise
        return self
