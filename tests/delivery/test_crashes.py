"""kill -9 at every bad moment, rebalances, a clean stop: counted in POSTs, without collapse."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.app import Delivery
from delivery.topics import TopicsError
from nudge.local import LocalKafka
from nudge.local.places import free_ports
from nudge.pushlab import Behaviour, Fault
from runtime.settings import KafkaSettings
from schemas.push import MessageClass, ResultOutcome
from tests.delivery.proxy import Wire
from tests.delivery.stage import MARKETING, TRANSACTIONAL, Stage
from tests.harness.waiting import eventually, is_up

ASKED_FOR = MessageClass.ASKED_FOR


async def test_killed_before_the_reservation_everything_is_sent_once(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    async with stage.process(delivery_session_timeout_ms=2000) as worker:
        first = await stage.emit("ada", laptop)
        await stage.ends(first, ResultOutcome.DELIVERED)
        await stage.pause(paused=True)
        await asyncio.sleep(2)
        marketing = await stage.emit("ada", laptop)
        status = await stage.emit("ada", laptop, message_class=TRANSACTIONAL)
        await asyncio.sleep(1)  # taken, and waiting for the end of the pause
        await worker.kill()
    await stage.pause(paused=False)
    async with stage.worker():
        await stage.ends(marketing, ResultOutcome.DELIVERED)
        await stage.ends(status, ResultOutcome.DELIVERED)
    assert stage.posts(marketing) == stage.posts(status) == 1


async def test_killed_between_reservation_and_post(stage: Stage, redis_url: str) -> None:
    laptop = await stage.subscribe("ada")
    async with Wire(int(redis_url.rpartition(":")[2].partition("/")[0])) as wire:
        async with stage.process(
            redis_url=wire.url, delivery_session_timeout_ms=2000, delivery_redis_timeout_s=30
        ) as worker:
            first = await stage.emit("ada", laptop)
            await stage.ends(first, ResultOutcome.DELIVERED)
            # The lookup is answered, the reservation arrives, its answer does not.
            wire.cut_at = b"reserve"
            marketing = await stage.emit("ada", laptop)
            await asyncio.wait_for(wire.cut.wait(), 10)
            await worker.kill()
        async with stage.worker():
            await stage.ends(marketing, ResultOutcome.UNKNOWN)
            again = await stage.emit("ada", laptop)
            await stage.ends(again, ResultOutcome.DELIVERED)
    assert stage.posts(marketing) == 0


async def test_killed_between_reservation_and_post_an_order_status_is_sent(
    stage: Stage, redis_url: str
) -> None:
    laptop = await stage.subscribe("ada")
    async with Wire(int(redis_url.rpartition(":")[2].partition("/")[0])) as wire:
        async with stage.process(
            redis_url=wire.url, delivery_session_timeout_ms=2000, delivery_redis_timeout_s=30
        ) as worker:
            first = await stage.emit("ada", laptop)
            await stage.ends(first, ResultOutcome.DELIVERED)
            wire.cut_at = b"reserve"
            status = await stage.emit("ada", laptop, message_class=TRANSACTIONAL)
            await asyncio.wait_for(wire.cut.wait(), 10)
            await worker.kill()
        async with stage.worker():
            await stage.ends(status, ResultOutcome.DELIVERED)
    assert stage.posts(status) == 1


async def test_killed_after_the_post_before_its_answer(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    laptop.faults.append(Fault(Behaviour.HANG, status=201))
    async with stage.process(
        delivery_session_timeout_ms=2000, delivery_post_timeout_s=60
    ) as worker:
        jobs = {
            message_class: await stage.emit("ada", laptop, message_class=message_class)
            for message_class in (MARKETING, ASKED_FOR, TRANSACTIONAL)
        }
        await eventually(lambda: all(stage.posts(job) == 1 for job in jobs.values()))
        await worker.kill()
    laptop.faults.clear()
    async with stage.worker():
        await stage.ends(jobs[MARKETING], ResultOutcome.UNKNOWN)
        await stage.ends(jobs[ASKED_FOR], ResultOutcome.UNKNOWN)
        await stage.ends(jobs[TRANSACTIONAL], ResultOutcome.DELIVERED)
    assert stage.posts(jobs[MARKETING]) == 1
    assert stage.posts(jobs[ASKED_FOR]) == 1
    assert stage.posts(jobs[TRANSACTIONAL]) == 2


async def test_killed_again_and_again_under_load(stage: Stage) -> None:
    browsers = {f"user-{n}": await stage.subscribe(f"user-{n}") for n in range(12)}
    marketing, status = [], []
    for _ in range(4):
        async with stage.process(delivery_session_timeout_ms=1500) as worker:
            count = stage.lab.post_count
            for _ in range(10):
                marketing += [await stage.emit(u, b) for u, b in browsers.items()]
                status += [
                    await stage.emit(u, b, message_class=TRANSACTIONAL) for u, b in browsers.items()
                ]
            await eventually(_posted(stage, count + 20))
            await worker.kill()
    async with stage.worker():
        await eventually(lambda: all(stage.outcomes(job) for job in marketing + status), 90)
        undisturbed = [await stage.emit(u, b) for u, b in browsers.items()]
        await eventually(lambda: all(stage.outcomes(job) for job in undisturbed), 90)
    posts = [stage.posts(job) for job in marketing]
    assert max(posts) == 1
    assert min(stage.posts(job) for job in status) >= 1
    for job, count in zip(marketing, posts, strict=True):
        ends = set(stage.outcomes(job))
        # Told what happened, or that nobody knows.
        assert ends in ({ResultOutcome.DELIVERED}, {ResultOutcome.UNKNOWN})
        assert count == 1 or ends == {ResultOutcome.UNKNOWN}
    for job in undisturbed:
        assert stage.outcomes(job) == [ResultOutcome.DELIVERED], "not all is lost with a worker"
    assert {o for job in status for o in stage.outcomes(job)} == {ResultOutcome.DELIVERED}


async def test_a_stopping_worker_finishes_what_is_in_flight(stage: Stage) -> None:
    laptop = await stage.subscribe("ada")
    laptop.faults.append(Fault(Behaviour.SLOW, status=201, delay_s=1.5))
    async with stage.process() as worker:
        job = await stage.emit("ada", laptop)
        await eventually(lambda: stage.posts(job) == 1)
        assert await worker.terminate() == 0
    await stage.ends(job, ResultOutcome.DELIVERED)
    async with stage.worker():
        last = await stage.emit("ada", laptop)
        await stage.ends(last, ResultOutcome.DELIVERED)
    assert stage.posts(job) == 1
    assert stage.outcomes(job) == [ResultOutcome.DELIVERED]


async def test_a_worker_asked_to_end_while_kafka_says_nothing_is_gone_before_it_is_killed(
    own_kafka: LocalKafka, own_cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    async with (
        Stage(own_cluster, redis_url, tmp_path / "keys") as stage,
        stage.process(delivery_drain_timeout_s=1) as worker,
    ):
        laptop = await stage.subscribe("ada")
        await stage.ends(await stage.emit("ada", laptop), ResultOutcome.DELIVERED)
        own_kafka.pause()
        try:
            assert await asyncio.wait_for(worker.terminate(), 15) == 1
        finally:
            own_kafka.resume()
    # It may have been fenced from the quorum meanwhile.
    await asyncio.to_thread(own_kafka.restart)


async def test_partitions_move_while_pushes_are_under_way(stage: Stage) -> None:
    browsers = {f"user-{n}": await stage.subscribe(f"user-{n}") for n in range(12)}
    stage.lab.faults.append(Fault(Behaviour.SLOW, status=201, delay_s=0.2))
    jobs = []
    patient = {"delivery_post_timeout_s": 30.0}  # on a busy machine a POST can take seconds
    async with stage.worker(**patient):
        for _ in range(5):
            jobs += [await stage.emit(u, b) for u, b in browsers.items()]
        port = free_ports(1)[0]
        async with stage.process(health_port=port, **patient) as second:
            for _ in range(30):
                jobs += [await stage.emit(u, b) for u, b in browsers.items()]
            await eventually(lambda: is_up(port), 60)
            await eventually(lambda: all(stage.outcomes(job) for job in jobs), 60)
            assert await second.terminate() == 0
        jobs += [await stage.emit(u, b) for u, b in browsers.items()]
        await eventually(lambda: all(stage.outcomes(job) for job in jobs), 60)
    assert {stage.posts(job) for job in jobs} == {1}
    assert {o for job in jobs for o in stage.outcomes(job)} == {ResultOutcome.DELIVERED}


async def test_a_worker_stopped_over_its_session_sends_nothing_twice(stage: Stage) -> None:
    browsers = {f"user-{n}": await stage.subscribe(f"user-{n}") for n in range(12)}
    stage.lab.faults.append(Fault(Behaviour.SLOW, status=201, delay_s=0.1))
    async with stage.process(delivery_session_timeout_ms=2000, delivery_concurrency=4) as zombie:
        warm = [await stage.emit(u, b) for u, b in browsers.items()]
        await eventually(lambda: all(stage.outcomes(job) for job in warm), 60)
        jobs = [await stage.emit(u, b) for _ in range(20) for u, b in browsers.items()]
        await eventually(lambda: stage.lab.post_count > len(warm) + 10)
        zombie.send_signal(signal.SIGSTOP)
        async with stage.worker(delivery_session_timeout_ms=2000):
            await eventually(lambda: all(stage.outcomes(job) for job in jobs), 60)
            zombie.send_signal(signal.SIGCONT)
            more = [await stage.emit(u, b) for _ in range(5) for u, b in browsers.items()]
            await eventually(lambda: all(stage.outcomes(job) for job in more), 60)
            assert await zombie.terminate() == 0
    assert max(stage.posts(job) for job in jobs + more) == 1


async def test_a_worker_without_its_topics_says_how_to_make_them(stage: Stage) -> None:
    delivery = Delivery(stage.settings(namespace="nobody"))
    with pytest.raises(TopicsError, match="nudge topics create"):
        await delivery.run(handle_signals=False)


def _posted(stage: Stage, more_than: int) -> Callable[[], bool]:
    return lambda: stage.lab.post_count > more_than
