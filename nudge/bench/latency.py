"""``nudge bench latency``: from the moment an abandoned cart is due, beyond the grace, to the push
service's 201, while events come at a steady rate; on request while a campaign or a feed goes on.

The whole pipeline runs: a streams worker, a delivery worker, Kafka, Redis and a push service, each
a process of its own. The traffic of the benchmarks goes on beside shoppers with a browser, each of
whom fills a cart once and leaves. A push counts when its cart was judged at its own time: one that
was held is late on purpose. Beside a campaign or a feed only those count that were due meanwhile.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from nudge import topics
from nudge.bench.beside import CAMPAIGN, Fed, campaign_seconds, feed, outsiders, start_campaign
from nudge.bench.jobs import delivery_settings, produce_subscriptions
from nudge.bench.mix import Mix, Traffic
from nudge.bench.offsets import done
from nudge.bench.play import SHOPPERS_A_SECOND, WARM_UP_S, Play, Say, publish
from nudge.bench.process import Measured, process, until_ready
from nudge.bench.push_service import PushService, push_service
from nudge.bench.rules import quick_version_for
from nudge.controls import apply_version
from nudge.kafka import partitions_of, quiet_clients
from nudge.local import LocalKafka, LocalRedis
from nudge.local.places import free_ports
from nudge.problem import Problem
from nudge.reading import read_since
from nudge.when import now_ms
from runtime.vapid import VapidKey, create_key
from schemas.push import ResultOutcome
from schemas.topics import (
    DECISIONS,
    RESULTS,
    SHOP_CATALOG,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
    Topic,
)
from streams.settings import StreamsSettings

_WAIT_S = 10
"""After how long an abandoned cart is due."""
_SCENARIO = "cart_abandoned"
_READY_S = 600.0
_DRAIN_S = 5
_AROUND_S = 30
"""Of the measured time, before and after a campaign."""
_SUBSCRIBED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Told:
    """What a campaign for ``users`` sent. ``seconds``: from its command to its last 201."""

    users: int
    decided: int
    sent: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """From when to when (ms) something went on beside; 0 and 0 where nothing did."""

    since: int = 0
    until: int = 0
    fed: Fed | None = None


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """``beyond_grace_ms``: of each push, in rising order. What went on beside: ``None`` for not."""

    beyond_grace_ms: list[int]
    held: int
    """Pushes of carts that were judged later than they were due; they are not counted."""
    events: int
    seconds: float
    grace_ms: int
    shoppers: int
    """Who filled a cart and left."""
    withheld: int
    """Of them those to whom no push was sent."""
    undelivered: int
    """Pushes that were sent when due, and of which no push service said 201."""
    campaign: Told | None = None
    feed: Fed | None = None

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    def percentile(self, share: float) -> int:
        """The least time that ``share`` (0 to 1) of the pushes did not exceed, in ms."""
        place = min(len(self.beyond_grace_ms) - 1, int(share * len(self.beyond_grace_ms)))
        return self.beyond_grace_ms[place]

    def as_dict(self) -> dict[str, object]:
        beside = {"campaign": self.campaign, "feed": self.feed}
        return {
            "pushes": len(self.beyond_grace_ms),
            "events_per_second": round(self.events_per_second),
            "grace_ms": self.grace_ms,
            "median_ms": round(statistics.median(self.beyond_grace_ms)),
            "p90_ms": self.percentile(0.9),
            "p99_ms": self.percentile(0.99),
            "worst_ms": self.beyond_grace_ms[-1],
            "shoppers": self.shoppers,
            "held": self.held,
            "withheld": self.withheld,
            "undelivered": self.undelivered,
            **{name: asdict(one) for name, one in beside.items() if one is not None},
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """``rate``: events a second. ``seconds``: how long pushes are looked at, at least.

    ``campaign``: how many users one is for that is started then; ``feed``: how many products are
    published again then; 0 for neither.
    """

    rate: int
    seconds: int
    users: int
    campaign: int = 0
    feed: int = 0

    @property
    def looked_at_s(self) -> int:
        """Until the campaign, if any, is through."""
        campaign_s = campaign_seconds(self.campaign) + _AROUND_S if self.campaign else 0
        return max(self.seconds, campaign_s)

    @property
    def mix(self) -> Mix:
        duration_s = WARM_UP_S + self.looked_at_s + _WAIT_S
        products = max(self.feed, Mix().products)
        return Mix(
            events=self.rate * duration_s, users=self.users, products=products,
            per_second=self.rate, reachable_share=0.0,
        )  # fmt: skip

    @property
    def shoppers(self) -> list[str]:
        return [f"shopper-{number}" for number in range(SHOPPERS_A_SECOND * self.looked_at_s)]

    @property
    def audience(self) -> list[str]:
        return [f"reader-{number}" for number in range(self.campaign)]


async def run(plan: Plan, say: Say) -> LatencyResult:
    """Sends events at a steady rate, and looks at every push of a cart.

    Raises:
        Problem: a worker ended by itself, the campaign would not start, or no push came.
        LocalStackError: Kafka or Redis does not start.
        TimeoutError: the workers are not ready in time.
    """
    quiet_clients()
    with (
        tempfile.TemporaryDirectory() as directory,
        LocalKafka(heap_mb=1024, say=say) as kafka,
        LocalRedis() as redis,
        ExitStack() as stack,
    ):
        place = Path(directory)
        key = create_key(place / "keys")
        settings = StreamsSettings(kafka_bootstrap=kafka.bootstrap)
        await topics.create(settings, partitions=topics.LOCAL_PARTITIONS, replication=1)
        await apply_version(settings, quick_version_for(now_ms(), _WAIT_S))
        async with push_service() as service:
            await _fill(settings, plan, service, key, say)
            delivery = delivery_settings(kafka.bootstrap, redis.url, place / "keys")
            workers = await _start(stack, settings, delivery)
            say(f"{plan.rate:,} events a second for {plan.mix.duration_ms // 1000} s")
            started = time.monotonic()
            play = Play(settings, workers, service, say)
            async with asyncio.TaskGroup() as tasks:
                beside = tasks.create_task(_beside(settings, plan, place, workers[0], say))
                await play.run(Traffic(plan.mix, now_ms()), plan.shoppers)
            took = time.monotonic() - started
            await asyncio.sleep(settings.grace_ms / 1000 + _DRAIN_S)
        return await _look(settings, plan, play.sent, took, beside.result())


async def _fill(
    settings: StreamsSettings, plan: Plan, service: PushService, key: VapidKey, say: Say
) -> None:
    """The shop as it stands before: its products, its users' browsers."""
    users = [*plan.shoppers, *plan.audience]
    for first in range(0, len(users), _SUBSCRIBED_AT_ONCE):
        devices = await service.subscribe(key, users[first : first + _SUBSCRIBED_AT_ONCE])
        await produce_subscriptions(settings, topics.LOCAL_PARTITIONS, devices, key)
    before = Traffic(plan.mix, now_ms())
    await publish(settings, before.shelves())
    if plan.campaign:
        await publish(settings, outsiders(plan.shoppers, before.start))
    say(f"{plan.mix.products:,} products, {len(users):,} browsers; starting the workers")


