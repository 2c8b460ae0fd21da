"""The ledger in Redis: which push to which device may be sent, was sent, or is in doubt.

A push is reserved before its POST. Whoever comes later, in another process or after a crash,
finds the reservation and knows that a POST may have happened.

Every partition of ``push.jobs`` has an epoch: a key that says "what was reserved is still known
here". It is gone after a flush, and void after a restart of Redis, and nothing is reserved until
the partition's owner has rebuilt what can be known (``delivery.rebuild``).
"""

import asyncio
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from delivery.background import Background, Broken
from delivery.redis_link import RedisLink
from runtime.metrics import Metric, counter, gauge
from runtime.settings import RedisSettings

_SCRIPT = files("delivery.lua").joinpath("ledger.lua").read_text()
# Also true when the swap was made by a first try that we did not hear of.
_SWAP = """
local found = redis.call('GET', KEYS[1])
if found == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end
return found == ARGV[2] and 1 or 0
"""
_REBUILDING = "rebuilding/"
_MOST_AT_ONCE = 500


class Reservation(StrEnum):
    """The ledger's answer to a wish to send."""

    RESERVED = "reserved"
    DONE = "done"
    """It has ended already."""
    IN_DOUBT = "in_doubt"
    """Somebody reserved it and never said how it ended."""
    NO_SUBSCRIPTION = "no_subscription"
    FLUSHED = "flushed"
    """The ledger has forgotten: the partition must be rebuilt first."""


class EntryState(StrEnum):
    """What stands in the ledger for a push."""

    NONE = ""
    OPEN = "o"
    """Known not to have been taken by the push service."""
    RESERVED = "r"
    FINISHED = "f"
    """Ended; its result may not stand in ``push.results`` yet."""
    SETTLED = "s"
    """Ended, and its result stands in ``push.results``."""


class LedgerAwayError(Exception):
    """The partition is being given up while Redis does not answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A push's entry and its subscription, read in one step."""

    state: EntryState
    content: bytes
    """Of a finished one its result, of an open one the note, of a reserved one its token."""
    subscription: bytes | None


@dataclass(frozen=True, slots=True)
class PushKey:
    """Which push: one job at one device."""

    partition: int
    job_id: str
    user_id: str
    subscription_id: str


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


class _Step(NamedTuple):
    operation: str
    push: PushKey
    token: str
    value: bytes | str
    ttl_ms: int
    answer: asyncio.Future[Any]


