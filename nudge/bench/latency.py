"""``nudge bench latency``: from the moment an abandoned cart is due, beyond the grace, to the push
service's 201, while events come at a steady rate.

The whole pipeline runs: a streams worker, a delivery worker, Kafka, Redis and a push service, each
a process of its own. The traffic of the benchmarks goes on beside shoppers with a browser, each of
whom fills a cart once and leaves. A push counts when its cart was judged at its own time: one that
was held is late on purpose.
"""

import asyncio
import heapq
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition

from nudge import topics
from nudge.bench.jobs import delivery_settings, produce_subscriptions
from nudge.bench.mix import Mix, Traffic, Wire
from nudge.bench.process import Measured, process, until_ready
from nudge.bench.push_service import PushService, push_service
from nudge.bench.rules import quick_version_for
from nudge.bench.visits import CURRENCY, product_name
from nudge.controls import apply_version
from nudge.kafka import quiet_clients
from nudge.local import LocalKafka, LocalRedis
from nudge.local.places import free_ports
from nudge.problem import Problem
from nudge.reading import read_since
from nudge.when import now_ms
from runtime.vapid import create_key
from schemas.push import ResultOutcome
from schemas.topics import DECISIONS, RESULTS, SHOP_EVENTS, Topic
from streams.settings import StreamsSettings

