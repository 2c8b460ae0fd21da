"""Whether Docker can be used here, and the command that runs a container in the foreground."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache


@cache
def docker_answers() -> bool:
    """Whether there is a ``docker`` command and a daemon behind it."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command
            [docker, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def run_command(
    image: str,
    *,
    name: str,
    port: int,
    container_port: int,
    volume: tuple[str, str],
    environment: Mapping[str, str],
    arguments: Sequence[str] = (),
) -> list[str]:
    """``docker run`` in the foreground: signals reach the container, which is removed at its end.

    Args:
        port: on 127.0.0.1 of this machine.
        volume: the volume's name and where it is mounted; it outlives the container.
    """
    command = ["docker", "run", "--rm", "--name", name]
    command += ["--publish", f"127.0.0.1:{port}:{container_port}"]
    command += ["--volume", f"{volume[0]}:{volume[1]}"]
    for key, value in environment.items():
        command += ["--env", f"{key}={value}"]
    return [*command, image, *arguments]


def kill_container(name: str) -> None:
    """SIGKILL inside the container; nothing happens where it is not running."""
    _docker("kill", name)


def remove_container(name: str) -> None:
    """Waits until it is gone: after a kill the daemon removes it in its own time."""
    _docker("rm", "--force", name)


def pause_container(name: str) -> None:
    _docker("pause", name)


def resume_container(name: str) -> None:
    _docker("unpause", name)


def remove_volume(name: str) -> None:
    _docker("volume", "rm", "--force", name)


def _docker(*arguments: str) -> None:
    # Fixed commands over names that we made.
    subprocess.run(["docker", *arguments], capture_output=True, check=False)  # noqa: S603, S607
