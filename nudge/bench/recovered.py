"""A worker that recovers its profiles: how long that takes, and what they weigh.

``nudge bench recovery``: from before the first fetch of the changelog to ready, heap and index
rebuilt. ``nudge bench memory``: what a worker holds with all profiles over what one without any
holds, by profile, beside the profile's JSON.
"""

import asyncio
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from nudge import topics
from nudge.bench.process import keep_to_other_core, process, until_ready
from nudge.bench.profiles import Row, Written, copies, made_profiles, write_changelog
from nudge.bench.rules import version_for
from nudge.controls import apply_version
from nudge.local import LocalKafka
from nudge.local.places import free_ports
from nudge.problem import Problem
from nudge.when import now_ms
from runtime.settings import KafkaSettings

_DEADLINE_S = 600.0
_LOOK_EVERY_S = 0.05
_SETTLE_S = 3.0
"""After ready, before the memory is read: the collector has run, the first steps are done."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recovered:
    """One worker's recovery."""

    seconds: float
    """From before the first fetch to ready."""
    core_seconds: float
    """Processor time of the worker in between: what else the machine does shows less in it."""
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class MemoryResult:
    written: Written
    empty_bytes: int
    """Resident, a worker without profiles."""
    full_bytes: int

    @property
    def a_profile(self) -> float:
        """Resident bytes a profile: row, key, heap and index."""
        return (self.full_bytes - self.empty_bytes) / self.written.profiles

    @property
    def json_a_profile(self) -> float:
        return self.written.json_bytes / self.written.profiles

    def as_dict(self) -> dict[str, object]:
        return {
            "profiles": self.written.profiles,
            "resident_bytes_a_profile": round(self.a_profile),
            "json_bytes_a_profile": round(self.json_a_profile),
            "ratio": round(self.a_profile / self.json_a_profile, 2),
            "worker_bytes": self.full_bytes,
            "empty_worker_bytes": self.empty_bytes,
        }


@dataclass(frozen=True, slots=True)
class RecoveryResult:
    written: Written
    runs: list[Recovered] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def per_second(self) -> float:
        return self.written.profiles / self.seconds

    @property
    def per_core_second(self) -> float:
        return self.written.profiles / statistics.median(run.core_seconds for run in self.runs)

    def as_dict(self) -> dict[str, object]:
        return {
            "profiles": self.written.profiles,
            "json_bytes": self.written.json_bytes,
            "seconds": [round(run.seconds, 2) for run in self.runs],
            "profiles_per_second": round(self.per_second),
            "profiles_per_core_second": round(self.per_core_second),
        }


def measure_memory(profiles: int, say: Say) -> MemoryResult:
    """Raises:
    Problem: this machine has one core, or a worker ended by itself.
    LocalStackError: Kafka cannot be started.
    """
    keep_to_other_core()
    made = _make(say)
    with LocalKafka(say=say) as kafka:
        empty = _settings(kafka, "empty")
        asyncio.run(_prepare(empty))
        say("a worker without profiles")
        nothing = asyncio.run(_recover(empty, 0))
        full = _settings(kafka, "full")
        say(f"writing {profiles:,} profiles")
        written = asyncio.run(_fill(full, made, profiles))
        say("a worker with them")
        return MemoryResult(
            written, nothing.resident_bytes, asyncio.run(_recover(full, profiles)).resident_bytes
        )


def measure_recovery(profiles: int, runs: int, say: Say) -> RecoveryResult:
    """Raises:
    Problem: this machine has one core, or a worker ended by itself.
    LocalStackError: Kafka cannot be started.
    """
    keep_to_other_core()
    made = _make(say)
    with LocalKafka(say=say) as kafka:
        settings = _settings(kafka, "full")
        say(f"writing {profiles:,} profiles")
        result = RecoveryResult(asyncio.run(_fill(settings, made, profiles)))
        for number in range(1, runs + 1):
            result.runs.append(asyncio.run(_recover(settings, profiles)))
            say(f"run {number} of {runs}: {result.runs[-1].seconds:.1f} s")
    return result


def _make(say: Say) -> list[Row]:
    say("letting the core make profiles")
    return made_profiles()


def _settings(kafka: LocalKafka, namespace: str) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap=kafka.bootstrap, namespace=namespace)


async def _prepare(settings: KafkaSettings) -> None:
    await topics.create(settings, partitions=topics.LOCAL_PARTITIONS, replication=1)
    await apply_version(settings, version_for(now_ms()))


async def _fill(settings: KafkaSettings, made: list[Row], profiles: int) -> Written:
    await _prepare(settings)
    return await write_changelog(settings, topics.LOCAL_PARTITIONS, copies(made, profiles))


async def _recover(settings: KafkaSettings, profiles: int) -> Recovered:
    (port,) = free_ports(1)
    environment = {
        "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "NUDGE_NAMESPACE": settings.namespace,
        "NUDGE_LOG_LEVEL": "INFO",
        "NUDGE_LOG_FORMAT": "json",
        "NUDGE_HEALTH_PORT": str(port),
    }
    with process([sys.executable, "-m", "nudge", "worker"], environment) as worker:
        async with asyncio.timeout(_DEADLINE_S):
            while not worker.logged("recovery_begins"):
                worker.check()
                await asyncio.sleep(_LOOK_EVERY_S)
            core_before = worker.core_seconds()
            ready_at = await until_ready(worker, port)
            core_seconds = worker.core_seconds() - core_before
        taken = worker.logged("partitions_taken")[-1]
        if taken["profiles"] < profiles:
            raise Problem(f"{taken['profiles']:,} of {profiles:,} profiles were recovered")
        await asyncio.sleep(_SETTLE_S)
        worker.check()
        began_at = datetime.fromisoformat(worker.logged("recovery_begins")[-1]["timestamp"])
        seconds = ready_at - began_at.timestamp()
        return Recovered(seconds, core_seconds, worker.resident_bytes())
