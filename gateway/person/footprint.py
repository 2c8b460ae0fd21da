"""What Redis holds of a person: subscriptions, claims, inbox, the ledger's entries.

The names of the keys are delivery's and the gateway's own.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from redis.asyncio import Redis

from runtime.settings import RedisSettings
from schemas.people import InteractionKind
from schemas.topics import JOBS

_MOST_AT_ONCE = 500
_DELETE = """
local gone, subscriptions = 0, 0
for _, key in ipairs(KEYS) do
  if string.sub(key, 1, #ARGV[1]) == ARGV[1] then
    subscriptions = subscriptions + redis.call('HLEN', key)
  end
  gone = gone + redis.call('DEL', key)
end
if subscriptions > 0 then redis.call('DECRBY', ARGV[2], subscriptions) end
return gone
"""
"""Deletes keys; delivery's count of subscriptions stays right."""


def erased_key(names: RedisSettings, owner: str) -> str:
    """Where it stands until when (ms) the owner is forgotten, without the owner's name."""
    return names.redis_key("gateway", "erased", hashlib.sha256(owner.encode()).hexdigest())


class Footprint:
    """Finds and deletes keys.

    Args:
        names: how keys are called.
    """

    def __init__(self, redis: Redis, names: RedisSettings) -> None:
        self._redis = redis
        self._names = names
        self._name = names.redis_key

    async def find(
        self,
        ids: Sequence[str],
        endpoints: Mapping[str, str],
        jobs: Iterable[Mapping[str, Any]],
    ) -> dict[str, Any]:
        """Every key that there is, and what it holds.

        Args:
            ids: the person's.
            endpoints: by subscription id, of all subscriptions that were ever theirs.
            jobs: whatever names a job of theirs: itself, its results, what they did with it.

        Raises:
            RedisError: Redis does not answer.
        """
        devices = set(endpoints) | await self._devices(ids)
        own = [*self._of_ids(ids), *self._of_jobs(jobs, devices)]
        shared = [self._name("subscriptions", "owner", device) for device in sorted(devices)]
        shared += sorted(self._of_endpoints(endpoints.values()) | await self._claimed(ids))
        found = await self._contents(own)
        for key, value in (await self._contents(shared)).items():
            # "<when or which> <owner>": what is another's by now stays.
            if str(value).partition(" ")[2] in ids:
                found[key] = value
        return found

    async def delete(self, keys: Iterable[str]) -> int:
        """How many of the keys there were.

        Raises:
            RedisError: Redis does not answer.
        """
        wanted, gone = list(keys), 0
        redis: Any = self._redis
        held = (self._name("subscriptions", "of", ""), self._name("subscriptions", "count"))
        for start in range(0, len(wanted), _MOST_AT_ONCE):
            some = wanted[start : start + _MOST_AT_ONCE]
            gone += await redis.eval(_DELETE, len(some), *some, *held)
        return gone

    async def mark_erased(self, until: Mapping[str, int]) -> None:
        """Keeps jobs from before, which can be read again, out of the inboxes.

        Args:
            until: when (ms) each of the person's ids was forgotten.

        Raises:
            RedisError: Redis does not answer.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            for one, at in until.items():
                pipe.set(erased_key(self._names, one), at, px=JOBS.retention_ms)
            await pipe.execute()

    async def _devices(self, ids: Iterable[str]) -> set[str]:
        redis: Any = self._redis
        found: list[bytes] = []
        for one in ids:
            found += await redis.hkeys(self._name("subscriptions", "of", one))
            found += await redis.zrange(self._name("gateway", "claims", one), 0, -1)
        return {device.decode() for device in found}

    async def _claimed(self, ids: Iterable[str]) -> set[str]:
        """Where their endpoints' claims stand: the topic may have forgotten the endpoints."""
        redis: Any = self._redis
        found: list[bytes] = []
        for one in ids:
            found += await redis.hvals(self._name("gateway", "claimed", one))
        return {key.decode() for key in found}

    def _of_endpoints(self, endpoints: Iterable[str]) -> set[str]:
        hashes = (hashlib.sha256(url.encode()).hexdigest() for url in endpoints if url)
        return {self._name("gateway", "endpoint", hashed) for hashed in hashes}

    def _of_ids(self, ids: Iterable[str]) -> list[str]:
        parts = (
            ("subscriptions", "of"), ("gateway", "claims"), ("gateway", "claimed"),
            ("gateway", "ending"), ("gateway", "inbox"), ("gateway", "inbox-order"),
            ("gateway", "inbox-read"),
        )  # fmt: skip
        return [self._name(*part, one) for one in ids for part in parts]

    def _of_jobs(self, jobs: Iterable[Mapping[str, Any]], devices: Iterable[str]) -> list[str]:
        of_jobs: dict[str, set[str]] = {}
        for job in jobs:
            if number := job.get("job_id"):
                named = (*job.get("devices", ()), job.get("subscription_id", ""))
                of_jobs.setdefault(str(number), set(devices)).update(map(str, named))
        found = []
        for number, sent_to in of_jobs.items():
            # What was taken back stays noted: its job can be read again.
            for device in sent_to - {""}:
                found.append(self._name("ledger", f"{number}\t{device}"))
                found += [
                    self._name("gateway", "seen", f"{number}\t{device}\t{kind}")
                    for kind in InteractionKind
                ]
        return found

    async def _contents(self, keys: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(keys), _MOST_AT_ONCE):
            some = keys[start : start + _MOST_AT_ONCE]
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in some:
                    pipe.type(key)
                kinds = await pipe.execute()
            for key, kind in zip(some, kinds, strict=True):
                if kind != b"none":
                    found[key] = await self._content(key, kind)
        return found

    async def _content(self, key: str, kind: bytes) -> Any:
        redis: Any = self._redis
        if kind == b"hash":
            return {_text(name): _json(raw) for name, raw in (await redis.hgetall(key)).items()}
        if kind == b"zset":
            return {
                _text(one): int(at) for one, at in await redis.zrange(key, 0, -1, withscores=True)
            }
        if kind == b"set":
            return sorted(_text(one) for one in await redis.smembers(key))
        return _text(await redis.get(key) or b"")


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _text(raw)
