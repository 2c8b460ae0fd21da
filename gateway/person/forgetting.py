"""Forgets a person: asks the worker that owns the profile, and sees that it was done everywhere.

Everything goes through the topics, so that whoever dies in between has done no harm: asked again,
it goes on. In this order:

1. ``logout`` for each browser that is theirs, so that what it does next is a visitor's own, and
   ``erasure_requested``: the partition ends the moments, takes back what is out and leaves a stub.
2. The browsers' own profiles, where they have gone on by themselves, the same way.
3. Tombstones for every subscription that is left.
4. The keys in Redis; a mark keeps out of the inboxes what is read of the topics again.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition
from redis.asyncio import Redis

from gateway.person.footprint import Footprint
from gateway.person.held import Held, find_in_redis
from gateway.person.reading import POLL_MS, consumer, id_of, personal_counts, read
from processors.rows import decode, to_plain
from runtime.settings import KafkaSettings, RedisSettings
from schemas.partitioner import partition_of
from schemas.topics import PROFILES_CHANGELOG, SHOP_EVENTS, SUBSCRIPTIONS, Topic

_STUB = frozenset({"v", "aa", "rm", "erased_at"})
"""What a forgotten profile's row may hold: its schema, times, hashes of event ids."""

_LEFT_BEHIND = _STUB | {"at", "au", "dv", "fm"}
"""What a login leaves at the browser, and its subscription: also hashes of decisions."""


class NotYetError(Exception):
    """The worker has not done it in time. Nothing is lost: ask again."""


class MovedError(Exception):
    """The id is a browser's that has logged in: it is the user, named in ``user``, to ask for."""

    def __init__(self, user: str) -> None:
        super().__init__(user)
        self.user = user


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done. ``already``: there was no profile left to forget."""

    user: str
    anonymous_ids: tuple[str, ...]
    erased_at: int
    already: bool
    subscriptions: int
    redis_keys: int


def is_stub(row: bytes) -> bool:
    """Whether a row of the changelog says only that somebody asked to be forgotten."""
    plain = to_plain(decode(row))
    return bool(plain.get("erased_at")) and plain.keys() <= _STUB


def has_a_life(row: bytes) -> bool:
    """Whether a browser's profile holds more than its login left there and a subscription.

    What it does not need it is not asked: the next user may be logging in there at this moment.
    """
    return not to_plain(decode(row)).keys() <= _LEFT_BEHIND


async def forget(
    kafka: KafkaSettings, redis: Redis, names: RedisSettings, held: Held, patience_s: float
) -> Forgotten:
    """Forgets whom ``held`` is about. Safe to repeat.

    Args:
        patience_s: how long the worker may take.

    Raises:
        MovedError: ``held`` is about a browser that has logged in as somebody.
        NotYetError: no worker has done it within ``patience_s``.
        NewerProfileError: a newer release wrote a profile.
        KafkaError: the cluster cannot be reached.
        RedisError: Redis does not answer.
    """
    mine = held.profile(held.user)
    if mine is not None and mine.alias_to is not None and mine.alias_until > _now():
        raise MovedError(mine.alias_to)
    until = time.monotonic() + patience_s
    visitors = tuple(one for one in held.anonymous_ids if not _is_anothers(held, one))
    bound = [one for one in visitors if _moved_to(held.rows.get(one)) == held.user]
    row = held.rows.get(held.user)
    already = row is not None and is_stub(row) and not bound
    async with _Asking(kafka, until) as asking:
        if not already:
            for visitor in bound:
                await asking.publish("logout", held.user, user_id=held.user, anonymous_id=visitor)
            await asking.erase(held.user, user_id=held.user)
        for visitor in bound:
            await asking.until_row(visitor, lambda row: _moved_to(row) != held.user)
        for visitor in visitors:
            row = asking.rows.get(visitor, held.rows.get(visitor))
            if row is not None and _moved_to(row) is None and has_a_life(row):
                await asking.erase(visitor, anonymous_id=visitor)
        ended = await asking.end_subscriptions({held.user, *visitors})
        rows = held.rows | asking.rows
        newest = rows.get(held.user)
    # The worker ends some of those that there were, and a logout gives others to the visitor.
    browsers = {key.rpartition("/")[2] for key in (*held.subscriptions, *ended)}
    at = _erased_at(newest)
    erased = {one: max(at, _erased_at(rows.get(one))) for one in (held.user, *visitors)}
    footprint = Footprint(redis, names)
    await footprint.mark_erased(erased)
    # Looked at anew: delivery and the gateway wrote meanwhile.
    gone = await footprint.delete(await find_in_redis(redis, names, held))
    return Forgotten(held.user, visitors, at, already, len(browsers), gone)


def _silent(_done: int, _total: int) -> None:
    """Nobody is told how far it is."""


def _is_anothers(held: Held, visitor: str) -> bool:
    moved_to = _moved_to(held.rows.get(visitor))
    return moved_to is not None and moved_to != held.user


def _moved_to(row: bytes | None) -> str | None:
    """Whose the browser's events are now."""
    profile = None if row is None else decode(row)
    return profile.alias_to if profile is not None and profile.alias_until > _now() else None