class Ledger:
    """Gathers what many pushes ask in one turn of the loop into one script call."""

    def __init__(self, link: RedisLink, settings: RedisSettings, broken: Broken) -> None:
        self._broken = broken
        self._link = link
        self._settings = settings
        self._epochs: dict[int, str] = {}
        self._steps: list[_Step] = []
        self._under_way: list[_Step] = []
        self._wake = asyncio.Event()
        self._runner: Background | None = None
        self._script: AsyncScript | None = None
        self._gauge = gauge(Metric.REDIS_EPOCH)
        answers = counter(Metric.LEDGER_RESERVATIONS)
        self._answers = {answer: answers.labels(answer=answer) for answer in Reservation}
        self._entries = settings.redis_key("ledger") + ":"
        self._people = settings.redis_key("subscriptions", "of") + ":"
        link.on_restart(self._epochs.clear)

    def start(self) -> None:
        self._runner = Background(self._run(), "ledger", self._broken)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.stop()

    async def lookup(self, pushes: Iterable[PushKey]) -> list[Entry | None]:
        """What stands there for each, with its subscription; ``None``: the ledger was flushed."""
        answers = [self._put("lookup", push, "", "", 0) for push in pushes]
        return [_entry(await answer) for answer in answers]

    async def reserve(
        self, push: PushKey, token: str, *, at_most_once: bool, ttl_ms: int
    ) -> Reservation:
        """Reserves the push for one POST. The same token may ask again, and gets the same."""
        value = "1" if at_most_once else "0"
        answer = Reservation((await self._put("reserve", push, token, value, ttl_ms)).decode())
        self._answers[answer].inc()
        return answer

    async def release(self, push: PushKey, token: str, note: str, ttl_ms: int) -> None:
        """The POST is known not to have been taken: the push may be reserved again.

        Args:
            note: what the next reader of the entry shall know.
        """
        await self._put("release", push, token, note, ttl_ms)

    async def finish(self, push: PushKey, result: bytes, ttl_ms: int) -> None:
        """The push has ended; ``result`` is kept until it stands in its topic."""
        await self._put("finish", push, "", result, ttl_ms)

    def settle(self, push: PushKey, ttl_ms: int) -> None:
        """The result stands in its topic. Not waited for: it only saves a second record."""
        self._put("settle", push, "", "", ttl_ms)

    def abandon(self, partition: int) -> None:
        """Whoever waits for the ledger on this partition's behalf gets :class:`LedgerAwayError`."""
        for step in (*self._steps, *self._under_way):
            if step.push.partition != partition or step.answer.done():
                continue
            if step.operation == "settle":
                step.answer.cancel()
            else:
                step.answer.set_exception(LedgerAwayError)
        self._steps = [step for step in self._steps if step.push.partition != partition]

    async def adopt_epoch(self, partition: int) -> int | None:
        """Takes the partition's epoch as it stands; ``None`` when there is none that holds.

        Returns the offset that it began with: jobs below it of which the ledger says nothing may
        have been sent.
        """
        found = await self._link.call(lambda redis: redis.get(self._epoch_key(partition)))
        epoch = _Epoch.parse(found)
        if epoch is None or epoch.run_id != self._link.run_id:
            return None
        self._epochs[partition] = str(epoch)
        self._gauge.set(epoch.started)
        return epoch.doubt_until

    async def announce_rebuild(self, partition: int) -> str:
        """Begins a rebuild; hand what it returns to :meth:`begin_epoch` at the end."""
        self._epochs.pop(partition, None)

        async def write(redis: Redis) -> str:
            announced = f"{_REBUILDING}{self._link.run_id}/{secrets.token_hex(8)}"
            await redis.set(self._epoch_key(partition), announced)
            return announced

        return await self._link.call(write)

    async def begin_epoch(self, partition: int, announced: str, doubt_until: int) -> bool:
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
            key = self._epoch_key(partition)
            return bool(await redis.eval(_SWAP, 1, key, announced, str(epoch)))

        if not await self._link.call(write):
            return False
        self._epochs[partition] = str(epoch)
        self._gauge.set(epoch.started)
        return True

    def forget_epoch(self, partition: int) -> None:
        """The partition is no longer ours, or must be rebuilt."""
        self._epochs.pop(partition, None)

    async def remember(self, settled: Iterable[tuple[str, str]], ttl_ms: int) -> None:
        """Writes down that pushes (job id, subscription id) have ended, as read from results."""
        entries = [self._entry_key(job, device) for job, device in settled]

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=False) as pipeline:
                for entry in entries:
                    pipeline.set(entry, b"s", px=ttl_ms)
                await pipeline.execute()

        if entries:
            await self._link.call(write)

    def _epoch_key(self, partition: int) -> str:
        return self._settings.redis_key("epoch", str(partition))

    def _entry_key(self, job_id: str, subscription_id: str) -> str:
        # No id holds a tab (schemas.base.Id), so no two pushes share a key.
        return f"{self._entries}{job_id}\t{subscription_id}"

    def _put(
        self, operation: str, push: PushKey, token: str, value: bytes | str, ttl_ms: int
    ) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._steps.append(_Step(operation, push, token, value, ttl_ms, answer))
        self._wake.set()
        return answer

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._under_way = self._steps[:_MOST_AT_ONCE]
            del self._steps[:_MOST_AT_ONCE]
            if not self._steps:
                self._wake.clear()
            answers = await self._link.call(self._execute)
            for step, answer in zip(self._under_way, answers, strict=True):
                if not step.answer.done():
                    step.answer.set_result(answer)
            self._under_way = []

    async def _execute(self, redis: Redis) -> list[Any]:
        # Built anew for each try: a restart of Redis voids the epochs in between.
        numbers: dict[int, int] = {}
        keys: list[str] = []
        arguments: list[bytes | str | int] = []
        for step in self._under_way:
            push = step.push
            number = numbers.setdefault(push.partition, len(numbers) + 1)
            keys += (
                self._entry_key(push.job_id, push.subscription_id),
                self._people + push.user_id,
            )
            arguments += (
                step.operation, number, push.subscription_id, step.token, step.value, step.ttl_ms,
            )  # fmt: skip
        if self._script is None:
            self._script = redis.register_script(_SCRIPT)
        answers: list[Any] = await self._script(
            keys=[*map(self._epoch_key, numbers), *keys],
            args=[len(numbers), *(self._epochs.get(p, "") for p in numbers), *arguments],
        )
        return answers


def _entry(answer: Any) -> Entry | None:
    if answer == b"flushed":
        return None
    found, subscription = answer
    if not found:
        return Entry(EntryState.NONE, b"", subscription)
    return Entry(EntryState(chr(found[0])), found[1:], subscription)
