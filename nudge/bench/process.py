"""Processes of a benchmark: on a core of their own, and what they take of it."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nudge.local.places import fresh_directory
from nudge.problem import Problem

MEASURED_CORE, OTHER_CORE = 0, 1
"""One for the process that is measured, one for everything else."""
_PATIENCE_S = 30


def keep_to_other_core() -> None:
    """This process and what it starts from now on (Kafka, Redis, push service) share one core.

    Raises:
        Problem: this machine has one core.
    """
    if len(os.sched_getaffinity(0)) < 2:
        raise Problem("One core is not enough", "What is measured and the broker need one each.")
    os.sched_setaffinity(0, {OTHER_CORE})


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours, with these settings (``NUDGE_…``) and no others."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("NUDGE_")}
    return {**own, **settings}


@contextmanager
def process(
    command: list[str], settings: Mapping[str, str], *, core: int = MEASURED_CORE
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process pinned to a core; killed at the end. Its log is kept in ``.local/``."""
    log: Path = fresh_directory("bench") / "process.log"
    with log.open("wb") as output:
        started = subprocess.Popen(  # noqa: S603 - our own command line
            ["taskset", "-c", str(core), *command],  # noqa: S607 - util-linux
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(settings),
        )
    try:
        yield started
    finally:
        started.kill()
        started.wait(_PATIENCE_S)


def check_alive(started: "subprocess.Popen[bytes]") -> None:
    """Raises:
    Problem: it ended by itself.
    """
    if started.poll() is not None:
        raise Problem(
            f"a process of the benchmark ended with code {started.returncode}",
            "Its log lies in .local/.",
        )


def core_seconds(pid: int) -> float:
    """User and system time of a process so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """What a process holds of the machine's memory now (proc(5), statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
