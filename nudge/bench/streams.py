"""``nudge bench streams``: events a second of one worker on one core, beside stock Faust.

The shop's shelves and browsers are known before, the traffic is produced beforehand, so that the
worker works off a backlog; the broker has the other core. Measured from the first commit to the
last, by the group's committed offsets.
"""

import asyncio
import logging
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

from nudge import topics
from nudge.bench.mix import Mix, Traffic
from nudge.bench.offsets import done, offsets
from nudge.bench.play import Say, publish
from nudge.bench.process import MEASURED_CORE, OTHER_CORE, Measured
from nudge.bench.rate import Rate
from nudge.bench.rules import version_for
from nudge.controls import apply_version
from nudge.local import LocalKafka
from nudge.problem import Problem
from runtime.settings import KafkaSettings
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS, SUBSCRIPTIONS

_BEFORE_MS = 600_000
"""How long before the traffic the clock of the worker before it ends, at least."""
_NEVER_SILENT_MS = 7_200_000
"""Longer than producing the traffic takes."""
_STOCK_SHARE = 0.1
"""Of the topic, for stock Faust: it would take too long over all of it."""


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
            "partitions": topics.LOCAL_PARTITIONS,
            "events_per_second": [round(run.per_second) for run in self.runs],
            "median": round(self.median),
            "events_per_core_second": [round(run.per_core_second) for run in self.runs],
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
    kafka = LocalKafka(heap_mb=2048, prefix=("taskset", "-c", str(OTHER_CORE)), say=say)
    kafka.start()
    try:
        for number in range(1, runs + 1):
            settings = KafkaSettings(kafka_bootstrap=kafka.bootstrap, namespace=f"run{number}")
            result.runs.append(asyncio.run(_measure(settings, mix, say)))
            say(f"run {number}: {result.runs[-1].per_second:,.0f} events/s")
        if stock:
            result.stock = asyncio.run(_measure_stock(settings, mix))
            say(f"stock Faust table agent: {result.stock.per_second:,.0f} events/s")
    finally:
        kafka.stop()
    return result


async def _measure(settings: KafkaSettings, mix: Mix, say: Say) -> Rate:
    """The worker over the whole traffic, whose newest record is a minute old.

    A worker before it reads the shelves and the subscriptions: they are the shop as it stands. Its
    clock must end before the traffic begins, or every event would come late.
    """
    await topics.create(settings, partitions=topics.LOCAL_PARTITIONS, replication=1)
    now = int(time.time() * 1000)
    traffic = Traffic(mix, now - mix.duration_ms - 60_000)
    await apply_version(settings, version_for(traffic.start))
    say("filling the shelves")
    for part in (traffic.subscriptions(), traffic.shelves()):
        await publish(settings, part)
    before = {"NUDGE_GRACE_MS": str(now - traffic.start + _BEFORE_MS)}
    with _worker(settings, before) as process:
        await done(settings, topics.LOCAL_PARTITIONS, (SUBSCRIPTIONS, SHOP_CATALOG), process)
    say(f"producing {mix.events:,} events")
    await publish(settings, traffic.records())
    say("measuring")
    # After a silence the clock would stand still for two minutes, longer than many a run takes:
    # nothing would fall due.
    heard = {"NUDGE_SILENCE_MS": str(mix.duration_ms + _BEFORE_MS + _NEVER_SILENT_MS)}
    with _worker(settings, heard) as process:
        return await _follow(settings, settings.group("nudge"), 1.0, process)


@contextmanager
def _pinned(command: list[str], settings: dict[str, str]) -> Iterator[Measured]:
    """A process on the worker's core; asked to stop at the end. Its log is kept."""
    started = Measured(command, {**os.environ, **settings}, MEASURED_CORE)
    try:
        yield started
    finally:
        started.stop()


def _worker(settings: KafkaSettings, own: Mapping[str, str]) -> AbstractContextManager[Measured]:
    environment = {
        **own,
        "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "NUDGE_NAMESPACE": settings.namespace,
        "NUDGE_LOG_LEVEL": "WARNING",
    }
    return _pinned([sys.executable, "-m", "nudge", "worker"], environment)


async def _measure_stock(settings: KafkaSettings, mix: Mix) -> Rate:
    app = f"{settings.namespace}-stock-table"
    environment = {
        "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "NUDGE_BENCH_APP": app,
        "NUDGE_BENCH_TOPIC": settings.topic(SHOP_EVENTS),
        "NUDGE_BENCH_PARTITIONS": str(topics.LOCAL_PARTITIONS),
    }
    with TemporaryDirectory() as data:  # Faust would leave its own where one stands
        command = [sys.executable, "-m", "nudge.bench.stock_table", "--datadir", data,
                   "worker", "-l", "warn", "--without-web"]  # fmt: skip
        return await _follow_stock(settings, mix, app, _pinned(command, environment))


async def _follow_stock(
    settings: KafkaSettings, mix: Mix, app: str, worker: AbstractContextManager[Measured]
) -> Rate:
    with worker as process:
        share = _STOCK_SHARE if mix.events > 50_000 else 0.9
        return await _follow(settings, app, share, process)


async def _follow(settings: KafkaSettings, group: str, share: float, process: Measured) -> Rate:
    """Watches the group's offsets of ``shop.events`` until ``share`` of them is committed."""
    first: Rate | None = None
    async with offsets(settings, topics.LOCAL_PARTITIONS) as looked:
        goal = await looked.end(SHOP_EVENTS) * share
        async for committed in looked.committed(group, SHOP_EVENTS, process):
            seen = Rate(committed, time.perf_counter(), process.core_seconds())
            if first is None and committed:
                first = seen
            if first is not None and committed >= goal and committed > first.count:
                return seen.since(first)
    raise AssertionError("unreachable: it goes on until all is done")
