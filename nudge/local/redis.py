"""A Redis for this machine: one that runs already, else ``redis-server``, else Docker."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from nudge.local import docker
from nudge.local.errors import LocalStackError
from nudge.local.local_server import LocalServer
from nudge.local.places import check_free, free_ports, local_root, locked

_IMAGE = "redis:7-alpine"
_CONTAINER_DATA = "/data"
_START_DEADLINE_S = 60.0
_PULL_DEADLINE_S = 180.0
_ARGUMENTS = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")


class LocalRedis(LocalServer):
    """A Redis of its own on a free port of 127.0.0.1, with an append-only file.

    Args:
        data: where its file lies; kept at the end when given, else a fresh directory, removed.
        port: a free one when ``None``.
        interactive: whether a person can be asked before something is installed.
        say: told in a line what is being done.
    """

    def __init__(
        self,
        *,
        data: Path | None = None,
        port: int | None = None,
        interactive: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__("Redis", port or free_ports(1)[0], data, in_docker=False, say=say)
        self._interactive = interactive

    @property
    def url(self) -> str:
        """``redis://127.0.0.1:<port>/0``"""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        """Starts Redis and waits until it answers.

        Raises:
            LocalStackError: there is no Redis and none could be installed, or it does not come up.
        """
        if self._in_docker:
            docker.remove_container(self._container)
        check_free(self.port)
        command, deadline_s = self._command()
        self._say(
            f"starting Redis {'in Docker ' if self._in_docker else ''}on 127.0.0.1:{self.port}"
        )
        return self._launch(command, deadline_s)

    def flush(self) -> None:
        """``FLUSHALL``: every key is gone, as after a mistake or a lost disk."""
        if _ask(self.port, b"FLUSHALL\r\n") != b"+OK\r\n":
            raise LocalStackError(f"Redis on port {self.port} did not flush")

    def answers(self) -> bool:
        """Whether ``PING`` is answered (not while it still loads its file)."""
        return _ask(self.port, b"PING\r\n") == b"+PONG\r\n"

    def _command(self) -> tuple[list[str], float]:
        program = redis_server(self._say, interactive=self._interactive)
        if program is not None:
            return (
                [program, "--port", str(self.port), "--bind", "127.0.0.1",
                 "--dir", str(self._directory), *_ARGUMENTS],
                _START_DEADLINE_S,
            )  # fmt: skip
        self._in_docker = True
        command = docker.run_command(
            _IMAGE,
            name=self._container,
            port=self.port,
            container_port=6379,
            volume=(self._container, _CONTAINER_DATA),
            environment={},
            arguments=("redis-server", *_ARGUMENTS),
        )
        return command, _PULL_DEADLINE_S


def redis_server(say: Callable[[str], None], *, interactive: bool) -> str | None:
    """The ``redis-server`` to run, installed if need be; ``None`` when Docker shall run it.

    Raises:
        LocalStackError: there is none, and no way to get one.
    """
    if program := shutil.which("redis-server"):
        return program
    if docker.docker_answers():
        return None
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise LocalStackError(
            "Redis is missing: there is no redis-server on the PATH and no Docker. Install it"
            " (Debian and Ubuntu: sudo apt-get install redis-server; macOS: brew install redis)"
            " or start Docker. To use a Redis that runs already, set NUDGE_REDIS_URL."
        )
    command = [apt, "install", "-y", "--no-install-recommends", "redis-server"]
    say(f"Redis is missing: installing it outside the clone with: {' '.join(command)}")
    if interactive and not _agreed():
        raise LocalStackError("Redis was not installed. Install redis-server and start again.")
    return _install(apt, command)


def _install(apt: str, command: list[str]) -> str:
    # RUNLEVEL keeps the package from starting a service of its own where there is no systemd.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with locked(local_root() / "redis.lock"):
        for step in ([apt, "update"], command):
            if program := shutil.which("redis-server"):
                return program
            answer = subprocess.run(  # noqa: S603 - a fixed command
                step, env=environment, capture_output=True, text=True, check=False
            )
            if answer.returncode != 0:
                raise LocalStackError(f"{' '.join(step)} failed:\n{answer.stderr.strip()[-1500:]}")
    program = shutil.which("redis-server")
    if program is None:
        raise LocalStackError(
            "redis-server was installed and is not on the PATH: add /usr/bin to it"
        )
    return program


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return True
    return input("Install it? [Y/n] ").strip().lower() in ("", "y", "yes")


def answers(url: str) -> bool:
    """Whether a Redis answers ``PING`` at this URL, user, password and TLS included."""
    try:
        with Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            return bool(client.ping())
    except (RedisError, ValueError):
        return False


def _ask(port: int, command: bytes) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(command)
            return connection.recv(1024)
    except OSError:
        return b""
