"""``nudge bench collector``: events a second that one gateway on one core takes.

The gateway has a core to itself; Kafka, Redis and who posts share another. Each request is a
batch under a server's key, answered once the broker has acknowledged every event of it. First as
fast as it goes, then at a given pace, for how long an answer takes.
"""

import asyncio
import gc
import itertools
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
import orjson

from nudge import topics
from nudge.bench.process import Measured, keep_to_other_core, process, until_ready
from nudge.local import LocalKafka, LocalRedis
from nudge.local.places import free_ports
from nudge.problem import Problem
from runtime.settings import KafkaSettings
from runtime.vapid import create_key

USERS = 10_000
CONNECTIONS = 64
RATE = 1_500
"""Events a second at which answers are timed: half of what a core is to take."""
_WARM_UP_S = 2.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CollectorResult:
    """To ``core_seconds``: as fast as it went. ``answers``: seconds each, at ``rate``."""

    batch: int
    events: int
    seconds: float
    core_seconds: float
    rate: float
    answers: tuple[float, ...]
    """Least first."""

    @property
    def per_second(self) -> float:
        return self.events / self.seconds

    @property
    def per_core_second(self) -> float:
        return self.events / self.core_seconds

    def at_share_ms(self, share: float) -> float:
        """How long (ms) that share of the answers took at most."""
        return self.answers[min(len(self.answers) - 1, int(len(self.answers) * share))] * 1000

    def as_dict(self) -> dict[str, object]:
        return {
            "batch": self.batch,
            "events": self.events,
            "events_per_second": round(self.per_second),
            "events_per_core_second": round(self.per_core_second),
            "at_events_per_second": round(self.rate),
            "p50_ms": round(self.at_share_ms(0.5), 1),
            "p99_ms": round(self.at_share_ms(0.99), 1),
            "longest_ms": round(self.at_share_ms(1), 1),
        }


async def run(*, seconds: float, batch: int, rate: float, say: Say) -> CollectorResult:
    """Measures both paces, ``seconds`` each.

    Args:
        rate: events a second of the second pace.

    Raises:
        LocalStackError: Kafka or Redis does not start.
        Problem: this machine has one core, the gateway ended by itself, or refused a batch.
    """
    keep_to_other_core()
    port, health = free_ports(2)
    key = secrets.token_urlsafe(32)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(LocalKafka(say=say))
        redis = stack.enter_context(LocalRedis())
        create_key(directory / "keys")
        settings = KafkaSettings(kafka_bootstrap=kafka.bootstrap)
        await topics.create(settings, partitions=topics.LOCAL_PARTITIONS, replication=1)
        environment = {
            "NUDGE_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "NUDGE_REDIS_URL": redis.url,
            "NUDGE_VAPID_KEYS": str(directory / "keys"),
            "NUDGE_VAPID_SUBJECT": "mailto:bench@shop.example",
            "NUDGE_TOKEN_SECRET": secrets.token_urlsafe(32),
            "NUDGE_GATEWAY_PORT": str(port),
            "NUDGE_GATEWAY_SERVER_KEYS": key,
            "NUDGE_HEALTH_PORT": str(health),
            "NUDGE_LOG_LEVEL": "WARNING",
        }
        gateway = stack.enter_context(
            process([sys.executable, "-m", "nudge", "gateway"], environment)
        )
        await until_ready(gateway, health)
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
            shop = _Shop(http, f"http://127.0.0.1:{port}/v1/events", batch)
            # The pauses of whoever posts are not the gateway's.
            gc.collect()
            gc.freeze()
            say(f"as fast as it goes, {batch} events a request")
            await shop.flood(_WARM_UP_S)
            events, took, core = await _measured(shop, gateway, seconds)
            say(f"{events / took:,.0f} events/s; now at {rate:,.0f}")
            await shop.pace(rate, _WARM_UP_S)
            answers = tuple(sorted(await shop.pace(rate, seconds)))
    return CollectorResult(batch, events, took, core, rate, answers)


async def _measured(shop: "_Shop", gateway: Measured, seconds: float) -> tuple[int, float, float]:
    core, began = gateway.core_seconds(), time.monotonic()
    events = await shop.flood(seconds)
    took = time.monotonic() - began
    gateway.check()
    return events, took, gateway.core_seconds() - core


class _Shop:
    """Posts batches."""

    def __init__(self, http: aiohttp.ClientSession, url: str, batch: int) -> None:
        self._http = http
        self._url = url
        self._batch = batch
        self._bodies = _bodies(batch)

    async def post(self) -> float:
        """Seconds to the answer.

        Raises:
            Problem: it was not taken.
        """
        body = next(self._bodies)
        began = time.monotonic()
        async with self._http.post(self._url, data=body) as answer:
            said = await answer.read()
        if answer.status != HTTPStatus.ACCEPTED:
            raise Problem(f"A batch was answered {answer.status}: {said[:300].decode()}")
        return time.monotonic() - began

    async def flood(self, seconds: float) -> int:
        """Each connection posts as soon as it is answered; how many events were taken."""
        until = time.monotonic() + seconds

        async def post_on() -> int:
            events = 0
            while time.monotonic() < until:
                await self.post()
                events += self._batch
            return events

        return sum(await asyncio.gather(*(post_on() for _ in range(CONNECTIONS))))

    async def pace(self, events_a_second: float, seconds: float) -> list[float]:
        """Posts by the clock, whether answers come or not; seconds each took from its time."""
        step = self._batch / events_a_second
        began = time.monotonic()

        async def post_at(due: float) -> float:
            late = time.monotonic() - due
            return late + await self.post()

        posted = []
        # Each is begun at its time: thousands begun beforehand would be late for their number.
        for number in range(int(seconds / step)):
            due = began + number * step
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            posted.append(asyncio.create_task(post_at(due)))
        return list(await asyncio.gather(*posted))


def _bodies(batch: int) -> Iterator[bytes]:
    """Batches of what shoppers do, as a shop's server sends them, for ever."""
    numbers = itertools.count()
    while True:
        events = []
        for number in itertools.islice(numbers, batch):
            event = {
                "type": "view_item", "event_id": f"bench-{number}",
                "user_id": f"user-{number % USERS}", "product_id": f"product-{number % 500}",
                "category": "home", "price": 4_900, "currency": "EUR",
                "occurred_at": time.time_ns() // 1_000_000,
            }  # fmt: skip
            if number % 5 == 0:
                event |= {"type": "add_to_cart", "quantity": 1}
            events.append(event)
        yield orjson.dumps({"events": events})
