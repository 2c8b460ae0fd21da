"""Everything that is held about a person: their own records, and those of their browsers.

A browser's own (anonymous) id is theirs once it has logged in as them, but for what belongs to
another user who logged in there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from gateway.person import readable
from gateway.person.browsers import Browsers
from gateway.person.footprint import Footprint
from gateway.person.reading import Found, Tell, id_of, json_of, objects, read
from processors.profile import Profile
from processors.rows import NewerProfileError, decode
from runtime.settings import KafkaSettings, RedisSettings
from schemas.topics import (
    DECISIONS,
    HANDOVERS,
    INTERACTIONS,
    JOBS,
    PROFILES_CHANGELOG,
    RESULTS,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
    Cleanup,
)

FORMAT = "nudge export 1"
_OF_JOBS = (JOBS, RESULTS, INTERACTIONS, DECISIONS)
"""Whatever names a job, and most of them the browser that it went to."""


@dataclass(slots=True)
class Held:
    """What was found of ``user``. ``rows``: the newest row of the changelog, by id."""

    user: str
    anonymous_ids: tuple[str, ...] = ()
    records: Found = field(default_factory=dict)
    rows: dict[str, bytes] = field(default_factory=dict)
    subscriptions: dict[str, ConsumerRecord] = field(default_factory=dict)
    """Those that have not ended, by key."""
    redis: dict[str, Any] = field(default_factory=dict)
    """Keys in Redis, and what they hold."""

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.user, *self.anonymous_ids)

    @property
    def appended(self) -> Found:
        """What stands on topics that only their retention empties."""
        return {t: found for t, found in self.records.items() if t.cleanup is Cleanup.DELETE}

    @property
    def is_nothing(self) -> bool:
        """Whether nothing at all is known under these ids."""
        return not (self.rows or self.subscriptions or self.redis or any(self.appended.values()))

    def profile(self, of: str) -> Profile | None:
        """
        Raises:
            NewerProfileError: a newer release wrote it.
        """
        row = self.rows.get(of)
        return None if row is None else decode(row)

    def document(self, now: int) -> dict[str, Any]:
        """All of it as one JSON document. ``now``: epoch ms."""
        return {
            "format": FORMAT,
            "user_id": self.user,
            "exported_at": now,
            "anonymous_ids": list(self.anonymous_ids),
            "profile": readable.profile(self.rows.get(self.user)),
            "anonymous_profiles": {
                one: readable.profile(self.rows[one])
                for one in self.anonymous_ids
                if one in self.rows
            },
            "subscriptions": [json_of(record.value) for record in self.subscriptions.values()],
            "records": {
                topic.name: [readable.record(each) for each in found]
                for topic, found in self.appended.items()
            },
            "redis": self.redis,
        }


async def gather(
    kafka: KafkaSettings, redis: Redis, names: RedisSettings, user: str, tell: Tell
) -> Held:
    """Looks everywhere.

    Args:
        names: how keys in Redis are called.

    Raises:
        TopicGoneError: a topic does not exist.
        KafkaError: the cluster cannot be reached.
        RedisError: Redis does not answer.
    """
    own = await read(kafka, {user}, tell)
    held = Held(user, records=own, rows=newest_rows(own))
    if candidates := _named(held):
        theirs = await read(kafka, candidates, tell)
        held.rows |= newest_rows(theirs)
        browsers = Browsers(user, own, theirs, held.rows)
        held.anonymous_ids = tuple(sorted(filter(browsers.is_theirs, candidates)))
        of_browsers = [each for one in held.anonymous_ids for each in browsers.records_of(one)]
        for topic, record in of_browsers:
            held.records[topic].append(record)
        held.rows = {one: row for one, row in held.rows.items() if one in held.ids}
    held.subscriptions = _alive(held.records[SUBSCRIPTIONS])
    held.redis = await find_in_redis(redis, names, held)
    return held


async def find_in_redis(redis: Redis, names: RedisSettings, held: Held) -> dict[str, Any]:
    """What Redis holds of the person now: keys, and what they hold.

    Raises:
        RedisError: Redis does not answer.
    """
    # A click's mark stands for as long as push.interactions keeps the click, push.jobs a week.
    jobs = [job for topic in _OF_JOBS for job in objects(held.records[topic])]
    return await Footprint(redis, names).find(held.ids, _endpoints(held), jobs)


def newest_rows(found: Found) -> dict[str, bytes]:
    """The newest row of each id in the changelog."""
    rows: dict[str, bytes] = {}
    for record in found[PROFILES_CHANGELOG]:
        name = id_of(PROFILES_CHANGELOG, record.key)
        if record.value is None:
            rows.pop(name, None)
        else:
            rows[name] = record.value
    return rows


def _named(held: Held) -> set[str]:
    """Anonymous ids that may have been this user's: whatever names one beside the user."""
    found: set[str] = set()
    for topic in (SHOP_EVENTS, HANDOVERS, SUBSCRIPTIONS):
        found |= {str(value["anonymous_id"]) for value in objects(held.records[topic])
                  if value.get("anonymous_id")}  # fmt: skip
    try:
        profile = held.profile(held.user)
    except NewerProfileError:
        profile = None
    if profile is not None:
        found |= set(profile.aliases) | {d.origin for d in profile.devices if d.origin}
    return found - {held.user}


def _alive(records: Iterable[ConsumerRecord]) -> dict[str, ConsumerRecord]:
    newest = {record.key.decode(): record for record in records}
    return {key: record for key, record in newest.items() if record.value is not None}


def _endpoints(held: Held) -> dict[str, str]:
    """Endpoint by subscription id, of all that ever were the person's."""
    found: dict[str, str] = {}
    for record in held.records[SUBSCRIPTIONS]:
        number = record.key.decode().rpartition("/")[2]
        value = json_of(record.value)
        endpoint = value.get("endpoint", "") if isinstance(value, dict) else found.get(number, "")
        found[number] = str(endpoint)
    return found
