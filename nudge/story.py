"""One user's story: what they did, what was decided, sent and came of it, in one timeline.

Reads the user's partition of each topic from a time on; what they did before they were known is
read under their anonymous ids.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from nudge.controls import read_controls
from nudge.kafka import partition_counts
from nudge.reading import headers_of, read_since, value_of
from nudge.tapping import is_of
from nudge.words import Line, line_of
from processors.profile import Profile
from processors.rows import decode
from runtime.settings import KafkaSettings
from schemas import topics
from schemas.control import ScenarioVersion
from schemas.headers import SOURCE_HEADER
from schemas.partitioner import partition_of
from schemas.topics import Topic

TOLD: tuple[Topic, ...] = (
    topics.SUBSCRIPTIONS,
    topics.SHOP_EVENTS,
    topics.HANDOVERS,
    topics.LATE,
    topics.DECISIONS,
    topics.JOBS,
    topics.WITHDRAWALS,
    topics.RESULTS,
    topics.INTERACTIONS,
    topics.ATTRIBUTIONS,
    topics.HANDOFFS,
    topics.SEGMENTS,
    topics.DEAD_LETTER,
)
"""The topics of a story, in the order in which one thing leads to another."""

_ARRIVED_LATE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the story. ``rank`` orders what happened in the same millisecond."""

    line: Line
    record: ConsumerRecord
    rank: int

    @property
    def late_ms(self) -> int:
        """How much later than it happened it was recorded; 0 where that is no matter."""
        late = int(self.record.timestamp) - self.line.at
        return late if self.rank == _EVENT_RANK and late >= _ARRIVED_LATE_MS else 0

    @property
    def source(self) -> str | None:
        """What caused a decision: ``topic/partition/offset``, where its record says so."""
        return headers_of(self.record).get(SOURCE_HEADER)


_EVENT_RANK = TOLD.index(topics.SHOP_EVENTS)


@dataclass(slots=True)
class Story:
    """What was found of ``user`` since ``since`` (ms), oldest first."""

    user: str
    since: int
    entries: list[Entry] = field(default_factory=list)
    aliases: tuple[str, ...] = ()
    profile: Profile | None = None
    """As the newest row of the changelog says, where there is one since then."""
    became: str | None = None
    """The user that this anonymous id logged in as."""
    rules: dict[str, ScenarioVersion | None] = field(default_factory=dict)
    """The versions that decided; ``None`` where the topic no longer has one."""

    def decisions(self) -> Counter[tuple[str, str]]:
        """Final decisions by (outcome, reason)."""
        found = (
            value_of(entry.record) for entry in self.entries if TOLD[entry.rank] is topics.DECISIONS
        )
        return Counter(
            (value["outcome"], value["reason"])
            for value in found
            if isinstance(value, dict) and value.get("final")
        )


async def tell(settings: KafkaSettings, user: str, since: int) -> Story:
    """Gathers the story of a user (or of an anonymous id).

    Raises:
        Problem: Kafka cannot be reached, or a topic does not exist.
    """
    story = Story(user, since)
    counts = await partition_counts(settings, (*TOLD, topics.PROFILES_CHANGELOG))
    story.entries = await _entries(settings, counts, user, since)
    story.profile = await _profile(settings, counts, user, since)
    story.became = _became(story.entries, user)
    own: list[str] = []
    for alias in _aliases(story):
        if theirs := _until_login(await _entries(settings, counts, alias, since), user):
            own.append(alias)
            story.entries += theirs
    story.aliases = tuple(own)
    story.entries.sort(key=_order)
    decided = _values(story.entries, topics.DECISIONS)
    named = dict.fromkeys(str(value.get("scenario_version")) for value in decided)
    if named:
        applied = (await read_controls(settings)).versions
        story.rules = {version: applied.get(version) for version in named}
    return story


def _order(entry: Entry) -> tuple[int, int, int, int]:
    return entry.line.at, entry.rank, entry.record.timestamp, entry.record.offset


async def _entries(
    settings: KafkaSettings, counts: Mapping[Topic, int], user: str, since: int
) -> list[Entry]:
    """Everything under the user's key, by topic; for handovers, what came to the user."""
    ranks = {settings.topic(topic): rank for rank, topic in enumerate(TOLD)}
    partitions = [
        TopicPartition(settings.topic(topic), partition_of(user, counts[topic])) for topic in TOLD
    ]
    return [
        Entry(line_of(record), record, ranks[record.topic])
        async for record in read_since(settings, partitions, since)
        if is_of(record, user, settings)
    ]


async def _profile(
    settings: KafkaSettings, counts: Mapping[Topic, int], user: str, since: int
) -> Profile | None:
    changelog = topics.PROFILES_CHANGELOG
    partition = TopicPartition(settings.topic(changelog), partition_of(user, counts[changelog]))
    row: bytes | None = None
    async for record in read_since(settings, [partition], since):
        if record.key == user.encode():
            row = record.value
    try:
        return decode(row) if row else None
    except ValueError:
        # Another release's row: the story is told without it.
        return None


def _values(entries: Sequence[Entry], topic: Topic) -> list[dict[str, Any]]:
    found = (value_of(entry.record) for entry in entries if TOLD[entry.rank] is topic)
    return [value for value in found if isinstance(value, dict)]


def _aliases(story: Story) -> list[str]:
    """Anonymous ids that may have been this user: by handover, profile, or events with both."""
    values = _values(story.entries, topics.HANDOVERS) + _values(story.entries, topics.SHOP_EVENTS)
    named = [value.get("anonymous_id") for value in values]
    kept = story.profile.aliases if story.profile else []
    found = dict.fromkeys([*kept, *(alias for alias in named if isinstance(alias, str))])
    return [alias for alias in found if alias != story.user]


def _logins(entries: Sequence[Entry]) -> list[tuple[int, str]]:
    """(time, user) of every login or sign-up among the events, oldest first."""
    return sorted(
        (entry.line.at, str(value["user_id"]))
        for entry in entries
        if TOLD[entry.rank] is topics.SHOP_EVENTS
        and isinstance(value := value_of(entry.record), dict)
        and value.get("type") in ("login", "sign_up")
        and "user_id" in value
    )


def _until_login(entries: Sequence[Entry], user: str) -> list[Entry]:
    """What an anonymous id did before it logged in as ``user``; nothing before another's login."""
    logins = _logins(entries)
    belongs = partial(_next_login_is, logins, user)
    return [entry for entry in entries if belongs(entry.line.at)]


def _next_login_is(logins: Sequence[tuple[int, str]], user: str, at: int) -> bool:
    return next((name == user for time, name in logins if time >= at), False)


def _became(entries: Sequence[Entry], user: str) -> str | None:
    others = [name for _, name in _logins(entries) if name != user]
    return others[-1] if others else None
