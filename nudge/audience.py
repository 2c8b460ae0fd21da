"""Whom a segment or a campaign is for: profiles of the running shop, or of recorded events."""

from collections.abc import AsyncIterator, Iterator
from difflib import get_close_matches
from pathlib import Path

from aiokafka import TopicPartition

from nudge.controls import read_controls
from nudge.kafka import kafka_settings, partition_counts
from nudge.problem import Problem
from nudge.reading import read_since
from nudge.refusals import MEND_VERSION
from nudge.replay.lines import feed_files
from nudge.replay.records import BadLine
from nudge.replay.survey import replayer_of
from nudge.terminal import Progress, note, plain
from nudge.when import now_ms
from processors.profile import Profile
from processors.rows import decode
from processors.rules import Rules
from processors.scenario_file import ScenarioFileError, load
from processors.segments import Segment
from processors.table import RESERVED
from runtime.settings import KafkaSettings
from schemas.partitioner import partition_of
from schemas.topics import PROFILES_CHANGELOG

_BAD_SHOWN = 3


async def rules_of(file: Path | None) -> Rules:
    """The rules of a scenario file; without one, those in force.

    Raises:
        Problem: the file is wrong, no version is in force, or this release refuses it.
    """
    if file is not None:
        return _read(file)
    version = (await read_controls(kafka_settings())).in_force(now_ms())
    if version is None:
        raise Problem("No scenario file is in force.", "Apply one, or give --scenarios FILE.")
    try:
        return load(version.yaml, f"version {version.version}", version.version, applied=True)
    except ScenarioFileError as error:
        said = f"The version in force is refused by this release: {error}"
        raise Problem(said, MEND_VERSION) from None


def _read(file: Path) -> Rules:
    try:
        return load(file.read_text(encoding="utf-8"), str(file))
    except ScenarioFileError as error:
        cure = "Correct the file; `nudge scenarios check` reads it."
        raise Problem(str(error), cure) from None


def segment_named(rules: Rules, name: str) -> Segment:
    """Raises:
    Problem: the file has no such segment.
    """
    segment = rules.segments.get(name)
    if segment is None:
        near = get_close_matches(name, rules.segments, n=1)
        cure = f"Did you mean {near[0]}?" if near else "`nudge segments list` shows all."
        raise Problem(f"There is no segment {name!r} in version {rules.version}.", cure)
    return segment


async def live_profiles(
    settings: KafkaSettings, user: str | None = None
) -> AsyncIterator[tuple[str, Profile]]:
    """Every profile as its worker last committed it, or one user's. A partition in memory at once.

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
    """
    counts = await partition_counts(settings, (PROFILES_CHANGELOG,))
    count = counts[PROFILES_CHANGELOG]
    wanted = range(count) if user is None else (partition_of(user, count),)
    name = settings.topic(PROFILES_CHANGELOG)
    with Progress("reading profiles", len(wanted)) as progress:
        for done, partition in enumerate(wanted):
            progress.at(done)
            rows: dict[bytes, bytes] = {}
            async for record in read_since(settings, [TopicPartition(name, partition)], None):
                key = record.key or RESERVED
                if key[:1] == RESERVED or (user is not None and key != user.encode()):
                    continue
                if record.value is None:
                    rows.pop(key, None)
                else:
                    rows[key] = record.value
            for key, row in rows.items():
                yield key.decode(), decode(row)


def recorded_profiles(files: list[Path], rules: Rules) -> tuple[int, Iterator[tuple[str, Profile]]]:
    """What events in files (JSON lines) make of their users, and the time (ms) of the newest.

    Raises:
        Problem: there is nothing in them.
    """
    replayer = replayer_of(files, rules)
    bad: list[BadLine] = []
    for read in feed_files(replayer, files):
        replayer.take()
        bad = read.bad
    for line in bad[:_BAD_SHOWN]:
        note(plain(f"{line.source}:{line.line}: {line.message}"))
    if not replayer.newest:
        raise Problem("The files hold no events.", "Give JSON lines, as `nudge replay` reads.")
    replayer.finish()
    return replayer.newest, replayer.profiles()
