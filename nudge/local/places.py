"""Where the local stack keeps what it downloads and writes, and which ports it takes."""

import fcntl
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nudge.local.errors import LocalStackError

_FIRST_PORT, _LAST_PORT = 20_000, 32_000
"""Below the ports of outgoing connections, so that a restarted server finds its own still free."""


def local_root() -> Path:
    """``.local/`` of the clone, or of the current directory where Nudge is installed as a wheel."""
    clone = Path(__file__).resolve().parents[2]
    base = clone if (clone / "pyproject.toml").is_file() else Path.cwd()
    root = base / ".local"
    root.mkdir(exist_ok=True)
    return root


def fresh_directory(name: str) -> Path:
    """A new empty directory under ``.local/run/``; those of processes that are gone are removed."""
    parent = local_root() / "run"
    parent.mkdir(exist_ok=True)
    for old in parent.iterdir():
        _, dash, rest = old.name.partition("-")
        if dash and not _is_alive(rest.partition("-")[0]):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{name}-{os.getpid()}-", dir=parent))


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nobody listens, all different.

    Raises:
        LocalStackError: none was found.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(range(_FIRST_PORT, _LAST_PORT), 200):
        if len(found) == count:
            return found
        if _is_free(port):
            found.append(port)
    raise LocalStackError(
        f"no free port between {_FIRST_PORT} and {_LAST_PORT}: close what uses them"
    )


def port_or_free(port: int) -> int:
    """``port`` where nobody listens there, else another.

    Raises:
        LocalStackError: none was found.
    """
    return port if _is_free(port) else free_ports(1)[0]


def check_free(port: int) -> None:
    """So that another server's answers are never taken for ours.

    Raises:
        LocalStackError: somebody listens on this port of 127.0.0.1.
    """
    if not _is_free(port):
        raise LocalStackError(f"port {port} of 127.0.0.1 is in use: stop what listens there")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A closed connection's remains do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file, so that only one process of this machine downloads or installs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
