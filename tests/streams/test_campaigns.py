"""A campaign through the running pipeline: a worker dies in its midst, another ends it."""

from collections import Counter
from pathlib import Path

import pytest

from nudge.audience import live_profiles
from runtime.settings import KafkaSettings
from schemas.topics import DECISIONS, JOBS, SHOP_EVENTS
from tests.harness.records import produce, read_to_end
from tests.harness.waiting import eventually
from tests.nudge.commands import nudge
from tests.streams.conftest import apply_scenarios
from tests.streams.test_real_core import REAL, event, place
from tests.streams.workers import workers

pytestmark = pytest.mark.timeout(400)

SCENARIOS = """
shop: {name: Nordhus, url: https://shop.example, cart_url: https://shop.example/cart,
  checkout_url: https://shop.example/checkout, timezone: Europe/Warsaw, locale: en}
policy: {quiet_hours: {from: "00:00", to: "00:00"}, caps: {gap: 0s, day: 30, week: 30}}
segments:
  visitors: {where: {visits: {at_least: 1}}}
  buyers: {where: {orders: {at_least: 1}}}
scenarios: {}
copy: {}
"""
FILE = """
id: {id}
segment: {segment}
at: now
pace: {pace}
copy:
  en: [{{title: "Spring", body: "It is here.", url: "{{{{ shop.url }}}}"}}]
"""
USERS = [f"user-{number:03}" for number in range(300)]


def written(folder: Path, name: str, pace: int, segment: str = "visitors") -> str:
    path = folder / f"{name}.yaml"
    path.write_text(FILE.format(id=name, pace=pace, segment=segment))
    return str(path)


async def told(settings: KafkaSettings, name: str) -> Counter[str]:
    """How many jobs each user got of the campaign."""
    jobs = [record.json() for record in await read_to_end(settings, JOBS)]
    return Counter(job["user_id"] for job in jobs if job["scenario"] == f"campaign/{name}")


async def test_a_campaign_outlives_its_worker_and_one_that_is_stopped_ends_at_once(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    await apply_scenarios(cluster, SCENARIOS)
    small = {"NUDGE_PROFILE_SLICE": "5"}
    with workers(cluster) as crew:
        first = crew.start(REAL, **small)
        await eventually(lambda: "partitions_taken" in first.log, 90)
        await place(cluster, USERS)
        views = [event(user, "page_view", url="https://shop.example") for user in USERS]
        await produce(cluster, SHOP_EVENTS, views)

        async def known() -> bool:
            here = [key async for key, p in live_profiles(cluster) if p.sessions and p.devices]
            assert len(here) == len(USERS)
            return True

        await eventually(known, 90, every_s=1)
        buyers = written(tmp_path, "buyers", 600, "buyers")
        assert (
            "is for nobody"
            in (await nudge(cluster, "campaign", "start", buyers, "--yes")).failed().err
        )
        spring = ("campaign", "start", written(tmp_path, "spring", 3600))
        said = (await nudge(cluster, *spring, "--yes")).good().out
        assert "For 300 of 300 users, at 3,600 a minute: about 5s." in said
        assert "Spring · It is here." in said

        async def begun() -> bool:
            return len(await told(cluster, "spring")) > 0

        await eventually(begun, 60, every_s=0.1)
        first.kill()
        second = crew.start(REAL, **small)

        async def all_told() -> bool:
            assert await told(cluster, "spring") == Counter(USERS)
            return True

        await eventually(all_told, 120, every_s=1)
        await produce(
            cluster, SHOP_EVENTS, [event("late", "page_view", url="https://shop.example")]
        )

        said = (await nudge(cluster, "campaign", "stop", "spring")).good().out
        assert "spring is over: there is nothing left to stop" in said

        slow = written(tmp_path, "slow", 60)
        (await nudge(cluster, "campaign", "start", slow, "--yes")).good()

        async def some_told() -> bool:
            return len(await told(cluster, "slow")) > 2

        await eventually(some_told, 60, every_s=0.2)
        running = (await nudge(cluster, "campaign", "status", "slow", "--json")).good().json()[0]
        assert running["state"] == "running"
        assert running["audience"] == len(USERS)
        assert running["sent"] > 0
        (await nudge(cluster, "campaign", "stop", "slow")).good()

        async def dropped() -> bool:
            decisions = [record.json() for record in await read_to_end(cluster, DECISIONS)]
            assert sum(d["reason"] == "cancelled" for d in decisions) > 2
            return True

        await eventually(dropped, 60, every_s=1)
        assert second.alive
        spring_over, slow_stopped = (
            (await nudge(cluster, "campaign", "status", "--json")).good().json()
        )
    assert (spring_over["sent"], spring_over["state"]) == (len(USERS), "over")
    assert slow_stopped["state"] == "stopped"
    assert await told(cluster, "spring") == Counter(USERS)
    decisions = [record.json() for record in await read_to_end(cluster, DECISIONS)]
    slow_ones = [d for d in decisions if d["scenario"] == "campaign/slow"]
    sent = [d["decided_at"] for d in slow_ones if d["outcome"] == "sent"]
    cancelled = [d["decided_at"] for d in slow_ones if d["reason"] == "cancelled"]
    assert max(sent) < min(cancelled)