def _erased_at(row: bytes | None) -> int:
    return 0 if row is None else decode(row).erased_at


def _now() -> int:
    return time.time_ns() // 1_000_000


class _Asking:
    """Publishes, and follows the changelog from before the first question on."""

    def __init__(self, kafka: KafkaSettings, until: float) -> None:
        self.rows: dict[str, bytes | None] = {}
        """The newest rows since then."""
        self._kafka = kafka
        self._until = until
        self._counts: Mapping[Topic, int] = {}
        self._reader = consumer(kafka)
        self._producer = AIOKafkaProducer(
            **kafka.client_options(), acks="all", enable_idempotence=True
        )
        self._last = 0

    async def __aenter__(self) -> "_Asking":
        self._counts = await personal_counts(self._kafka)
        await self._producer.start()
        await self._reader.start()
        changelog = self._kafka.topic(PROFILES_CHANGELOG)
        places = [
            TopicPartition(changelog, number) for number in range(self._counts[PROFILES_CHANGELOG])
        ]
        self._reader.assign(places)
        for place, end in (await self._reader.end_offsets(places)).items():
            self._reader.seek(place, end)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        await self._reader.stop()

    async def publish(self, kind: str, key: str, **who: str) -> int:
        """Publishes an event; each happens after the one before. Answers when (ms)."""
        self._last = max(_now(), self._last + 1)
        event = {"type": kind, "event_id": uuid.uuid4().hex, "occurred_at": self._last, **who}
        await self._write(SHOP_EVENTS, key, key, orjson.dumps(event))
        return self._last

    async def erase(self, name: str, **who: str) -> None:
        """Has the worker forget a profile.

        Raises:
            NotYetError: it did not in time.
        """
        at = await self.publish("erasure_requested", name, **who)
        await self.until_row(name, lambda row: _erased_at(row) >= at)

    async def until_row(self, name: str, done: Callable[[bytes | None], bool]) -> None:
        """Waits until the newest row of ``name`` is as it should be.

        Raises:
            NotYetError: it was not in time.
        """
        while not (name in self.rows and done(self.rows[name])):
            if time.monotonic() > self._until:
                raise NotYetError(name)
            batches = await self._reader.getmany(timeout_ms=POLL_MS)
            for batch in batches.values():
                for record in batch:
                    self.rows[id_of(PROFILES_CHANGELOG, record.key)] = record.value

    async def end_subscriptions(self, ids: set[str]) -> list[str]:
        """Tombstones for all subscriptions of the ids that have not ended; their keys."""
        found = (await read(self._kafka, ids, _silent, (SUBSCRIPTIONS,)))[SUBSCRIPTIONS]
        newest = {record.key.decode(): record.value for record in found}
        alive = [key for key, value in newest.items() if value is not None]
        for key in alive:
            await self._write(SUBSCRIPTIONS, id_of(SUBSCRIPTIONS, key.encode()), key, None)
        return alive

    async def _write(self, topic: Topic, owner: str, key: str, value: bytes | None) -> None:
        await self._producer.send_and_wait(
            self._kafka.topic(topic),
            value,
            key=key.encode(),
            partition=partition_of(owner, self._counts[topic]),
        )
