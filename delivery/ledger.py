"""The ledger in Redis: which push to which device may be sent, was sent, or is in doubt.

A push is reserved before its POST. Whoever comes later, in another process or after a crash,
finds the reservation and knows that a POST may have happened. Nothing is reserved for a partition
without its epoch (``delivery.epochs``).
"""

import asyncio
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, NamedTuple

from msgspec.msgpack import Encoder
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from delivery.background import Background, Broken
from delivery.entries import Entry, EntryState, LedgerAwayError, PushKey, Reservation
from delivery.epochs import Epochs
from delivery.redis_link import RedisLink
from runtime.metrics import Metric, counter
from runtime.settings import RedisSettings

_SCRIPT = files("delivery.lua").joinpath("ledger.lua").read_text()
_MOST_AT_ONCE = 500
_pack = Encoder().encode


class _Step(NamedTuple):
    operation: str
    push: PushKey
    token: str
    value: str
    ttl_ms: int
    answer: asyncio.Future[Any]


class Ledger:
    """Gathers what many pushes ask in one turn of the loop into one script call."""

    def __init__(self, link: RedisLink, settings: RedisSettings, broken: Broken) -> None:
        self.epochs = Epochs(link, settings)
        self._broken = broken
        self._link = link
        self._steps: list[_Step] = []
        self._under_way: list[_Step] = []
        self._wake = asyncio.Event()
        self._runner: Background | None = None
        self._script: AsyncScript | None = None
        answers = counter(Metric.LEDGER_RESERVATIONS)
        self._reservations = {
            answer.value.encode(): (answer, answers.labels(answer=answer)) for answer in Reservation
        }
        self._entries = settings.redis_key("ledger") + ":"
        self._people = settings.redis_key("subscriptions", "of") + ":"
        self._create_future = asyncio.get_running_loop().create_future

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
        answered = await self._put("reserve", push, token, value, ttl_ms)
        reservation, count = self._reservations[answered]
        count.inc()
        return reservation

    async def release(self, push: PushKey, token: str, note: str, ttl_ms: int) -> None:
        """The POST is known not to have been taken: the push may be reserved again.

        Args:
            note: what the next reader of the entry shall know.
        """
        await self._put("release", push, token, note, ttl_ms)

    async def finish(self, push: PushKey, result: bytes, ttl_ms: int) -> None:
        """The push has ended; ``result`` (UTF-8) is kept until it stands in its topic."""
        await self._put("finish", push, "", result.decode(), ttl_ms)

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

    def _entry_key(self, job_id: str, subscription_id: str) -> str:
        # No id holds a tab (schemas.base.Id), so no two pushes share a key.
        return f"{self._entries}{job_id}\t{subscription_id}"

    def _put(
        self, operation: str, push: PushKey, token: str, value: str, ttl_ms: int
    ) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = self._create_future()
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
        partitions: dict[int, int] = {}
        steps = [
            (
                operation,
                partitions.setdefault(push.partition, len(partitions) + 1),
                self._entry_key(push.job_id, push.subscription_id),
                self._people + push.user_id,
                push.subscription_id,
                token,
                value,
                ttl_ms,
            )
            for operation, push, token, value, ttl_ms, _ in self._under_way
        ]
        if self._script is None:
            self._script = redis.register_script(_SCRIPT)
        answers: list[Any] = await self._script(
            keys=[self.epochs.key(partition) for partition in partitions],
            args=[*map(self.epochs.held, partitions), _pack(steps)],
        )
        return answers


def _entry(answer: Any) -> Entry | None:
    if answer == b"flushed":
        return None
    found, subscription = answer
    if not found:
        return Entry(EntryState.NONE, b"", subscription)
    return Entry(EntryState(chr(found[0])), found[1:], subscription)
