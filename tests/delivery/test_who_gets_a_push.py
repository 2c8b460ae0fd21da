"""Which browsers a job reaches, and how often: on a real Kafka and a real Redis."""

from nudge.pushlab import Behaviour, Browser, Fault
from schemas.adapters import dump
from schemas.push import Channel, ResultOutcome
from schemas.topics import JOBS
from tests.delivery.stage import Stage
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
        lost = await stage.emit("bob", stranger, ttl_s=6)
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
    off_the_curve = await stage.subscribe("cem", p256dh="BAEB" + "AQEB" * 20 + "AQE")
    async with stage.worker():
        to_ada = await stage.emit("ada", inside)
        to_bob = await stage.emit("bob", devices=[broken.subscription_id])
        to_cem = await stage.emit("cem", devices=[off_the_curve.subscription_id])
        nobody = await stage.emit("eve", devices=["never-heard-of"])
        await stage.ends(to_ada, ResultOutcome.NOT_ALLOWED)
        await stage.ends(to_bob, ResultOutcome.BAD_SUBSCRIPTION)
        await stage.ends(to_cem, ResultOutcome.BAD_SUBSCRIPTION)
        await stage.ends(nobody, ResultOutcome.NO_SUBSCRIPTION)
        useless = {("bob", broken.subscription_id), ("cem", off_the_curve.subscription_id)}
        await eventually(lambda: set(stage.tombstones()) == useless)
