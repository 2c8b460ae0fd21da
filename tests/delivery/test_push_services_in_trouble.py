"""Push services that are slow, broken or refuse, on a real Kafka and a real Redis."""

import asyncio
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from nudge.pushlab import Behaviour, Fault
from runtime.vapid import create_key
from schemas.adapters import dump
from schemas.push import ResultOutcome
from tests.delivery.stage import TRANSACTIONAL, Stage
from tests.harness.waiting import eventually


@pytest.mark.parametrize("in_seconds", [True, False], ids=["seconds", "date"])
async def test_a_push_service_that_asks_for_time_gets_it(stage: Stage, in_seconds: bool) -> None:
    laptop = await stage.subscribe("ada")
    until = time.time() + 3
    asked = "2" if in_seconds else formatdate(until, usegmt=True)
    laptop.faults.append(Fault(status=429, retry_after=asked, times=1))
    async with stage.worker():
        job = await stage.emit("ada", laptop)
        await stage.ends(job, ResultOutcome.DELIVERED)
    first, second = stage.lab.posts_of(job.job_id)
    assert [first.status, second.status] == [429, 201]
    if in_seconds:
        assert second.received_at - first.received_at >= 2000
    else:
        assert second.received_at >= int(until) * 1000
    assert [result.outcome for result in stage.results_of(job)] == [
        ResultOutcome.RETRYING,
        ResultOutcome.DELIVERED,
    ]
    assert [result.attempt for result in stage.results_of(job)] == [1, 2]


@pytest.mark.parametrize("asked", ["0", formatdate(0, usegmt=True)], ids=["zero", "past"])
async def test_a_push_service_that_asks_for_no_time_is_given_some(stage: Stage, asked: str) -> None:
    laptop = await stage.subscribe("ada")
    laptop.faults.append(Fault(status=503, retry_after=asked))
    async with stage.worker(delivery_backoff_s=60):
        job = await stage.emit("ada", laptop, ttl_s=10)
        await stage.ends(job, ResultOutcome.EXPIRED)
    assert 1 <= stage.posts(job) <= 4


async def test_a_broken_push_service_is_tried_until_the_time_is_up(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    laptop.faults.append(Fault(status=503))
    async with stage.worker():
        job = await stage.emit("ada", laptop, ttl_s=3)
        await stage.ends(job, ResultOutcome.EXPIRED)
    assert stage.posts(job) > 1
    assert not laptop.messages


async def test_a_waiting_push_holds_up_nobody_else(stage: Stage) -> None:
    broken, well = await stage.subscribe("ada"), await stage.subscribe("ada")
    broken.faults.append(Fault(status=503, retry_after="20"))
    async with stage.worker():
        stuck = await stage.emit("ada", broken)
        jobs = [await stage.emit("ada", well) for _ in range(5)]
        for job in jobs:
            await stage.ends(job, ResultOutcome.DELIVERED)
        assert stage.outcomes(stuck) == []
    assert stage.posts(stuck) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Behaviour.HANG, status=503),
        Fault(Behaviour.RESET, status=503),
        Fault(status=502),
        Fault(status=504),
    ],
    ids=lambda fault: f"{fault.behaviour}-{fault.status}",
)
async def test_in_doubt_marketing_is_not_sent_again_and_an_order_status_is(
    stage: Stage, fault: Fault
) -> None:
    laptop = await stage.subscribe("ada")
    laptop.faults.append(replace(fault, times=2))
    async with stage.worker():
        marketing = await stage.emit("ada", laptop)
        status = await stage.emit("ada", laptop, message_class=TRANSACTIONAL)
        await stage.ends(marketing, ResultOutcome.UNKNOWN)
        await stage.ends(status, ResultOutcome.DELIVERED)
    assert stage.posts(marketing) == 1
    assert stage.posts(status) == 2


