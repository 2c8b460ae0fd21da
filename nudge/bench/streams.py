"""``nudge bench streams``: events a second of one worker on one core, beside stock Faust.

Everything is produced beforehand, so that the worker works off a backlog; the broker has the
other core. Measured from the first commit to the last, by the group's committed offsets.
"""

import asyncio
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from nudge import topics
from nudge.bench.mix import Mix, Traffic, Wire
from nudge.bench.rules import version_for
from nudge.controls import apply_version
from nudge.local import LocalKafka
from nudge.local.places import fresh_directory
from nudge.problem import Problem
from runtime.settings import KafkaSettings
from schemas.topics import SHOP_EVENTS

PARTITIONS = 4
WORKER_CORE, BROKER_CORE = 0, 1
_POLL_S = 0.1
_DEADLINE_S = 1800.0
_STOCK_SHARE = 0.1
"""Of the topic, for stock Faust: it would take too long over all of it."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rate:
    """How many records of ``shop.events`` in how long, from the first commit to the last."""

    records: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.records / self.seconds if self.seconds else 0.0


@dataclass(slots=True)
class StreamsResult:
    """``runs``: the worker's, each over the whole topic on a topic set of its own."""

    mix: Mix
    runs: list[Rate] = field(default_factory=list)
    stock: Rate | None = None

    @property
    def median(self) -> float:
        return statistics.median(run.per_second for run in self.runs)

    def as_dict(self) -> dict[str, object]:
        return {
            "events": self.mix.events,
            "users": self.mix.users,
            "partitions": PARTITIONS,
            "events_per_second": [round(run.per_second) for run in self.runs],
            "median": round(self.median),
            "stock_faust": None if self.stock is None else round(self.stock.per_second),
        }


def run(mix: Mix, runs: int, *, stock: bool, say: Say) -> StreamsResult:
    """Measures ``runs`` times, and stock Faust once.

    Raises:
        Problem: this machine has one core, or a worker ended by itself.
        LocalStackError: Kafka cannot be started.
    """
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        raise Problem("One core is not enough", "The worker and the broker need one each.")
    # While topics are made, clients say that they have no leader yet, and try again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    result = StreamsResult(mix)
    kafka = LocalKafka(heap_mb=2048, prefix=("taskset", "-c", str(BROKER_CORE)), say=say)
    kafka.start()
    try:
        for number in range(1, runs + 1):
            settings = KafkaSettings(kafka_bootstrap=kafka.bootstrap, namespace=f"run{number}")
            asyncio.run(_fill(settings, mix, say))
            say(f"run {number} of {runs}")
            result.runs.append(asyncio.run(_measure_worker(settings)))
            say(f"run {number}: {result.runs[-1].per_second:,.0f} events/s")
        if stock:
            result.stock = asyncio.run(_measure_stock(settings, mix))
            say(f"stock Faust table agent: {result.stock.per_second:,.0f} events/s")
    finally:
        kafka.stop()
    return result


async def _fill(settings: KafkaSettings, mix: Mix, say: Say) -> None:
    """Topics, the shipped rules, and the whole traffic, its newest record a minute old."""
    await topics.create(settings, partitions=PARTITIONS, replication=1)
    now = int(time.time() * 1000)
    traffic = Traffic(mix, now - mix.duration_ms - 60_000)
    await apply_version(settings, version_for(traffic.start))
    say(f"producing {mix.events:,} events")
    for part in (traffic.subscriptions(), traffic.shelves(), traffic.records()):
        await _produce(settings, part)


async def _produce(settings: KafkaSettings, wires: Iterable[Wire]) -> None:
    async with AIOKafkaProducer(
        **settings.client_options(), linger_ms=20, max_batch_size=262_144
    ) as producer:
        for number, wire in enumerate(wires):
            await producer.send(
                settings.topic(wire.topic),
                wire.value,
                key=wire.key.encode(),
                partition=wire.partition(PARTITIONS),
                timestamp_ms=wire.at,
            )
            if number % 1000 == 0:
                await asyncio.sleep(0)


@contextmanager
def _pinned(command: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process on the worker's core; stopped at the end. Its log is kept."""
    log: Path = fresh_directory("bench") / "process.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            ["taskset", "-c", str(WORKER_CORE), *command],  # noqa: S607 - util-linux
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _measure_worker(settings: KafkaSettings) -> Rate:
    environment = {
        "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "NUDGE_NAMESPACE": settings.namespace,
        "NUDGE_LOG_LEVEL": "WARNING",
    }
    with _pinned([sys.executable, "-m", "nudge", "worker"], environment) as process:
        return await _follow(settings, settings.group("nudge"), 1.0, process)


async def _measure_stock(settings: KafkaSettings, mix: Mix) -> Rate:
    app = f"{settings.namespace}-stock-table"
    environment = {
        "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "NUDGE_BENCH_APP": app,
        "NUDGE_BENCH_TOPIC": settings.topic(SHOP_EVENTS),
        "NUDGE_BENCH_PARTITIONS": str(PARTITIONS),
    }
    command = [sys.executable, "-m", "nudge.bench.stock_table", "worker", "-l", "warn",
               "--without-web"]  # fmt: skip
    with _pinned(command, environment) as process:
        share = _STOCK_SHARE if mix.events > 50_000 else 0.9
        return await _follow(settings, app, share, process)


async def _follow(
    settings: KafkaSettings, group: str, share: float, process: "subprocess.Popen[bytes]"
) -> Rate:
    """Watches the group's offsets of ``shop.events`` until ``share`` of them is committed."""
    topic = settings.topic(SHOP_EVENTS)
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        ends = await _ends(settings, topic)
        goal = sum(ends.values()) * share
        first: tuple[float, int] | None = None
        async with asyncio.timeout(_DEADLINE_S):
            while True:
                if process.poll() is not None:
                    raise Problem(f"the worker ended with code {process.returncode}")
                done, at = await _committed(admin, group, topic), time.perf_counter()
                if done and first is None:
                    first = (at, done)
                if first is not None and done >= goal and done > first[1]:
                    return Rate(done - first[1], at - first[0])
                await asyncio.sleep(_POLL_S)
    finally:
        await admin.close()
    raise AssertionError("unreachable: the loop ends by a result or an error")


async def _ends(settings: KafkaSettings, topic: str) -> dict[TopicPartition, int]:
    from nudge.kafka import reader

    async with reader(settings) as consumer:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends


async def _committed(admin: AIOKafkaAdminClient, group: str, topic: str) -> int:
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except KafkaError:
        return 0
    return sum(
        max(found.offset, 0) for partition, found in offsets.items() if partition.topic == topic
    )
