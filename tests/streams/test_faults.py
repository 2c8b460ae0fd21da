"""Nothing lost, nothing twice, nobody called idle who was not, whatever breaks."""

import asyncio
from typing import Any

import pytest

from nudge.local import LocalKafka
from runtime.settings import KafkaSettings
from schemas.topics import DECISIONS
from tests.harness.records import read_to_end
from tests.harness.waiting import eventually
from tests.streams.shoppers import doubled, idle_counts
from tests.streams.traffic import Traffic, traffic
from tests.streams.workers import WorkerProcess, Workers

pytestmark = pytest.mark.timeout(600)

USERS = [f"shopper-{number}" for number in range(60)]
PATIENT: dict[str, Any] = {"TINY_WAIT_MS": "25000", "NUDGE_SESSION_TIMEOUT_S": "3"}


async def test_workers_that_are_killed_added_and_asked_to_leave_lose_and_double_nothing(
    ruled: KafkaSettings, crew: Workers
) -> None:
    first = await _ready(crew)
    async with traffic(ruled, USERS) as shoppers:
        second = await _ready(crew)
        await asyncio.sleep(3)
        first.kill()
        await asyncio.sleep(8)
        third = await _ready(crew)
        await asyncio.sleep(3)
        assert second.stop() == 0
        await asyncio.sleep(5)
    await _exact(ruled, shoppers)
    assert third.alive


async def test_a_worker_frozen_for_20_seconds_is_fenced_and_joins_again_without_a_crash(
    ruled: KafkaSettings, crew: Workers
) -> None:
    first = await _ready(crew)
    second = await _ready(crew)
    async with traffic(ruled, USERS) as shoppers:
        await asyncio.sleep(3)
        first.freeze()
        await asyncio.sleep(20)
        first.thaw()
        await eventually(lambda: first.log.count("partitions_taken") >= 3, 90)
        await asyncio.sleep(3)
    await _exact(ruled, shoppers)
    assert first.alive
    assert second.alive


async def test_a_broker_that_restarts_costs_nothing(
    own_ruled: KafkaSettings, own_kafka: LocalKafka, own_crew: Workers
) -> None:
    worker = await _ready(own_crew)
    async with traffic(own_ruled, USERS) as shoppers:
        await asyncio.sleep(3)
        await asyncio.to_thread(own_kafka.restart)
        await asyncio.sleep(3)
        own_kafka.kill()
        await asyncio.to_thread(own_kafka.start)
        await asyncio.sleep(5)
    await _exact(own_ruled, shoppers)
    assert worker.alive


async def test_a_transaction_that_is_never_answered_costs_its_time_and_nothing_else(
    ruled: KafkaSettings, crew: Workers
) -> None:
    worker = await _ready(crew, TINY_HANGS_AT="40")
    async with traffic(ruled, USERS) as shoppers:
        await eventually(lambda: "was not over after 3 s: it waited for its end" in worker.log, 60)
        await eventually(lambda: worker.log.count("partitions_taken") >= 2, 60)
    await _exact(ruled, shoppers)
    assert worker.alive


async def test_of_two_workers_with_one_instance_id_the_first_ends_and_says_why(
    ruled: KafkaSettings, crew: Workers
) -> None:
    first = await _ready(crew, NUDGE_GROUP_INSTANCE_ID="the-same")
    second = await _ready(crew, NUDGE_GROUP_INSTANCE_ID="the-same")
    assert await asyncio.to_thread(first.process.wait, 60) == 1
    assert "another worker has NUDGE_GROUP_INSTANCE_ID=the-same: give each its own" in first.log
    async with traffic(ruled, USERS) as shoppers:
        await asyncio.sleep(3)
    await _exact(ruled, shoppers)
    assert second.alive


async def test_of_two_workers_with_one_instance_id_that_start_together_one_goes_on(
    crew: Workers,
) -> None:
    both = [crew.start(NUDGE_GROUP_INSTANCE_ID="the-same", **PATIENT) for _ in range(2)]
    await eventually(lambda: sum(one.alive for one in both) == 1, 90)
    (ended,) = (one for one in both if not one.alive)
    (left,) = (one for one in both if one.alive)
    assert "another worker has NUDGE_GROUP_INSTANCE_ID=the-same: give each its own" in ended.log
    await eventually(lambda: "partitions_taken" in left.log, 90)
    assert left.alive


async def test_a_worker_with_an_instance_id_that_was_frozen_takes_it_up_again(
    ruled: KafkaSettings, crew: Workers
) -> None:
    worker = await _ready(crew, NUDGE_GROUP_INSTANCE_ID="its-own")
    async with traffic(ruled, USERS) as shoppers:
        worker.freeze()
        await asyncio.sleep(8)
        worker.thaw()
        await eventually(lambda: worker.log.count("partitions_taken") >= 2, 90)
    await _exact(ruled, shoppers)
    assert worker.alive


async def _ready(crew: Workers, **more: Any) -> WorkerProcess:
    worker = crew.start(**PATIENT, **more)
    await eventually(lambda: "partitions_taken" in worker.log, 90)
    return worker


async def _exact(settings: KafkaSettings, shoppers: Traffic) -> None:
    """One decision a shopper, made after the last event, with every event counted."""

    async def told() -> bool:
        assert len(await idle_counts(settings)) == len(USERS)
        return True

    await eventually(told, 120, every_s=0.5)
    told_of = await idle_counts(settings)
    assert told_of == {user: [count] for user, count in shoppers.sent.items()}
    assert not doubled(await read_to_end(settings, DECISIONS))
