"""Jobs to browsers, end to end, on a real Kafka and a real Redis."""

import asyncio
import time
from dataclasses import replace
from email.utils import formatdate

import pytest

from nudge.pushlab import Behaviour, Browser, Fault
from schemas.adapters import dump
from schemas.push import Channel, ResultOutcome
from schemas.topics import JOBS
from tests.delivery.stage import TRANSACTIONAL, Stage
from tests.harness.waiting import eventually


async def test_a_push_reaches_every_browser_of_its_job(stage: Stage) -> None:
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("ada")
    async with stage.worker():
        job = await stage.emit("ada", laptop, phone)
        await stage.ends(job, ResultOutcome.DELIVERED, ResultOutcome.DELIVERED)
    (message,) = laptop.messages
    assert message.payload["title"] == "Your cart is waiting"
    assert message.topic == "cart"
    assert 50 < message.ttl <= 60
    assert stage.posts(job) == 2
    assert not stage.lab.refusals


async def test_the_token_in_a_push_is_its_own(stage: Stage) -> None:
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("ada")
    async with stage.worker():
        job = await stage.emit("ada", laptop, phone)
        await stage.ends(job, ResultOutcome.DELIVERED, ResultOutcome.DELIVERED)
    tokens = stage.settings().interaction_tokens()
    for browser in (laptop, phone):
        (message,) = browser.messages
        assert tokens.verify(message.payload["token"], job.job_id, browser.subscription_id)
    assert laptop.messages[0].payload["token"] != phone.messages[0].payload["token"]


async def test_a_browser_that_is_gone_is_forgotten(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    laptop.gone = True
    async with stage.worker():
        first = await stage.emit("ada", laptop)
        await stage.ends(first, ResultOutcome.GONE)
        await eventually(lambda: stage.tombstones() == [("ada", laptop.subscription_id)])
        second = await stage.emit("ada", laptop)
        await stage.ends(second, ResultOutcome.NO_SUBSCRIPTION)
    assert stage.posts(second) == 0


async def test_a_410_does_not_take_the_subscription_that_replaced_it(stage: Stage) -> None:
    before = await stage.subscribe("ada")
    before.faults.append(Fault(Behaviour.SLOW, status=410, delay_s=1.0))
    async with stage.worker():
        first = await stage.emit("ada", before)
        await eventually(lambda: stage.posts(first) == 1)
        after = await stage.subscribe("ada")  # while the 410 is on its way
        await stage.ends(first, ResultOutcome.GONE)
        await eventually(lambda: stage.tombstones() == [("ada", before.subscription_id)])
        second = await stage.emit("ada", after)
        await stage.ends(second, ResultOutcome.DELIVERED)


async def test_a_subscription_belongs_to_the_user_it_was_last_seen_with(stage: Stage) -> None:
    shared = await stage.subscribe("ada")
    await stage.subscribe("bob", browser=shared)
    async with stage.worker():
        to_ada = await stage.emit("ada", shared)
        to_bob = await stage.emit("bob", shared)
        await stage.ends(to_ada, ResultOutcome.NO_SUBSCRIPTION)
        await stage.ends(to_bob, ResultOutcome.DELIVERED)


async def test_after_logout_nothing_comes(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    await stage.unsubscribe("ada", laptop)
    async with stage.worker():
        job = await stage.emit("ada", laptop)
        await stage.ends(job, ResultOutcome.NO_SUBSCRIPTION)
    assert stage.posts(job) == 0


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


async def test_unreadable_jobs_are_dead_lettered_and_stop_nothing(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    async with stage.worker():
        await stage.send(JOBS, "ada", b"{not json")
        await stage.send(JOBS, "ada", b"{}")
        await stage.send(JOBS, "ada", None)
        other = await stage.emit("ada", laptop, job_id="theirs")
        await stage.send(JOBS, "ada", dump(other), key="bob")
        job = await stage.emit("ada", laptop)
        await stage.ends(job, ResultOutcome.DELIVERED)
        await eventually(lambda: len(stage.dead_letters) == 4)
    reasons = sorted(dict(letter.headers)["nudge-reason"] for letter in stage.dead_letters)
    assert reasons == [b"bad_json", b"invalid", b"invalid", b"wrong_key"]


async def test_endpoints_and_keys_that_browsers_do_not_have_end_their_push(stage: Stage) -> None:
    inside = Browser("http://169.254.169.254/latest", None)
    await stage.subscribe("ada", browser=inside)
    broken = await stage.subscribe("bob", p256dh="AAAA")
    async with stage.worker():
        to_ada = await stage.emit("ada", inside)
        to_bob = await stage.emit("bob", devices=[broken.subscription_id])
        nobody = await stage.emit("eve", devices=["never-heard-of"])
        await stage.ends(to_ada, ResultOutcome.NOT_ALLOWED)
        await stage.ends(to_bob, ResultOutcome.BAD_SUBSCRIPTION)
        await stage.ends(nobody, ResultOutcome.NO_SUBSCRIPTION)
        await eventually(lambda: stage.tombstones() == [("bob", broken.subscription_id)])


async def test_a_job_whose_time_is_up_is_not_sent(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    job = await stage.emit("ada", laptop, ttl_s=-1)
    async with stage.worker():
        await stage.ends(job, ResultOutcome.EXPIRED)
    assert stage.posts(job) == 0


async def test_a_job_that_was_emitted_twice_is_sent_once(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    job = await stage.emit("ada", laptop)
    await stage.send(JOBS, "ada", dump(job))
    async with stage.worker():
        await stage.ends(job, ResultOutcome.DELIVERED)
        await stage.send(JOBS, "ada", dump(job))
        last = await stage.emit("ada", laptop)
        await stage.ends(last, ResultOutcome.DELIVERED)
    assert stage.posts(job) == 1
    assert stage.outcomes(job) == [ResultOutcome.DELIVERED]


async def test_a_browser_is_pushed_to_under_the_key_it_subscribed_with(stage: Stage) -> None:
    old = await stage.subscribe("ada")
    stage.rotate_key()
    new = await stage.subscribe("ada")
    stranger = await stage.subscribe("bob", key_id="never-made")
    async with stage.worker():
        job = await stage.emit("ada", old, new)
        lost = await stage.emit("bob", stranger, ttl_s=2)
        await stage.ends(job, ResultOutcome.DELIVERED, ResultOutcome.DELIVERED)
        await stage.ends(lost, ResultOutcome.UNAUTHORIZED)
    assert stage.posts(lost) == 0
    assert not stage.lab.refusals


async def test_what_the_page_shows_is_not_pushed(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    onsite = stage.job("ada", laptop).model_copy(update={"channel": Channel.ONSITE})
    await stage.put(onsite)
    pushed = await stage.emit("ada", laptop)
    async with stage.worker():
        await stage.ends(pushed, ResultOutcome.DELIVERED)
    assert stage.posts(onsite) == 0
    assert stage.results_of(onsite) == []