async def test_a_lost_answer_leaves_marketing_sent_once(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    laptop.faults.append(Fault(Behaviour.RESET, status=201, times=1))
    async with stage.worker():
        job = await stage.emit("ada", laptop)
        await stage.ends(job, ResultOutcome.UNKNOWN)
    assert len(laptop.messages) == 1
    assert stage.posts(job) == 1


@pytest.mark.parametrize(
    "fault",
    [Fault(status=400), Fault(status=413), Fault(Behaviour.REDIRECT)],
    ids=["400", "413", "redirect"],
)
async def test_what_a_push_service_refuses_for_good_is_dead_lettered(
    stage: Stage, fault: Fault
) -> None:
    laptop = await stage.subscribe("ada")
    laptop.faults.append(fault)
    async with stage.worker():
        job = await stage.emit("ada", laptop)
        await stage.ends(job, ResultOutcome.REJECTED)
        await eventually(lambda: len(stage.dead_letters) == 1)
    (letter,) = stage.dead_letters
    assert letter.value == dump(job)
    assert dict(letter.headers)["nudge-reason"] == b"rejected"
    assert stage.posts(job) == 1
    assert stage.lab.redirects_followed == 0


async def test_an_endless_answer_is_cut_off(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    laptop.faults.append(Fault(Behaviour.ENDLESS, status=201, times=1))
    async with stage.worker():
        job = await stage.emit("ada", laptop)
        await stage.ends(job, ResultOutcome.DELIVERED, deadline_s=10)
    assert stage.posts(job) == 1


async def test_a_push_service_that_does_not_know_us_is_left_alone_until_the_time_is_up(
    stage: Stage,
) -> None:
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("bob")
    stage.lab.faults.append(Fault(status=401))
    async with stage.worker(delivery_backoff_s=30):
        first = await stage.emit("ada", laptop, ttl_s=4)
        await eventually(lambda: stage.posts(first) == 1)
        second = await stage.emit("bob", phone, ttl_s=3)
        await stage.ends(first, ResultOutcome.UNAUTHORIZED)
        await stage.ends(second, ResultOutcome.UNAUTHORIZED)
    # A probe now and then, no more.
    assert stage.posts(first) + stage.posts(second) <= 4


async def test_a_key_that_is_mended_in_time_sends_what_waited(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    stage.lab.faults.append(Fault(status=403, times=2))
    async with stage.worker():
        job = await stage.emit("ada", laptop)
        await stage.ends(job, ResultOutcome.DELIVERED)
    assert stage.posts(job) == 3


async def test_browsers_of_another_key_end_their_own_pushes_and_nobody_elses(
    stage: Stage, tmp_path: Path
) -> None:
    other = create_key(tmp_path / "theirs").public_key
    strangers = [
        await stage.subscribe(f"mallory-{n}", browser=stage.lab.subscribe(other)) for n in range(20)
    ]
    laptop = await stage.subscribe("ada")
    async with stage.worker(delivery_concurrency=1, delivery_backoff_s=0.2):
        theirs = [
            await stage.emit(f"mallory-{n}", browser, ttl_s=600)
            for n, browser in enumerate(strangers)
        ]
        await eventually(lambda: stage.lab.post_count >= 10)

        async def ada_is_told() -> None:
            asked = time.monotonic()
            await stage.ends(await stage.emit("ada", laptop), ResultOutcome.DELIVERED)
            assert time.monotonic() - asked < 10, "not one of the pauses that double"

        def all_have_ended() -> bool:
            return all(stage.outcomes(job) == [ResultOutcome.UNAUTHORIZED] for job in theirs)

        until = time.monotonic() + 60
        await ada_is_told()
        while not all_have_ended():
            assert time.monotonic() < until
            await ada_is_told()


async def test_many_failures_in_a_row_open_the_breaker(stage: Stage) -> None:
    browsers = [await stage.subscribe(f"user-{n}") for n in range(40)]
    stage.lab.faults.append(Fault(status=503))
    async with stage.worker(delivery_breaker_failures=5, delivery_concurrency=1):
        jobs = [await stage.emit(f"user-{n}", b) for n, b in enumerate(browsers)]
        await eventually(lambda: stage.lab.post_count >= 5)
        await asyncio.sleep(0.5)  # the breaker is open for at least a second
        assert stage.lab.post_count <= 6
        stage.lab.faults.clear()
        for job in jobs:
            await stage.ends(job, ResultOutcome.DELIVERED)
