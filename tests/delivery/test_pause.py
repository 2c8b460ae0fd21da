"""``nudge pause``: two seconds later nothing starts."""

import asyncio
import signal
import time

from schemas.push import ResultOutcome
from tests.delivery.stage import Stage
from tests.harness.waiting import eventually


async def test_no_push_starts_two_seconds_after_a_pause_under_load(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    async with stage.worker(delivery_concurrency=2):
        feeding = asyncio.create_task(feed(stage, laptop))
        await eventually(lambda: stage.lab.post_count > 20)
        await stage.pause(paused=True)
        deadline_ms = int(time.time() * 1000) + 2000
        await asyncio.sleep(4)
        feeding.cancel()
        late = [post for post in stage.lab.posts if post.received_at > deadline_ms]
        assert late == []
        count = stage.lab.post_count
        waiting = await stage.emit("ada", laptop)
        short = await stage.emit("ada", laptop, ttl_s=1)
        await stage.ends(short, ResultOutcome.EXPIRED)
        assert stage.lab.post_count == count
        await stage.pause(paused=False)
        await stage.ends(waiting, ResultOutcome.DELIVERED)


async def feed(stage: Stage, laptop: object) -> None:
    while True:
        await stage.emit("ada", laptop)  # type: ignore[arg-type]


async def test_a_worker_that_starts_while_paused_sends_nothing(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    await stage.pause(paused=True)
    async with stage.worker():
        job = await stage.emit("ada", laptop)
        await asyncio.sleep(3)
        assert stage.posts(job) == 0
        await stage.pause(paused=False)
        await stage.ends(job, ResultOutcome.DELIVERED)


async def test_a_worker_that_was_stopped_over_the_pause_sends_nothing_when_it_wakes(
    stage: Stage,
) -> None:
    laptop = await stage.subscribe("ada")
    async with stage.process() as worker:
        first = await stage.emit("ada", laptop)
        await stage.ends(first, ResultOutcome.DELIVERED)
        worker.send_signal(signal.SIGSTOP)
        job = await stage.emit("ada", laptop)
        await stage.pause(paused=True)
        await asyncio.sleep(3)
        worker.send_signal(signal.SIGCONT)
        await asyncio.sleep(3)
        assert stage.posts(job) == 0
        await stage.pause(paused=False)
        await stage.ends(job, ResultOutcome.DELIVERED)
