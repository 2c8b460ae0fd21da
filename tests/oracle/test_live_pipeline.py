"""Real workers, real broker, a busy shop and every fault: the oracle's decisions, each once.

Every run plays a minute and kills one worker. ``ORACLE_FULL=1`` plays 200,000 events in five
minutes as well and breaks everything that may break.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nudge.local import LocalKafka
from runtime.settings import KafkaSettings
from tests.harness.waiting import eventually
from tests.oracle.comparing import verdicts
from tests.oracle.generator import Generator, Record, moved
from tests.oracle.live import (
    WORKER,
    Player,
    bought_in_time,
    clocks_past,
    decided,
    final_twice,
    late_users,
    now_ms,
    replayed_from_topics,
)
from tests.oracle.oracle import decide
from tests.oracle.reading import read_settings
from tests.oracle.scenes import Plan
from tests.oracle.worlds import BUSY, NOON
from tests.streams.conftest import apply_scenarios
from tests.streams.workers import WorkerProcess, Workers, workers

pytestmark = pytest.mark.timeout(1500)

GRACE = 5_000
LAST_WAITS = 70_000
"""The longest wait of the busy rules, and some."""
LIVE = {
    "NUDGE_GRACE_MS": str(GRACE),
    "NUDGE_MERGE_WAIT_MS": "30000",
    "NUDGE_SILENCE_MS": "30000",
    "NUDGE_HOLD_MS": "120000",
    "NUDGE_SESSION_TIMEOUT_S": "3",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What a run has to break: its workers and its broker."""

    crew: Workers
    broker: LocalKafka | None

    async def worker(self) -> WorkerProcess:
        started = self.crew.start(WORKER, **LIVE)
        await eventually(lambda: "partitions_taken" in started.log, 90, what=started.log[-2000:])
        return started


Faults = Callable[[Stage, list[WorkerProcess]], Coroutine[Any, Any, None]]


async def one_kill(stage: Stage, running: list[WorkerProcess]) -> None:
    await asyncio.sleep(25)
    running[0].kill()
    await asyncio.sleep(5)
    running[0] = await stage.worker()


async def everything(stage: Stage, running: list[WorkerProcess]) -> None:
    """Two kills, a worker frozen for 30 s, one joins, one leaves, the broker restarts."""
    assert stage.broker is not None
    await asyncio.sleep(30)
    running[0].kill()
    await asyncio.sleep(8)
    running[0] = await stage.worker()
    await asyncio.sleep(20)
    running[1].freeze()
    await asyncio.sleep(30)
    running[1].thaw()
    await asyncio.sleep(20)
    running.append(await stage.worker())
    await asyncio.sleep(20)
    assert running.pop(0).stop() == 0
    await asyncio.sleep(20)
    running[0].kill()
    await asyncio.sleep(3)
    running[0] = await stage.worker()
    await asyncio.sleep(20)
    await asyncio.to_thread(stage.broker.restart)


async def run(settings: KafkaSettings, stage: Stage, plan: Plan, faults: Faults) -> "Result":
    """Plays the plan to two workers while things break; returns when all is decided."""
    planned = Generator(plan).records()
    running = [await stage.worker(), await stage.worker()]
    start = now_ms() + 3_000
    player = Player(settings, moved(planned, start - plan.start))
    breaking = asyncio.create_task(faults(stage, running))
    await player.play()
    await breaking
    until = player.played[-1]["at"] + LAST_WAITS
    await clocks_past(settings, until, plan.partitions)
    assert all(worker.alive for worker in running)
    decisions, late = await decided(settings, until), await late_users(settings)
    return Result(player.played, until, decisions, late, player.slipped_ms)


@dataclass(frozen=True, slots=True)
class Result:
    records: list[Record]
    until: int
    decisions: list[dict[str, Any]]
    late: set[str]
    slipped_ms: int


def differing_users(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Whose final decisions differ, and which."""
    found: dict[str, list[Any]] = {}
    for sign, left, right in (("+", one, other), ("-", other, one)):
        for verdict in verdicts(left) - verdicts(right):
            found.setdefault(verdict[4], []).append((sign, *verdict))
    return found


def check(result: Result, plan: Plan, expected: list[dict[str, Any]], who: str) -> None:
    """Nothing missing, nothing false, save for at most one of 1,000 users, all listed as late."""
    differing = differing_users(result.decisions, expected)
    unexplained = {user: found for user, found in differing.items() if user not in result.late}
    assert not unexplained, (
        f"{who}: {len(unexplained)} users differ: {list(unexplained.items())[:5]}"
    )
    assert len(differing) <= plan.people / 1000, f"{who}: {len(differing)} late users differ"


async def judge(result: Result, settings: KafkaSettings, plan: Plan, out: Path) -> None:
    rules = read_settings(BUSY.read_text())
    expected = decide(
        result.records, rules, partitions=plan.partitions, until=result.until, grace=GRACE
    )
    expected = [d for d in expected if d["decided_at"] <= result.until]
    print(
        f"{len(result.records)} records, {len(result.decisions)} decisions,"
        f" {len(result.late)} late users, {result.slipped_ms} ms slipped"
    )
    twice = final_twice(result.decisions)
    assert not twice, twice
    check(result, plan, expected, "the oracle")
    again = await replayed_from_topics(settings, BUSY, out, result.until, GRACE)
    again = [d for d in again if d["decided_at"] <= result.until]
    check(result, plan, again, "the replay of the topics")
    assert not bought_in_time(result.decisions, result.records)


async def test_a_minute_of_a_busy_shop_is_decided_as_the_oracle_says_though_a_worker_dies(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    plan = Plan(
        seed=1, start=NOON, duration=60_000, people=2_000, events=20_000,
        products=60, news=200, out_of_order=0.05, disorder=2_000, cart_wait=20_000,
    )  # fmt: skip
    await apply_scenarios(cluster, BUSY.read_text())
    with workers(cluster) as crew:
        result = await run(cluster, Stage(crew, None), plan, one_kill)
        await judge(result, cluster, plan, tmp_path / "replay.jsonl")


@pytest.mark.skipif("ORACLE_FULL" not in os.environ, reason="takes nine minutes: ORACLE_FULL=1")
async def test_five_minutes_of_every_fault_cost_no_decision_and_make_none_false(
    own_cluster: KafkaSettings, own_kafka: LocalKafka, tmp_path: Path
) -> None:
    plan = Plan(
        seed=2, start=NOON, duration=300_000, people=20_000, events=200_000,
        products=300, news=2_000, out_of_order=0.05, disorder=2_000,
    )  # fmt: skip
    await apply_scenarios(own_cluster, BUSY.read_text())
    with workers(own_cluster) as crew:
        result = await run(own_cluster, Stage(crew, own_kafka), plan, everything)
        await judge(result, own_cluster, plan, tmp_path / "replay.jsonl")
