"""Redis down, slow, flushed, restarted: nothing is sent that cannot be accounted for."""

import asyncio

from redis.asyncio import Redis

from delivery.app import Delivery
from nudge.local import LocalRedis
from nudge.pushlab import Behaviour, Fault
from runtime.metrics import REGISTRY, Metric, gauge
from schemas.partitioner import partition_of
from schemas.push import ResultOutcome
from schemas.topics import JOBS
from tests.delivery.proxy import Wire
from tests.delivery.stage import TRANSACTIONAL, Stage
from tests.harness.clusters import PARTITIONS
from tests.harness.waiting import eventually


async def redis_is_ready(delivery: Delivery) -> bool:
    return (await delivery.statuses())["redis"].ok


async def test_while_redis_is_down_nothing_is_sent_and_nothing_breaks(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop = await stage.subscribe("ada")
    async with stage.worker() as delivery:
        first = await stage.emit("ada", laptop)
        await stage.ends(first, ResultOutcome.DELIVERED)
        own_redis.kill()
        job = await stage.emit("ada", laptop)
        short = await stage.emit("ada", laptop, ttl_s=2, message_class=TRANSACTIONAL)
        await asyncio.sleep(3)
        assert stage.posts(job) + stage.posts(short) == 0
        assert not await redis_is_ready(delivery)
        own_redis.start()
        await stage.ends(job, ResultOutcome.DELIVERED)
        await stage.ends(short, ResultOutcome.EXPIRED)
        assert await redis_is_ready(delivery)
    assert stage.posts(job) == 1
    assert stage.posts(short) == 0


async def test_a_worker_that_starts_without_redis_waits_for_it(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop = await stage.subscribe("ada")
    job = await stage.emit("ada", laptop)
    own_redis.kill()
    async with stage.worker() as delivery:
        await asyncio.sleep(2)
        assert stage.posts(job) == 0
        assert not await redis_is_ready(delivery)
        own_redis.start()
        await stage.ends(job, ResultOutcome.DELIVERED)
    assert stage.posts(job) == 1


async def test_a_worker_stops_cleanly_while_redis_is_down(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop = await stage.subscribe("ada")
    async with stage.worker():
        first = await stage.emit("ada", laptop)
        await stage.ends(first, ResultOutcome.DELIVERED)
        own_redis.kill()
        job = await stage.emit("ada", laptop)
        await asyncio.sleep(1)
    own_redis.start()
    async with stage.worker():
        await stage.ends(job, ResultOutcome.DELIVERED)
    assert stage.posts(job) == 1


async def test_a_slow_redis_slows_pushes_and_doubles_none(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop = await stage.subscribe("ada")
    async with (
        Wire(own_redis.port) as wire,
        stage.worker(redis_url=wire.url, delivery_redis_timeout_s=0.5) as delivery,
    ):
        first = await stage.emit("ada", laptop)
        await stage.ends(first, ResultOutcome.DELIVERED)
        wire.delay_s = 0.2
        slow = await stage.emit("ada", laptop)
        await stage.ends(slow, ResultOutcome.DELIVERED)
        # Slower than is waited for: each request arrives, each answer is missed.
        wire.delay_s = 1.0
        job = await stage.emit("ada", laptop)
        await eventually(lambda: not_ready(delivery))
        await asyncio.sleep(2)
        assert stage.posts(job) == 0
        wire.delay_s = 0.0
        await stage.ends(job, ResultOutcome.DELIVERED)
    assert stage.posts(slow) == stage.posts(job) == 1


async def not_ready(delivery: Delivery) -> bool:
    return not await redis_is_ready(delivery)


async def test_after_a_flush_what_was_sent_is_not_sent_again(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("ada")
    phone.faults.append(Fault(status=503, retry_after="100"))
    async with stage.worker():
        # The first keeps everything after it uncommitted.
        waits = await stage.emit("ada", phone)
        sent = [await stage.emit("ada", laptop) for _ in range(5)]
        for job in sent:
            await stage.ends(job, ResultOutcome.DELIVERED)
        own_redis.flush()
        after = await stage.emit("ada", laptop)
        await stage.ends(after, ResultOutcome.DELIVERED)
        assert stage.outcomes(waits) == []
    async with stage.worker():
        last = await stage.emit("ada", laptop)
        await stage.ends(last, ResultOutcome.DELIVERED)
    assert [stage.posts(job) for job in (*sent, after, last)] == [1] * 7
    assert [stage.outcomes(job) for job in sent] == [[ResultOutcome.DELIVERED]] * 5


async def test_a_flush_while_a_push_waits_for_its_answer(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop = await stage.subscribe("ada")
    laptop.faults.append(Fault(Behaviour.SLOW, status=201, delay_s=1.5, times=1))
    async with stage.worker():
        job = await stage.emit("ada", laptop)
        await eventually(lambda: stage.posts(job) == 1)
        own_redis.flush()
        after = await stage.emit("ada", laptop)
        await stage.ends(after, ResultOutcome.DELIVERED)
        await stage.ends(job, ResultOutcome.DELIVERED)
    assert stage.posts(job) == stage.posts(after) == 1


async def test_a_crash_and_a_flush_leave_doubt_about_what_was_taken_and_no_more(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("ada")
    laptop.faults.append(Fault(Behaviour.HANG, status=201))
    async with stage.process(delivery_session_timeout_ms=2000) as worker:
        delivered = await stage.emit("ada", phone)
        await stage.ends(delivered, ResultOutcome.DELIVERED)
        marketing = await stage.emit("ada", laptop)
        status = await stage.emit("ada", laptop, message_class=TRANSACTIONAL)
        await eventually(lambda: (stage.posts(marketing), stage.posts(status)) == (1, 1))
        await worker.kill()
    later = await stage.emit("ada", phone)
    own_redis.flush()
    laptop.faults.clear()
    async with stage.worker():
        await stage.ends(marketing, ResultOutcome.UNKNOWN)
        await stage.ends(status, ResultOutcome.DELIVERED)
        await stage.ends(later, ResultOutcome.DELIVERED)
    assert stage.posts(marketing) == 1
    assert stage.posts(status) == 2
    assert stage.posts(later) == 1
    assert stage.outcomes(delivered) == [ResultOutcome.DELIVERED]


async def test_a_flush_and_then_a_crash_leave_the_same_doubt(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("ada")
    laptop.faults.append(Fault(Behaviour.HANG, status=201))
    async with stage.process(
        delivery_session_timeout_ms=2000, delivery_post_timeout_s=60
    ) as worker:
        marketing = await stage.emit("ada", laptop)
        await eventually(lambda: stage.posts(marketing) == 1)
        own_redis.flush()
        # The ledger is rebuilt, and knows nothing of the push that is under way.
        after = await stage.emit("ada", phone)
        await stage.ends(after, ResultOutcome.DELIVERED)
        await worker.kill()
    laptop.faults.clear()
    async with stage.worker():
        await stage.ends(marketing, ResultOutcome.UNKNOWN)
    assert stage.posts(marketing) == 1


async def test_a_redis_that_restarts_with_an_older_state_is_not_believed(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("ada")
    phone.faults.append(Fault(status=503, retry_after="100"))
    async with Redis.from_url(own_redis.url) as client:
        async with stage.worker():
            waits = await stage.emit("ada", phone)
            await eventually(lambda: stage.posts(waits) == 1)
            job = await stage.emit("ada", laptop)
            await stage.ends(job, ResultOutcome.DELIVERED)
        # As if the last second had not reached its disk: the epoch is there, the entry is not.
        (entry,) = await client.keys(f"*ledger:{job.job_id}*")
        await client.delete(entry)
    own_redis.restart()
    async with stage.worker():
        last = await stage.emit("ada", laptop)
        await stage.ends(last, ResultOutcome.DELIVERED)
    assert stage.posts(job) == 1


async def test_subscriptions_come_back_from_their_topic(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    browsers = {f"user-{n}": await stage.subscribe(f"user-{n}") for n in range(20)}
    async with stage.worker():
        first = [await stage.emit(user, browser) for user, browser in browsers.items()]
        for job in first:
            await stage.ends(job, ResultOutcome.DELIVERED)
        own_redis.flush()
        second = [await stage.emit(user, browser) for user, browser in browsers.items()]
        for job in second:
            await stage.ends(job, ResultOutcome.DELIVERED)


async def test_how_many_subscriptions_there_are_is_known_whoever_saw_them_come(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("bob")

    async def push_to_both() -> None:
        for user, browser in (("ada", laptop), ("bob", phone)):
            await stage.ends(await stage.emit(user, browser), ResultOutcome.DELIVERED)

    async def told(count: int) -> None:
        await eventually(lambda: value(Metric.SUBSCRIPTIONS) == count, 20)

    async with stage.worker():
        await push_to_both()
        await told(2)
    gauge(Metric.SUBSCRIPTIONS).set(0)  # as in a process that begins
    async with stage.worker():
        await told(2)
        own_redis.flush()
        await push_to_both()
        await told(2)


async def test_who_has_handed_a_partition_over_tells_nothing_of_its_lag(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    job = await stage.emit("ada", laptop)
    labels = {"topic": JOBS.name, "partition": str(partition_of("ada", PARTITIONS))}
    async with stage.worker():
        await stage.ends(job, ResultOutcome.DELIVERED)
        await eventually(lambda: value(Metric.LAG, labels) == 0, 20)
    assert value(Metric.LAG, labels) is None


def value(metric: Metric, labels: dict[str, str] | None = None) -> float | None:
    """What ``/metrics`` shows; ``None``: nothing."""
    return REGISTRY.get_sample_value(metric, labels)
