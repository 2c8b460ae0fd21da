"""Epochs: whether Redis still knows what was reserved for a partition of ``push.jobs``.

A partition's epoch is a key that says "what was reserved is still known here". It is gone after a
flush, and void after a restart of Redis, and nothing is reserved until the partition's owner has
rebuilt what can be known (``delivery.opening``).
"""

import secrets
import time
from dataclasses import dataclass

from redis.asyncio import Redis

from delivery.redis_link import RedisLink
from runtime.metrics import Metric, gauge
from runtime.settings import RedisSettings

# Also true when the swap was made by a first try that we did not hear of.
_SWAP = """
local found = redis.call('GET', KEYS[1])
if found == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end
return found == ARGV[2] and 1 or 0
"""
_REBUILDING = "rebuilding/"


@dataclass(frozen=True, slots=True)
class _Epoch:
    run_id: str
    started: int
    """Unix time, seconds."""
    nonce: str
    doubt_until: int

    def __str__(self) -> str:
        return f"{self.run_id}/{self.started}/{self.nonce}/{self.doubt_until}"

    @classmethod
    def parse(cls, found: bytes | str | None) -> "_Epoch | None":
        text = found.decode() if isinstance(found, bytes) else (found or _REBUILDING)
        if text.startswith(_REBUILDING):
            return None
        run_id, started, nonce, doubt_until = text.split("/")
        return cls(run_id, int(started), nonce, int(doubt_until))


class Epochs:
    """Those of the partitions that are ours."""

    def __init__(self, link: RedisLink, settings: RedisSettings) -> None:
        self._link = link
        self._settings = settings
        self._held: dict[int, str] = {}
        self._gauge = gauge(Metric.REDIS_EPOCH)
        link.on_restart(self._forget_all)

    def key(self, partition: int) -> str:
        """Where it stands in Redis."""
        return self._settings.redis_key("epoch", str(partition))

    def held(self, partition: int) -> str:
        """What must stand there; empty: we hold none, and nothing may be reserved."""
        return self._held.get(partition, "")

    async def adopt(self, partition: int) -> int | None:
        """Takes the partition's epoch as it stands; ``None`` when there is none that holds.

        Returns the offset that it began with: jobs below it of which the ledger says nothing may
        have been sent.
        """
        found = await self._link.call(lambda redis: redis.get(self.key(partition)))
        epoch = _Epoch.parse(found)
        if epoch is None or epoch.run_id != self._link.run_id:
            return None
        self._hold(partition, epoch)
        return epoch.doubt_until

    async def announce_rebuild(self, partition: int) -> str:
        """Begins a rebuild; hand what it returns to :meth:`begin` at the end."""
        self.forget(partition)

        async def write(redis: Redis) -> str:
            announced = f"{_REBUILDING}{self._link.run_id}/{secrets.token_hex(8)}"
            await redis.set(self.key(partition), announced)
            return announced

        return await self._link.call(write)

    async def begin(self, partition: int, announced: str, doubt_until: int) -> bool:
        """All that can be known is known: reservations may be made.

        False when Redis was flushed or restarted since the rebuild was announced.

        Args:
            doubt_until: jobs below this offset of which nothing is known may have been sent.
        """
        run_id = announced.removeprefix(_REBUILDING).partition("/")[0]
        epoch = _Epoch(run_id, int(time.time()), secrets.token_hex(8), doubt_until)

        async def write(redis: Redis) -> bool:
            if run_id != self._link.run_id:
                return False
            return bool(await redis.eval(_SWAP, 1, self.key(partition), announced, str(epoch)))

        if not await self._link.call(write):
            return False
        self._hold(partition, epoch)
        return True

    def forget(self, partition: int) -> None:
        """The partition is no longer ours, or must be rebuilt."""
        self._held.pop(partition, None)
        if not self._held:
            self._gauge.set(0)

    def _forget_all(self) -> None:
        self._held.clear()
        self._gauge.set(0)

    def _hold(self, partition: int, epoch: _Epoch) -> None:
        self._held[partition] = str(epoch)
        self._gauge.set(epoch.started)
