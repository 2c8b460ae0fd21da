"""Whom a segment or a campaign is for: profiles of the running shop, or of recorded events."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from aiokafka import TopicPartition

from nudge.controls import read_controls
from nudge.kafka import kafka_settings, partition_counts
from nudge.problem import Problem, did_you_mean
from nudge.reading import read_since
from nudge.refusals import MEND_VERSION
from nudge.replay.by_files import outcomes, replayer_of
from nudge.rule_files import scenario_file
from nudge.terminal import Progress
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


async def rules_of(file: Path | None) -> Rules:
    """The rules of a scenario file; without one, those in force.

    Raises:
        Problem: the file is wrong, no version is in force, or this release refuses it.
    """
    if file is not None:
        return scenario_file(file)[1]
    version = (await read_controls(kafka_settings())).in_force(now_ms())
    if version is None:
        raise Problem("No scenario file is in force.", "Apply one, or give --scenarios FILE.")
    try:
        return load(version.yaml, f"version {version.version}", version.version, applied=True)
    except ScenarioFileError as error:
        said = f"The version in force is refused by this release: {error}"
        raise Problem(said, MEND_VERSION) from None


def segment_named(rules: Rules, name: str) -> Segment:
    """Raises:
    Problem: the file has no such segment.
    """
    segment = rules.segments.get(name)
    if segment is None:
        cure = did_you_mean(name, rules.segments, "`nudge segments list` shows all.")
        raise Problem(f"There is no segment {name!r} in version {rules.version}.", cure)
    return segment


async def live_profiles(
    settings: KafkaSettings, user: str | None = None
) -> AsyncIterator[tuple[str, Profile]]:
    """Every person's profile as its worker last committed it, or one user's.

    A partition is in memory at once.

    Raises:
        Problem: Kafka cannot be reached, the topic does not exist, or the id has become another's.
    """
    counts = await partition_counts(settings, (PROFILES_CHANGELOG,))
    count = counts[PROFILES_CHANGELOG]
    wanted = range(count) if user is None else (partition_of(user, count),)
    topic = settings.topic(PROFILES_CHANGELOG)
    with Progress("reading profiles", len(wanted)) as progress:
        for done, partition in enumerate(wanted):
            progress.at(done)
            rows: dict[bytes, bytes] = {}
            async for record in read_since(settings, [TopicPartition(topic, partition)], None):
                key = record.key or RESERVED
                if key[:1] == RESERVED or (user is not None and key != user.encode()):
                    continue
                if record.value is None:
                    rows.pop(key, None)
                else:
                    rows[key] = record.value
            for key, row in rows.items():
                name, profile = key.decode(), decode(row)
                if _is_asked_about(name, profile, user):
                    yield name, profile


def recorded_profiles(
    files: list[Path], rules: Rules, user: str | None
) -> tuple[int, Iterator[tuple[str, Profile]]]:
    """What events in files (JSON lines) make of their users, and the time (ms) of the newest.

    Raises:
        Problem: there is nothing in them; from the iterator: the id has become another's.
    """
    replayer = replayer_of(files, rules)
    for _ in outcomes(replayer, files):
        pass
    if not replayer.newest:
        raise Problem("The files hold no events.", "Give JSON lines, as `nudge replay` reads.")
    found = (known for known in replayer.profiles() if _is_asked_about(*known, user))
    return replayer.newest, found


def _is_asked_about(key: str, profile: Profile, user: str | None) -> bool:
    """Whether it is the user's; of all (``None``) it is a person's, and not what one left behind.

    Raises:
        Problem: the user asked about has become another.
    """
    if user is None:
        is_empty = bool(profile.erased_at) and not profile.sessions
        return profile.alias_to is None and not is_empty
    if key == user and profile.alias_to is not None:
        said = f"{user} has logged in as {profile.alias_to}, who has all that was known of both."
        raise Problem(said, f"Ask about {profile.alias_to}.")
    return key == user