async def _beside(
    settings: StreamsSettings, plan: Plan, directory: Path, worker: Measured, say: Say
) -> Meanwhile:
    """Starts what goes on beside, once carts are due."""
    if not (plan.campaign or plan.feed):
        return Meanwhile()
    await asyncio.sleep(WARM_UP_S + _WAIT_S + settings.grace_ms / 1000)
    since, fed = now_ms(), None
    if plan.campaign:
        await start_campaign(settings, directory, say)
    if plan.feed:
        fed = await feed(settings, Traffic(plan.mix, now_ms()), worker, say)
    return Meanwhile(since, now_ms(), fed)


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
    await done(
        settings, topics.LOCAL_PARTITIONS, (SUBSCRIPTIONS, SHOP_CATALOG, SHOP_EVENTS), workers[0]
    )
    return workers


async def _look(
    settings: StreamsSettings, plan: Plan, events: int, seconds: float, meanwhile: Meanwhile
) -> LatencyResult:
    """Joins what was decided and what became of it."""
    due: dict[str, int] = {}
    told: set[str] = set()
    held = decided = 0
    async for decision in _read(settings, DECISIONS):
        scenario, sent = decision["scenario"], decision["outcome"] == "sent"
        if scenario == CAMPAIGN:
            decided += decision["final"]
            if sent:
                told.add(decision["job_id"])
        elif scenario == _SCENARIO and sent:
            if decision["decided_at"] > decision["due_at"]:
                held += 1
            else:
                due[decision["job_id"]] = decision["due_at"]
    late: list[tuple[int, int]] = []
    through: list[int] = []
    async for result in _read(settings, RESULTS):
        if result["outcome"] == ResultOutcome.DELIVERED:
            job, at = result["job_id"], result["at"]
            if job in told:
                through.append(at)
            elif job in due:
                late.append((due[job], at - due[job] - settings.grace_ms))
    since, until = meanwhile.since, max(meanwhile.until, *through, 0)
    counted = sorted(ms for at, ms in late if not since or since <= at <= until)
    if not counted:
        raise Problem("No push came in that time", "Let it run for longer, or with fewer events.")
    campaign = Told(plan.campaign, decided, len(through), (until - since) / 1000)
    shoppers = len(plan.shoppers)
    return LatencyResult(
        counted, held, events, seconds, settings.grace_ms, shoppers,
        withheld=shoppers - len(due) - held, undelivered=len(due) - len(late),
        campaign=campaign if plan.campaign else None, feed=meanwhile.fed,
    )  # fmt: skip


async def _read(settings: StreamsSettings, topic: Topic) -> AsyncIterator[dict[str, Any]]:
    async for record in read_since(settings, await partitions_of(settings, topic), None):
        yield orjson.loads(record.value)
