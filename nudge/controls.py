"""What ops tell every worker through ``nudge.scenarios``: pauses and scenario versions."""

import getpass
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field

from nudge.kafka import partition_counts, writer
from nudge.reading import key_of, read_log
from runtime.settings import KafkaSettings
from schemas.adapters import CONTROL, InvalidRecordError, dump, parse
from schemas.control import (
    PAUSE_KEY,
    Deployment,
    Pause,
    ScenarioVersion,
    VoucherBatch,
    version_key,
)
from schemas.topics import SCENARIOS, TAKEN_AHEAD_MS


@dataclass(slots=True)
class Controls:
    """The newest record a key of ``nudge.scenarios``; ``versions`` in the order written."""

    pause: Pause | None = None
    pause_unreadable: bool = False
    """The newest pause record cannot be read: delivery takes it for a pause."""
    deployment: Deployment | None = None
    versions: dict[str, ScenarioVersion] = field(default_factory=dict)
    vouchers: dict[str, VoucherBatch] = field(default_factory=dict)
    told_at: list[int] = field(default_factory=list)
    """When (ms) each record was told, by the clock of whoever told it."""

    @property
    def paused(self) -> bool:
        return self.pause_unreadable or (self.pause is not None and self.pause.paused)

    def after(self, now: int) -> int:
        """The time (ms) of what is told next: workers go by times, and clocks differ.

        What was told far ahead holds nobody up: that clock was set wrong.
        """
        return max([now, *(at + 1 for at in self.told_at if at <= now + TAKEN_AHEAD_MS)])

    def take(self, key: str, value: bytes | None, at: int) -> None:
        """One more record, written at ``at`` (ms); what cannot be read says nothing."""
        self.told_at.append(at)
        if key == PAUSE_KEY:
            self.pause_unreadable = False
        if value is None:
            self.versions.pop(key.removeprefix("version/"), None)
            if key == PAUSE_KEY:
                self.pause = None
            return
        try:
            control = parse(CONTROL, value)
        except InvalidRecordError:
            self.pause_unreadable |= key == PAUSE_KEY
            return
        match control:
            case Pause():
                self.pause = control
                self.told_at.append(control.at)
            case Deployment():
                self.deployment = control
            case VoucherBatch():
                self.vouchers[control.batch] = control
            case ScenarioVersion():
                # Written anew, it stands where it is written now.
                self.versions.pop(control.version, None)
                self.versions[control.version] = control

    def begun(self, now: int) -> list[ScenarioVersion]:
        """The versions that have come into effect by ``now`` (ms), the newest first.

        Of two of one time the one told last, as for workers.
        """
        told = reversed(self.versions.values())
        begun = [version for version in told if version.effective_at <= now]
        return sorted(begun, key=lambda version: version.effective_at, reverse=True)

    def in_force(self, now: int) -> ScenarioVersion | None:
        """The version in force at ``now`` (ms), if any."""
        return next(iter(self.begun(now)), None)

    def name_for(self, file: str, now: int) -> str:
        """The name under which a file (by its hash) is applied at ``now`` (ms).

        One that is still to come is moved. One that was in force keeps its time, for what was
        decided then: applied again it is a version of its own, ``…-2``.
        """
        same = [v for v in self.versions.values() if file_of(v.version) == file]
        planned = [v.version for v in same if v.effective_at > now]
        if planned:
            return planned[0]
        return f"{file}-{len(same) + 1}" if same else file


def file_of(version: str) -> str:
    """The hash of a version's file, however often that was applied."""
    return version.partition("-")[0]


async def read_controls(settings: KafkaSettings) -> Controls:
    """All of ``nudge.scenarios``, as it stands.

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
    """
    await partition_counts(settings, (SCENARIOS,))
    controls = Controls()
    for record in await read_log(settings, SCENARIOS):
        key = key_of(record)
        controls.take(key, record.value, record.timestamp)
    return controls


async def set_pause(
    settings: KafkaSettings, now: int, *, paused: bool, reason: str | None
) -> Pause:
    """Pauses or resumes sending; returns once every replica of the broker has it.

    It holds from ``now`` (ms), or from right after what was told by a clock that is ahead of ours.

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
        KafkaError: the record was refused.
    """
    at = (await read_controls(settings)).after(now)
    pause = Pause(type="pause", paused=paused, at=at, by=who(), reason=reason)
    await write_control(settings, PAUSE_KEY, dump(pause), at)
    return pause


async def apply_version(
    settings: KafkaSettings, version: ScenarioVersion, at: int | None = None
) -> None:
    """Puts a checked scenario file in force from its ``effective_at`` on; told at ``at`` (ms).

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
        KafkaError: the record was refused.
    """
    await write_control(settings, version_key(version.version), dump(version), at)


async def write_control(
    settings: KafkaSettings, key: str, value: bytes, at: int | None = None
) -> None:
    """Writes one record of ``nudge.scenarios``; returns once every replica of the broker has it.

    ``at``: the record's time (ms); ``None``: now.

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
        KafkaError: the record was refused.
    """
    await write_controls(settings, [(key, value)], at)


async def write_controls(
    settings: KafkaSettings, records: Iterable[tuple[str, bytes]], at: int | None = None
) -> None:
    """Writes keys and values one by one, as :func:`write_control` does one."""
    await partition_counts(settings, (SCENARIOS,))
    topic = settings.topic(SCENARIOS)
    async with writer(settings) as producer:
        for key, value in records:
            await producer.send_and_wait(
                topic, value, key=key.encode(), partition=0, timestamp_ms=at
            )


def who() -> str:
    """Who gives the command: ``user@machine``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
