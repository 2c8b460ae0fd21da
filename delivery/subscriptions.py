"""Subscriptions in Redis: what ``push.subscriptions`` says, by user, ready for a lookup.

The topic is the truth. Redis remembers for each partition how far it has been applied, in the same
step, so that a worker goes on where another stopped and a flushed Redis is filled from the start.
"""

from collections.abc import Sequence
from importlib.resources import files

import msgspec
import structlog
from aiokafka import ConsumerRecord
from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from delivery.redis_link import RedisLink
from runtime.metrics import Metric, gauge
from runtime.settings import RedisSettings
from schemas.adapters import InvalidRecordError, parse
from schemas.people import Subscription, split_subscription_key

log = structlog.get_logger(__name__)
_SUBSCRIPTION: TypeAdapter[Subscription] = TypeAdapter(Subscription)
_REMOVE = """
local owner = redis.call('GET', KEYS[2])
if owner and string.match(owner, '^%d+ (.*)$') == ARGV[2] then redis.call('DEL', KEYS[2]) end
return redis.call('DECRBY', KEYS[3], redis.call('HDEL', KEYS[1], ARGV[1]))
"""
_SCRIPT = files("delivery.lua").joinpath("subscriptions.lua").read_text()


class ElsewhereError(Exception):
    """Redis stands at another position than we thought: it was flushed, or somebody else wrote."""


class SubscriptionStore:
    """Applies records of the topic to Redis. Lookups are the ledger's, in one step with its own."""

    def __init__(self, link: RedisLink, settings: RedisSettings) -> None:
        self._link = link
        self._settings = settings
        self._prefix = settings.redis_key("subscriptions") + ":"
        self._script: AsyncScript | None = None
        self._gauge = gauge(Metric.SUBSCRIPTIONS)

    async def look(self) -> None:
        """Shows how many there are: Redis counts them, for workers see changes of theirs alone."""
        found = await self._link.call(lambda redis: redis.get(self._count_key()))
        self._gauge.set(int(found or 0))

    async def position(self, partition: int) -> int | None:
        """The offset to read next; ``None``: Redis has nothing of this partition."""
        key = self._position_key(partition)
        found = await self._link.call(lambda redis: redis.get(key))
        return None if found is None else int(found)

    async def forget(self, partition: int) -> None:
        """The position is worth nothing (the topic was made anew): apply it from the start."""
        key = self._position_key(partition)
        await self._link.call(lambda redis: redis.delete(key))

    async def apply(
        self, partition: int, records: Sequence[ConsumerRecord], before: int | None, after: int
    ) -> None:
        """Applies ``records`` and moves the position from ``before`` to ``after``.

        Raises:
            ElsewhereError: Redis does not stand at ``before``; nothing was applied.
        """
        arguments: list[bytes | str | int] = []
        for record in records:
            arguments += _arguments(record)

        async def run(redis: Redis) -> object:
            if self._script is None:
                self._script = redis.register_script(_SCRIPT)
            position = self._position_key(partition)
            answer: object = await self._script(
                keys=[position],
                args=[self._prefix, "" if before is None else before, after, *arguments],
            )
            if answer == b"elsewhere" and await redis.get(position) == str(after).encode():
                # A second try of what succeeded without our hearing of it.
                return int(await redis.get(self._count_key()) or 0)
            return answer

        count = await self._link.call(run)
        if not isinstance(count, int):
            raise ElsewhereError(f"partition {partition} of the subscriptions")
        self._gauge.set(count)

    async def remove(self, user_id: str, subscription_id: str) -> None:
        """The push service says that this subscription has ended.

        Only this one: a browser that subscribed anew meanwhile has another id.
        """

        async def run(redis: Redis) -> int:
            of_user, owner = f"{self._prefix}of:{user_id}", f"{self._prefix}owner:{subscription_id}"
            keys = (of_user, owner, self._count_key())
            return int(await redis.eval(_REMOVE, len(keys), *keys, subscription_id, user_id))

        self._gauge.set(await self._link.call(run))

    def _count_key(self) -> str:
        return f"{self._prefix}count"

    def _position_key(self, partition: int) -> str:
        return f"{self._prefix}position:{partition}"


class StoredSubscription(msgspec.Struct):
    """What a push needs of a subscription in Redis; it was checked before it was stored."""

    endpoint: str
    p256dh: str
    auth: str
    key_id: str | None = None


read_stored = msgspec.json.Decoder(StoredSubscription).decode
"""From the bytes in Redis.

Raises:
    msgspec.DecodeError: they are no subscription.
"""


def _arguments(record: ConsumerRecord) -> tuple[bytes | str | int, ...]:
    try:
        user, subscription = split_subscription_key((record.key or b"").decode())
        if record.value is None:
            return user, subscription, "", ""
        found = parse(_SUBSCRIPTION, record.value)
        if (found.user_id, found.subscription_id) != (user, subscription):
            raise ValueError("the key names another user or subscription than the value")
    except (InvalidRecordError, ValueError) as error:
        log.warning("subscription_unreadable", partition=record.partition, offset=record.offset,
                    error=str(error))  # fmt: skip
        return ()
    return user, subscription, found.last_seen_at, record.value
