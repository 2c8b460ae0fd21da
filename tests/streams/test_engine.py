"""The engine on a real broker, with a core that only counts."""

import asyncio
from itertools import count

import orjson
import pytest

from runtime.metrics import Metric
from runtime.settings import KafkaSettings
from schemas.topics import DECISIONS, SHOP_EVENTS
from tests.harness.records import Sent, produce, read_to_end
from tests.harness.waiting import eventually
from tests.streams.health import HealthPort
from tests.streams.shoppers import doubled, idle_counts, login, now_ms, rows, user_in, view
from tests.streams.workers import Workers

pytestmark = pytest.mark.timeout(300)

USERS = [f"shopper-{number}" for number in range(40)]


async def test_what_alerts_watch_is_counted_from_zero(crew: Workers) -> None:
    """Else Prometheus would see no increase in the first of them after a start."""
    health = HealthPort()
    crew.start(**health.environment)
    await eventually(lambda: not health.checks(), 90)
    assert health.samples(Metric.DEAD_LETTERS)["bad_json", "shop.events"] == 0
    assert health.samples(Metric.LATE_INPUT)["nudge.handovers",] == 0
    assert health.samples(Metric.CLAMPED)["shop.catalog",] == 0
    assert health.samples(Metric.MERGE_OVERRUNS)["nudge-products",] == 0


async def test_each_shopper_is_told_of_once_with_every_event_counted(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start()
    events = [view(user, number) for number in range(5) for user in USERS]
    await produce(ruled, SHOP_EVENTS, events)
    await eventually(lambda: _told(ruled, {user: [5] for user in USERS}), 90)


async def test_a_worker_asked_to_end_commits_what_it_has_begun_and_leaves_at_once(
    ruled: KafkaSettings, crew: Workers
) -> None:
    first = crew.start()
    await produce(ruled, SHOP_EVENTS, [view(user, 0) for user in USERS])
    await eventually(lambda: _counted(ruled, len(USERS)), 90)
    assert first.stop() == 0

    crew.start()
    await produce(ruled, SHOP_EVENTS, [view(user, 1) for user in USERS])
    await eventually(lambda: _counted(ruled, 2 * len(USERS)), 90, what="the next worker goes on")


async def test_an_anonymous_shopper_who_logs_in_is_counted_under_the_user(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start()
    pairs = [(f"anonymous-{n}", f"known-{n}") for n in range(20)]
    await produce(
        ruled,
        SHOP_EVENTS,
        [
            event
            for anonymous, user in pairs
            for event in (view(anonymous, 0, user_id=None, anonymous_id=anonymous),
                          view(user, 1), login(anonymous, user))
        ],
    )  # fmt: skip

    await eventually(lambda: _told(ruled, {user: [3] for _, user in pairs}), 90)


async def test_a_partition_that_sees_no_input_still_lets_its_moments_fall_due(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start()
    lonely = user_in(2)
    await produce(ruled, SHOP_EVENTS, [view(lonely, 0)])

    await eventually(lambda: _told(ruled, {lonely: [1]}), 90)


async def test_two_workers_share_the_partitions_and_one_takes_over_when_the_other_is_killed(
    ruled: KafkaSettings, crew: Workers
) -> None:
    first = crew.start(NUDGE_SESSION_TIMEOUT_S="2")
    await eventually(lambda: "partitions_taken" in first.log, 90)
    second = crew.start(NUDGE_SESSION_TIMEOUT_S="2")
    await eventually(lambda: "partitions_taken" in second.log, 90)
    numbers = count()
    for _ in range(10):
        await produce(ruled, SHOP_EVENTS, [view(user, next(numbers)) for user in USERS])
        await asyncio.sleep(0.1)
    first.kill()
    for _ in range(10):
        await produce(ruled, SHOP_EVENTS, [view(user, next(numbers)) for user in USERS])
        await asyncio.sleep(0.1)
    await eventually(lambda: _counted(ruled, 20 * len(USERS)), 90)
    assert second.alive
    assert not doubled(await read_to_end(ruled, DECISIONS))


async def test_an_event_dated_a_day_ahead_is_taken_for_one_of_now(
    ruled: KafkaSettings, crew: Workers
) -> None:
    crew.start()
    ahead = now_ms() + 86_400_000
    value = view("early", 0).value
    assert isinstance(value, dict)
    await produce(ruled, SHOP_EVENTS, [Sent("early", {**value, "occurred_at": ahead}, at=now_ms())])

    await eventually(lambda: _told(ruled, {"early": [1]}), 90)


async def _told(settings: KafkaSettings, expected: dict[str, list[int]]) -> bool:
    assert await idle_counts(settings) == expected
    return True


async def _counted(settings: KafkaSettings, events: int) -> bool:
    counted = [
        orjson.loads(row)["n"]
        for (_, key), row in (await rows(settings)).items()
        if row and not key.startswith("\x00")
    ]
    assert sum(counted) == events
    return True
