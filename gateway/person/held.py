"""Everything that is held about a person: their own records, and those of their browsers.

A browser's own (anonymous) id is theirs once it has logged in as them, but for what belongs to
another user who logged in there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson
from aiokafka import ConsumerRecord
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis

from gateway.person.footprint import Footprint
from gateway.person.reading import Found, Tell, id_of, read
from processors.profile import NewerProfileError, Profile, decode
from runtime.settings import KafkaSettings, RedisSettings
from schemas.base import EpochMs
from schemas.topics import (
    HANDOVERS,
    JOBS,
    PROFILES_CHANGELOG,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
    Cleanup,
    Topic,
)

FORMAT = "nudge export 1"
_LOGINS = frozenset({"login", "sign_up"})
_TIME: TypeAdapter[int] = TypeAdapter(EpochMs)
_OPEN_ONLY = frozenset({"viewed_row", "categories_row", "open_viewed", "open_categories"})


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
            "profile": _readable(self.rows.get(self.user)),
            "anonymous_profiles": {
                one: _readable(self.rows[one]) for one in self.anonymous_ids if one in self.rows
            },
            "subscriptions": [_json(record.value) for record in self.subscriptions.values()],
            "records": {
                topic.name: [_plain(record) for record in found]
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
        held.anonymous_ids = tuple(
            sorted(one for one in candidates if _is_theirs(held, one, theirs))
        )
        for topic, record in _of_the_person(held, theirs):
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
    jobs = _values(held.records[JOBS])
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
        found |= {str(value["anonymous_id"]) for value in _values(held.records[topic])
                  if value.get("anonymous_id")}  # fmt: skip
    try:
        profile = held.profile(held.user)
    except NewerProfileError:
        profile = None
    if profile is not None:
        found |= set(profile.aliases) | {d.origin for d in profile.devices if d.origin}
    return found - {held.user}


@dataclass(frozen=True, slots=True, order=True)
class _Change:
    """From ``at`` (ms) on, what the browser does is ``user``'s; ``None``: the visitor's own."""

    at: int
    user: str | None


def _changes(held: Held, visitor: str, theirs: Found) -> list[_Change]:
    """Who was logged in at the browser, as far as the topics remember; oldest first."""
    found = [
        _Change(_ms(event), str(event["user_id"]))
        for event in _values(_of(theirs, SHOP_EVENTS, visitor))
        if event.get("type") in _LOGINS and event.get("user_id")
    ]
    moved = (value.get("event") for value in _values(_of(theirs, HANDOVERS, visitor)))
    own = (
        value
        for value in _values(held.records[SHOP_EVENTS])
        if value.get("anonymous_id", visitor) == visitor
    )
    found += [
        _Change(_ms(event), None)
        for event in (*moved, *own)
        if isinstance(event, dict) and event.get("type") == "logout"
    ]
    return sorted(found, key=lambda change: (change.at, change.user is not None))


def _owner_at(changes: list[_Change], at: int) -> str | None:
    """Who was logged in at ``at`` (ms), else who logged in next."""
    before = [change for change in changes if change.at <= at]
    if before and before[-1].user is not None:
        return before[-1].user
    return next((c.user for c in changes if c.at > at and c.user is not None), None)


def _is_theirs(held: Held, visitor: str, theirs: Found) -> bool:
    users = {change.user for change in _changes(held, visitor, theirs)} - {None}
    row = held.rows.get(visitor)
    if row is not None and (moved_to := _moved_to(row)) is not None:
        users.add(moved_to)
    return not users or held.user in users


def _moved_to(row: bytes) -> str | None:
    try:
        return decode(row).alias_to
    except NewerProfileError:
        return None


def _of_the_person(held: Held, theirs: Found) -> Iterator[tuple[Topic, ConsumerRecord]]:
    for visitor in held.anonymous_ids:
        changes = _changes(held, visitor, theirs)
        for topic in theirs:
            for record in _of(theirs, topic, visitor):
                at = _occurred_at(topic, record)
                if _owner_at(changes, at) in (held.user, None):
                    yield topic, record


def _occurred_at(topic: Topic, record: ConsumerRecord) -> int:
    value = _json(record.value) if topic is SHOP_EVENTS else None
    return _ms(value, int(record.timestamp)) if isinstance(value, dict) else int(record.timestamp)


def _ms(event: Mapping[str, Any], otherwise: int = 0) -> int:
    """When a wire event happened; ``otherwise`` where it cannot be read."""
    try:
        return _TIME.validate_python(event.get("occurred_at"))
    except ValidationError:
        return otherwise


def _of(found: Found, topic: Topic, name: str) -> list[ConsumerRecord]:
    return [record for record in found[topic] if id_of(topic, record.key) == name]


def _alive(records: Iterable[ConsumerRecord]) -> dict[str, ConsumerRecord]:
    newest = {record.key.decode(): record for record in records}
    return {key: record for key, record in newest.items() if record.value is not None}


def _endpoints(held: Held) -> dict[str, str]:
    """Endpoint by subscription id, of all that ever were the person's."""
    found: dict[str, str] = {}
    for record in held.records[SUBSCRIPTIONS]:
        number = record.key.decode().rpartition("/")[2]
        value = _json(record.value)
        endpoint = value.get("endpoint", "") if isinstance(value, dict) else found.get(number, "")
        found[number] = str(endpoint)
    return found


def _values(records: Iterable[ConsumerRecord]) -> list[dict[str, Any]]:
    return [value for record in records if isinstance(value := _json(record.value), dict)]


def _json(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value.decode(errors="replace")


def _plain(record: ConsumerRecord) -> dict[str, Any]:
    return {
        "key": (record.key or b"").decode(errors="replace"),
        "partition": record.partition,
        "offset": record.offset,
        "recorded_at": record.timestamp,
        "value": _json(record.value),
    }


def _readable(row: bytes | None) -> Any:
    """A profile under the names that the rules use, without what says nothing."""
    if row is None:
        return None
    try:
        profile = decode(row)
    except NewerProfileError:
        return orjson.loads(row)
    named = {name: value for name, value in _fields(profile).items() if name not in _OPEN_ONLY}
    return _spelt({**named, "viewed": profile.viewed, "categories": profile.categories})


def _fields(value: msgspec.Struct) -> Mapping[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _spelt(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        value = _fields(value)
    if isinstance(value, Mapping):
        spelt = {str(name): _spelt(part) for name, part in value.items()}
        return {name: p for name, p in spelt.items() if p not in (None, "", 0, [], {}, False)}
    if isinstance(value, list | tuple):
        return [_spelt(part) for part in value]
    return None if value is msgspec.UNSET else value
