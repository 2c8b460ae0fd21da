"""A worker that stands still says so: to orchestrators, to Prometheus, and within its bounds."""

import asyncio
from typing import Any

import pytest

from nudge.local import LocalKafka
from runtime.metrics import Metric
from runtime.settings import KafkaSettings
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS
from tests.harness.records import Sent, produce
from tests.harness.waiting import eventually
from tests.streams.health import HealthPort
from tests.streams.shoppers import idle_counts, user_in, view
from tests.streams.workers import Workers

pytestmark = pytest.mark.timeout(300)

QUICK: dict[str, Any] = {"TINY_STANDSTILL_S": "4"}


async def test_a_worker_whose_kafka_says_nothing_is_not_ready_and_its_clock_is_seen_to_stand(
    own_kafka: LocalKafka, own_crew: Workers
) -> None:
    health = HealthPort()
    own_crew.start(**QUICK, **health.environment)
    await eventually(lambda: not health.checks(), 90)
    await eventually(lambda: max(_delays(health), default=9) < 4, 90)
    own_kafka.pause()
    try:
        said = "no answer from Kafka for over 4 s to partitions [0, 1, 2, 3]"
        await eventually(lambda: said in health.checks().get("partitions", ""), 30)
        before = min(_delays(health))
        assert before > 4
        await eventually(lambda: min(_delays(health)) > before + 1, 10)
    finally:
        own_kafka.resume()
    await eventually(lambda: not health.checks(), 90, what="it is ready again")
    # It may have been fenced from the quorum meanwhile, and be taken in at any time.
    await asyncio.to_thread(own_kafka.restart)


async def test_a_worker_asked_to_end_while_kafka_says_nothing_is_gone_before_it_is_killed(
    own_kafka: LocalKafka, own_crew: Workers
) -> None:
    worker = own_crew.start()
    await eventually(lambda: "partitions_taken" in worker.log, 90)
    own_kafka.pause()
    try:
        assert await asyncio.to_thread(worker.stop, 29.0) == 1
    finally:
        own_kafka.resume()
    assert "what is in flight is not committed" in worker.log
    await asyncio.to_thread(own_kafka.restart)


async def test_a_worker_that_is_held_because_of_a_silence_is_ready(
    ruled: KafkaSettings, crew: Workers
) -> None:
    """Its clock stands still on purpose: what producers kept back may still come."""
    health = HealthPort()
    first = crew.start(**health.environment)
    users = {user_in(partition): [1] for partition in range(4)}
    await produce(ruled, SHOP_EVENTS, [view(user, 0) for user in users])

    async def told() -> bool:
        return await idle_counts(ruled) == users

    await eventually(told, 90, every_s=0.5)
    assert first.stop() == 0
    await asyncio.sleep(1.5)  # the silence

    crew.start(**QUICK, **health.environment, NUDGE_SILENCE_MS="1000", NUDGE_HOLD_MS="3600000")
    await eventually(lambda: not health.checks(), 90)
    await eventually(lambda: min(_delays(health), default=0) > 6, 30, what="its clock is held")
    assert not health.checks()


async def test_a_partition_that_hangs_in_a_transaction_is_not_ready_and_its_lag_is_seen(
    ruled: KafkaSettings, crew: Workers
) -> None:
    health = HealthPort()
    crew.start(**QUICK, **health.environment, TINY_HANGS_AT="40", TINY_OVER_WITHIN_S="3600")
    await eventually(lambda: not health.checks(), 90)
    user = user_in(0)

    async def hung() -> bool:
        await produce(ruled, SHOP_EVENTS, [view(user, 0)])
        return "a step is under way for over 4 s" in health.checks().get("partitions", "")

    await eventually(hung, 60, every_s=0.5)
    await eventually(lambda: max(_delays(health)) > 5, 10)


async def test_a_partition_whose_every_transaction_hangs_is_not_ready_after_any_rebalance(
    ruled: KafkaSettings, crew: Workers
) -> None:
    health = HealthPort()
    worker = crew.start(**health.environment, TINY_HANGS_AT="40", TINY_HANGS_ON="yes")
    await eventually(lambda: not health.checks(), 90)
    users = [user_in(partition) for partition in range(4)]

    async def shopping() -> None:
        while True:
            await produce(ruled, SHOP_EVENTS, [view(user, 0) for user in users])
            await asyncio.sleep(0.1)

    shoppers = asyncio.create_task(shopping())
    try:
        await eventually(lambda: "was not over after 3 s" in worker.log, 60)
        for _ in range(2):
            taken = worker.log.count("partitions_taken")
            while worker.log.count("partitions_taken") == taken:
                assert health.checks()
                await asyncio.sleep(0.1)
        assert set(health.samples(Metric.CLOCK_DELAY_SECONDS)) == {("0",), ("1",), ("2",), ("3",)}
    finally:
        shoppers.cancel()


async def test_the_catalogue_that_waits_to_be_folded_is_counted_as_lag(
    ruled: KafkaSettings, crew: Workers
) -> None:
    health = HealthPort()
    crew.start(
        **health.environment, TINY_HANGS_AT="1", TINY_HANGS_ON="yes", TINY_OVER_WITHIN_S="3600"
    )
    await produce(ruled, SHOP_CATALOG, [Sent(f"p-{n}", b"{}") for n in range(20)])

    def lag() -> float:
        lags = health.samples(Metric.LAG)
        return sum(value for labels, value in lags.items() if SHOP_CATALOG.name in labels)

    await eventually(lambda: lag() == 20, 90)


def _delays(health: HealthPort) -> list[float]:
    return list(health.samples(Metric.CLOCK_DELAY_SECONDS).values())
