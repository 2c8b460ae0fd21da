"""``nudge bench failover``: from a ``kill -9`` of one of two workers to the first decision by a
timer of a partition that the other took over.

Shoppers fill carts all the time and leave; each is due two seconds later, so that there is always
a decision to make. The clock of a partition stays a grace behind, which is part of the time.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from nudge import topics
from nudge.bench.process import MEASURED_CORE, OTHER_CORE, Measured, process
from nudge.bench.rules import quick_version_for
from nudge.controls import apply_version
from nudge.kafka import quiet_clients, reader, writer
from nudge.local import LocalKafka
from nudge.reading import seek
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from schemas.topics import DECISIONS, SHOP_EVENTS
from streams.settings import StreamsSettings

_WAIT_S = 2
"""After how long an abandoned cart is due."""
_SHOPPERS_EVERY_S = 0.025
_DEADLINE_S = 120.0
_DEAD_FOR_S = 1.0
"""A decision this soon after the kill may still be the dead worker's: no session ends so early."""
_POLL_MS = 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Failover:
    """One kill. ``seconds`` to the first decision, by partition that was taken over."""

    seconds: dict[int, float]

    @property
    def first(self) -> float:
        return min(self.seconds.values())

    @property
    def last(self) -> float:
        return max(self.seconds.values())


@dataclass(slots=True)
class FailoverResult:
    settings: StreamsSettings
    """What the workers ran with."""
    runs: list[Failover] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(run.first for run in self.runs)

    @property
    def median_of_all(self) -> float:
        return statistics.median(run.last for run in self.runs)

    def settings_shown(self) -> dict[str, float]:
        """The settings that the figure follows from, in seconds."""
        settings = self.settings
        return {
            "session_timeout_s": settings.session_timeout_s,
            "grace_s": settings.grace_ms / 1000,
            "silence_s": settings.silence_ms / 1000,
            "hold_s": settings.hold_ms / 1000,
        }

    def as_dict(self) -> dict[str, object]:
        return {
            "seconds_to_first": [round(run.first, 2) for run in self.runs],
            "seconds_to_all": [round(run.last, 2) for run in self.runs],
            "median_to_first": round(self.median, 2),
            "median_to_all": round(self.median_of_all, 2),
            "settings": self.settings_shown(),
        }


def run(runs: int, *, session_timeout_s: float, say: Say) -> FailoverResult:
    """Kills a worker so many times; another takes its place each time.

    Raises:
        Problem: a worker ended by itself.
        LocalStackError: Kafka cannot be started.
        TimeoutError: no decision came within two minutes.
    """
    quiet_clients()
    with LocalKafka(say=say) as kafka:
        settings = StreamsSettings(
            kafka_bootstrap=kafka.bootstrap, session_timeout_s=session_timeout_s
        )
        result = FailoverResult(settings)
        asyncio.run(_measure(settings, runs, result, say))
    return result


async def _measure(settings: StreamsSettings, runs: int, result: FailoverResult, say: Say) -> None:
    await topics.create(settings, partitions=topics.LOCAL_PARTITIONS, replication=1)
    await apply_version(settings, quick_version_for(now_ms(), _WAIT_S))
    with ExitStack() as stack:
        workers = [
            stack.enter_context(_worker(settings, core)) for core in (MEASURED_CORE, OTHER_CORE)
        ]
        async with _shoppers(settings), reader(settings) as decisions:
            tps = [
                TopicPartition(settings.topic(DECISIONS), n) for n in range(topics.LOCAL_PARTITIONS)
            ]
            await seek(decisions, await decisions.end_offsets(tps))
            for number in range(1, runs + 1):
                say(f"run {number} of {runs}: waiting for two workers that share the partitions")
                taken = await _shared(workers)
                await _decided(decisions, range(topics.LOCAL_PARTITIONS), time.monotonic())
                say(f"killing the worker of partitions {taken}")
                workers[0].kill()
                killed_at = time.monotonic()
                since = killed_at + min(_DEAD_FOR_S, settings.session_timeout_s / 2)
                seen = await _decided(decisions, taken, since)
                run = Failover({n: at - killed_at for n, at in seen.items()})
                result.runs.append(run)
                say(f"first decision after {run.first:.1f} s, all partitions {run.last:.1f} s")
                if number < runs:
                    core = MEASURED_CORE if number % 2 else OTHER_CORE
                    workers = [workers[1], stack.enter_context(_worker(settings, core))]


def _worker(settings: StreamsSettings, core: int) -> AbstractContextManager[Measured]:
    environment = {
        "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "NUDGE_SESSION_TIMEOUT_S": str(settings.session_timeout_s),
        "NUDGE_GRACE_MS": str(settings.grace_ms),
        "NUDGE_SILENCE_MS": str(settings.silence_ms),
        "NUDGE_HOLD_MS": str(settings.hold_ms),
        "NUDGE_LOG_FORMAT": "json",
    }
    return process([sys.executable, "-m", "nudge", "worker"], environment, core=core)


async def _shared(workers: list[Measured]) -> list[int]:
    """Waits until both have partitions; those of the first."""
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            owned = []
            for worker in workers:
                worker.check()
                taken = worker.logged("partitions_taken")
                owned.append(taken[-1]["partitions"] if taken else [])
            if all(owned) and sorted(owned[0] + owned[1]) == list(range(topics.LOCAL_PARTITIONS)):
                mine: list[int] = owned[0]
                return mine
            await asyncio.sleep(0.2)


async def _decided(
    decisions: AIOKafkaConsumer, partitions: Iterable[int], since: float
) -> dict[int, float]:
    """When each partition's first decision by a timer was read, at or after ``since``."""
    wanted, seen = set(partitions), dict[int, float]()
    async with asyncio.timeout(_DEADLINE_S):
        while wanted - seen.keys():
            batches = await decisions.getmany(timeout_ms=_POLL_MS)
            now = time.monotonic()
            for tp, records in batches.items():
                if now >= since and tp.partition in wanted and any(map(_by_timer, records)):
                    seen.setdefault(tp.partition, now)
    return seen


def _by_timer(record: ConsumerRecord) -> bool:
    return bool(orjson.loads(record.value)["scenario"] == "cart_abandoned")


@asynccontextmanager
async def _shoppers(settings: KafkaSettings) -> AsyncIterator[None]:
    """Forty a second fill a cart and leave."""
    async with writer(settings, linger_ms=5) as producer:

        async def shop() -> None:
            for number in count():
                user = f"shopper-{number}"
                event = {
                    "type": "add_to_cart",
                    "event_id": f"cart-{number}",
                    "occurred_at": now_ms(),
                    "user_id": user,
                    "product_id": f"product-{number % 100}",
                    "quantity": 1,
                    "price": 4990,
                    "currency": "PLN",
                }
                await producer.send(
                    settings.topic(SHOP_EVENTS), orjson.dumps(event), key=user.encode()
                )
                await asyncio.sleep(_SHOPPERS_EVERY_S)

        task = asyncio.create_task(shop())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
