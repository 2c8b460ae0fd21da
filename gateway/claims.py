"""Which user a subscription belongs to, and how many each may have: asked in Redis.

The truth is the topic; what stands here is a guard before it. After a flush the next visit of
each browser claims anew, first come, first served.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.problems import Code, RefusedError, unavailable
from gateway.settings import GatewaySettings
from gateway.site import now_ms

_SCRIPT = files("gateway.lua").joinpath("claims.lua").read_text()
_DROP = """
redis.call('ZREM', KEYS[1], ARGV[1])
local place = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
if place and redis.call('GET', place) == ARGV[1] .. ' ' .. ARGV[2] then redis.call('DEL', place) end
return 1
"""
_REMEMBERED_MS = 400 * 86_400_000
"""As long as a known user's profile."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What taking a subscription changes."""

    ended: tuple[tuple[str, str], ...]
    """(owner, subscription id) of those that are over with it."""


class Claims:
    """Claims of all copies of the gateway."""

    def __init__(self, redis: Redis, settings: GatewaySettings) -> None:
        self._redis = redis
        self._settings = settings
        self._script = redis.register_script(_SCRIPT)
        self._drop = redis.register_script(_DROP)

    async def claim(
        self, subscription_id: str, endpoint: str, owner: str, visitor: str | None
    ) -> Claim:
        """Takes the subscription for ``owner``.

        Whoever knows the endpoint's keys has it from the browser itself, so the subscription
        moves to its newest owner. Other keys under a known endpoint are a stranger's.

        Raises:
            RefusedError: 409, the endpoint is another's under other keys; 503, no Redis.
        """
        hashed = hashlib.sha256(endpoint.encode()).hexdigest()
        keys = [
            self._key("claims", owner),
            self._key("endpoint", hashed),
            self._key("claimed", owner),
            self._ending(owner),
        ]
        arguments: list[str | int] = [
            subscription_id, owner, visitor or "", now_ms(), self._settings.gateway_devices,
            _REMEMBERED_MS,
        ]  # fmt: skip
        owner_key = self._settings.redis_key("subscriptions", "owner", subscription_id)
        try:
            answer = await self._script(keys=keys, args=arguments)
            known = await self._redis.get(owner_key)
        except RedisError:
            raise unavailable("Redis") from None
        if answer[0] == b"conflict":
            raise RefusedError(409, Code.CONFLICT)
        _, before_id, before_owner, *gone = (part.decode() for part in answer)
        ended = {(owner, each) for each in gone}
        if before_id and (before_owner, before_id) != (owner, subscription_id):
            ended.add((before_owner, before_id))
        if known is not None and (last := owner_of(known)) != owner:
            ended.add((last, subscription_id))
        return Claim(tuple(sorted(ended)))

    async def unsettled(self, owner: str) -> list[str]:
        """Subscriptions of the owner that claims have ended, and Kafka may not know it.

        Raises:
            RefusedError: 503, no Redis.
        """
        redis: Any = self._redis
        try:
            return sorted(each.decode() for each in await redis.smembers(self._ending(owner)))
        except RedisError:
            raise unavailable("Redis") from None

    async def settle(self, owner: str, ended: Iterable[str]) -> None:
        """Kafka has acknowledged the end of these.

        Raises:
            RefusedError: 503, no Redis.
        """
        redis: Any = self._redis
        try:
            await redis.srem(self._ending(owner), *ended)
        except RedisError:
            raise unavailable("Redis") from None

    async def drop(self, subscription_id: str, owner: str) -> None:
        """The subscription is over.

        Raises:
            RefusedError: 503, no Redis.
        """
        try:
            keys = [self._key("claims", owner), self._key("claimed", owner)]
            await self._drop(keys=keys, args=[subscription_id, owner])
        except RedisError:
            raise unavailable("Redis") from None

    def _ending(self, owner: str) -> str:
        return self._key("ending", owner)

    def _key(self, *parts: str) -> str:
        return self._settings.redis_key("gateway", *parts)


def owner_of(value: bytes | str) -> str:
    """The user of an entry that delivery keeps (``<last seen, ms> <user>``)."""
    text = value if isinstance(value, str) else value.decode()
    return text.partition(" ")[2]
