"""Bought in the meantime: what was taken back is not sent."""

import time

from nudge.pushlab import Fault
from schemas.push import ResultOutcome
from tests.delivery.stage import Stage
from tests.harness.waiting import eventually


async def test_a_purchase_while_delivery_was_stopped_keeps_the_push_back(stage: Stage) -> None:
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("ada")
    bought = await stage.emit("ada", laptop, phone)
    kept = await stage.emit("ada", laptop)
    await stage.withdraw(bought)
    async with stage.worker():
        await stage.ends(bought, ResultOutcome.WITHDRAWN, ResultOutcome.WITHDRAWN)
        await stage.ends(kept, ResultOutcome.DELIVERED)
    assert stage.posts(bought) == 0
    assert {result.detail for result in stage.results_of(bought)} == {"purchased"}


async def test_a_backlog_of_withdrawals_is_read_to_its_end_before_the_first_push(
    stage: Stage,
) -> None:
    laptop = await stage.subscribe("ada")
    jobs = [await stage.emit("ada", laptop) for _ in range(200)]
    for job in jobs:
        await stage.withdraw(job)
    async with stage.worker():
        for job in jobs:
            await stage.ends(job, ResultOutcome.WITHDRAWN)
    assert stage.lab.post_count == 0


async def test_a_withdrawal_before_its_job_counts(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    async with stage.worker():
        first = await stage.emit("ada", laptop)
        await stage.ends(first, ResultOutcome.DELIVERED)
        job = stage.job("ada", laptop)
        await stage.withdraw(job)
        await stage.put(job)
        await stage.ends(job, ResultOutcome.WITHDRAWN)
    assert stage.posts(job) == 0


async def test_a_push_that_waits_for_another_try_is_taken_back_at_once(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    laptop.faults.append(Fault(status=503, retry_after="50"))
    async with stage.worker():
        job = await stage.emit("ada", laptop)
        await eventually(lambda: stage.posts(job) == 1)
        started = time.monotonic()
        await stage.withdraw(job)
        await stage.ends(job, ResultOutcome.WITHDRAWN, deadline_s=25)
    assert time.monotonic() - started < 25
    assert stage.posts(job) == 1


async def test_what_was_delivered_before_it_was_taken_back_stays_delivered(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    held_up = await stage.subscribe("ada")
    held_up.faults.append(Fault(status=503, retry_after="50"))
    waits = stage.job("ada", held_up)
    async with stage.worker():
        # It keeps the jobs after it uncommitted, so the next worker reads them again.
        await stage.put(waits)
        job = await stage.emit("ada", laptop)
        await stage.ends(job, ResultOutcome.DELIVERED)
    await stage.withdraw(job)
    async with stage.worker():
        last = await stage.emit("ada", laptop)
        await stage.ends(last, ResultOutcome.DELIVERED)
    assert stage.outcomes(job) == [ResultOutcome.DELIVERED]
    assert stage.posts(job) == 1
    assert stage.posts(waits) == 1  # the wait it was asked for outlives the worker