PARTITIONS = 4
_WAIT_S = 10
"""After how long an abandoned cart is due."""
_SHOPPERS_A_SECOND = 25
_WARM_UP_S = 15
_SCENARIO = "cart_abandoned"
_READY_S = 180.0
_DRAIN_S = 5
_SAY_EVERY_S = 10.0
_AT_ONCE_MS = 20
"""How far ahead of its time a record may be sent: so finely is the traffic spread."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """``beyond_grace_ms``: of each push, in rising order."""

    beyond_grace_ms: list[int]
    held: int
    """Pushes of carts that were judged later than they were due; they are not counted."""
    events: int
    seconds: float
    grace_ms: int

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    def percentile(self, share: float) -> int:
        """The least time that ``share`` (0 to 1) of the pushes did not exceed, in ms."""
        place = min(len(self.beyond_grace_ms) - 1, int(share * len(self.beyond_grace_ms)))
        return self.beyond_grace_ms[place]

    def as_dict(self) -> dict[str, object]:
        return {
            "pushes": len(self.beyond_grace_ms),
            "events_per_second": round(self.events_per_second),
            "grace_ms": self.grace_ms,
            "median_ms": round(statistics.median(self.beyond_grace_ms)),
            "p90_ms": self.percentile(0.9),
            "p99_ms": self.percentile(0.99),
            "worst_ms": self.beyond_grace_ms[-1],
            "held": self.held,
        }


async def run(*, rate: int, seconds: int, users: int, say: Say) -> LatencyResult:
    """Sends ``rate`` events a second for so long, and looks at every push of that time.

    Raises:
        Problem: a worker ended by itself, or no push came.
        LocalStackError: Kafka or Redis does not start.
        TimeoutError: the workers are not ready within three minutes.
    """
    quiet_clients()
    duration_s = _WARM_UP_S + seconds + _WAIT_S
    mix = Mix(events=rate * duration_s, users=users, per_second=rate, reachable_share=0.0)
    shoppers = [f"shopper-{number}" for number in range(_SHOPPERS_A_SECOND * seconds)]
    with (
        tempfile.TemporaryDirectory() as directory,
        LocalKafka(heap_mb=1024, say=say) as kafka,
        LocalRedis() as redis,
        ExitStack() as stack,
    ):
        keys = Path(directory) / "keys"
        key = create_key(keys)
        settings = StreamsSettings(kafka_bootstrap=kafka.bootstrap)
        await topics.create(settings, partitions=PARTITIONS, replication=1)
        await apply_version(settings, quick_version_for(now_ms(), _WAIT_S))
        async with push_service() as service:
            traffic = Traffic(mix, now_ms())
            devices = await service.subscribe(key, shoppers)
            await produce_subscriptions(settings, PARTITIONS, devices, key)
            await _publish(settings, traffic.shelves())
            say(f"{mix.products:,} products, {len(devices):,} browsers; starting the workers")
            delivery = delivery_settings(kafka.bootstrap, redis.url, keys)
            workers = await _start(stack, settings, delivery)
            say(f"{rate:,} events a second for {duration_s} s")
            started = time.monotonic()
            play = _Play(settings, workers, service, say)
            await play.run(Traffic(mix, now_ms()), shoppers)
            took = time.monotonic() - started
            await asyncio.sleep(settings.grace_ms / 1000 + _DRAIN_S)
        return await _look(settings, play.sent, took)


async def _start(
    stack: ExitStack, settings: StreamsSettings, delivery: dict[str, str]
) -> list[Measured]:
    """Both workers, ready."""
    streams = {
        "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "NUDGE_GRACE_MS": str(settings.grace_ms),
        "NUDGE_LOG_LEVEL": "WARNING",
    }
    workers = []
    async with asyncio.timeout(_READY_S):
        for name, environment in (("worker", streams), ("deliver", delivery)):
            (port,) = free_ports(1)
            worker = stack.enter_context(
                process(
                    [sys.executable, "-m", "nudge", name],
                    {**environment, "NUDGE_HEALTH_PORT": str(port)},
                    core=None,
                )
            )
            await until_ready(worker, port)
            workers.append(worker)
    return workers


async def _publish(settings: StreamsSettings, wires: Iterator[Wire]) -> None:
    async with AIOKafkaProducer(
        **settings.client_options(), linger_ms=20, max_batch_size=262_144
    ) as producer:
        for wire in wires:
            await _send(producer, settings, wire)
        await producer.flush()


async def _send(producer: AIOKafkaProducer, settings: StreamsSettings, wire: Wire) -> None:
    await producer.send(
        settings.topic(wire.topic),
        wire.value,
        key=wire.key.encode(),
        partition=wire.partition(PARTITIONS),
        timestamp_ms=wire.at,
    )


class _Play:
    """Sends each record when its time has come."""

    def __init__(
        self, settings: StreamsSettings, workers: list[Measured], service: PushService, say: Say
    ) -> None:
        self.sent = 0
        self._settings = settings
        self._workers = workers
        self._service = service
        self._say = say
        self._say_at = time.monotonic() + _SAY_EVERY_S

    async def run(self, traffic: Traffic, shoppers: list[str]) -> None:
        """The whole traffic, shoppers among it."""
        wires = heapq.merge(
            traffic.records(), _carts(shoppers, traffic.start + _WARM_UP_S * 1000), key=_at
        )
        async with AIOKafkaProducer(
            **self._settings.client_options(), linger_ms=5, max_batch_size=262_144
        ) as producer:
            for wire in wires:
                ahead_ms = wire.at - now_ms()
                if ahead_ms > _AT_ONCE_MS:
                    await asyncio.sleep(ahead_ms / 1000)
                await _send(producer, self._settings, wire)
                self.sent += 1
                if time.monotonic() >= self._say_at:
                    await self._tell(-ahead_ms)
            await producer.flush()

    async def _tell(self, behind_ms: int) -> None:
        self._say_at += _SAY_EVERY_S
        for worker in self._workers:
            worker.check()
        accepted = await self._service.accepted()
        self._say(
            f"{self.sent:,} events, {max(0, behind_ms) / 1000:.1f} s behind; {accepted:,} pushes"
        )


def _at(wire: Wire) -> int:
    return wire.at


def _carts(shoppers: list[str], start: int) -> Iterator[Wire]:
    """Each fills a cart, one after the other, from ``start`` (ms) on."""
    for number, user in enumerate(shoppers):
        at = start + number * 1000 // _SHOPPERS_A_SECOND
        event = {
            "type": "add_to_cart",
            "event_id": f"cart-of-{user}",
            "occurred_at": at,
            "user_id": user,
            "product_id": product_name(number),
            "quantity": 1,
            "price": 4990,
            "currency": CURRENCY,
        }
        yield Wire(SHOP_EVENTS, user, orjson.dumps(event), at)


async def _look(settings: StreamsSettings, events: int, seconds: float) -> LatencyResult:
    """Joins what was decided and what became of it."""
    due: dict[str, int] = {}
    held = 0
    async for decision in _read(settings, DECISIONS):
        if decision["scenario"] != _SCENARIO or decision["outcome"] != "sent":
            continue
        if decision["decided_at"] > decision["due_at"]:
            held += 1
        else:
            due[decision["job_id"]] = decision["due_at"]
    late = [
        result["at"] - due[result["job_id"]] - settings.grace_ms
        async for result in _read(settings, RESULTS)
        if result["job_id"] in due and result["outcome"] == ResultOutcome.DELIVERED
    ]
    if not late:
        raise Problem("No push came in that time", "Let it run for longer, or with fewer events.")
    return LatencyResult(sorted(late), held, events, seconds, settings.grace_ms)


async def _read(settings: StreamsSettings, topic: Topic) -> AsyncIterator[dict[str, Any]]:
    partitions = [TopicPartition(settings.topic(topic), n) for n in range(PARTITIONS)]
    async for record in read_since(settings, partitions, None):
        yield orjson.loads(record.value)
