"""What the dispatcher holds, and when it lets go."""

import asyncio
import time

from aiokafka import ConsumerRecord

from delivery.dispatcher import Dispatcher, Rules
from delivery.encryption import ReceiverKeys
from delivery.origins import Circuit, Origin
from delivery.partition import Partition, Phase
from delivery.pushes import JobInHand, Push, take_in_hand
from delivery.rounds import Limits, Rounds
from delivery.steps import Ending, Later, NotNow, Step
from nudge.pushlab import Browser
from runtime.endpoints import Endpoint
from runtime.metrics import REGISTRY, Metric
from schemas.adapters import dump
from schemas.push import MessageClass, Payload, PushJob, ResultOutcome
from tests.harness.waiting import eventually

_FAR = 4_000_000_000_000


def job() -> PushJob:
    return PushJob(
        job_id="job-1", user_id="ola", scenario="cart_abandoned", created_at=0, expires_at=_FAR,
        message_class=MessageClass.MARKETING, tag="cart", topic="cart", devices=("phone",),
        payload=Payload(title="Cart", body="Waits", url="https://shop.example/cart", tag="cart",
                        scenario="cart_abandoned", job_id="job-1"),
    )  # fmt: skip


def taken(partition: Partition) -> JobInHand:
    value = dump(job())
    record = ConsumerRecord(
        topic="push.jobs", partition=0, offset=7, timestamp=_FAR, timestamp_type=0, key=b"ola",
        value=value, checksum=None, serialized_key_size=3, serialized_value_size=len(value),
        headers=(),
    )  # fmt: skip
    partition.tracker.take(7)
    hand = take_in_hand(job(), record, partition, "worker", _FAR)
    browser = Browser("http://127.0.0.1:9/wpush/v2/x", None)
    (push,) = hand.pushes
    push.endpoint = Endpoint(browser.endpoint, "http://127.0.0.1:9", "loopback")
    push.keys = ReceiverKeys.parse(browser.p256dh, browser.auth)
    return hand


async def test_who_asks_for_longer_than_a_push_lives_is_waited_for_no_longer_than_that() -> None:
    broken: list[BaseException] = []
    endings: list[Ending] = []
    partition = Partition(0)
    partition.enter(Phase.OPEN)

    async def attempt(_: Push, __: Origin) -> Step:
        return Later(86_400.0)

    async def end(push: Push, ending: Ending) -> None:
        endings.append(ending)
        dispatcher.over(push)

    dispatcher = Dispatcher(Limits(4, 4, 3), broken.append)
    dispatcher.start(Rules(lambda: True, lambda _: True, lambda _, __: None), attempt, end)
    try:
        hand = taken(partition)
        hand.expires_at = int((time.time() + 0.5) * 1000)
        assert dispatcher.hold(hand)
        dispatcher.add(hand.pushes[0])
        await eventually(lambda: endings, 10)
        await eventually(lambda: not dispatcher._delayed, 10)
    finally:
        await dispatcher.stop()
    assert [ending.outcome for ending in endings] == [ResultOutcome.EXPIRED]
    assert not broken


async def test_a_job_given_back_as_its_partition_closed_is_sent_when_it_is_read_again() -> None:
    broken: list[BaseException] = []
    attempts: list[Push] = []
    closing = Partition(0)
    closing.enter(Phase.OPEN)

    async def attempt(push: Push, _: Origin) -> Step:
        attempts.append(push)
        closing.enter(Phase.CLOSED)
        return NotNow()

    async def end(_: Push, __: Ending) -> None:
        raise AssertionError("nothing has ended")

    dispatcher = Dispatcher(Limits(4, 4, 3), broken.append)
    dispatcher.start(Rules(lambda: True, lambda _: True, lambda _, __: None), attempt, end)
    try:
        first = taken(closing)
        assert dispatcher.hold(first)
        dispatcher.add(first.pushes[0])
        await eventually(lambda: attempts and not closing.under_way, 10)
        assert closing.tracker.committable == 7
        assert dispatcher.held == 0
        again = taken(Partition(0))
        assert dispatcher.hold(again)
    finally:
        await dispatcher.stop()
    assert not broken


async def test_a_push_that_outlives_the_drain_is_read_again_by_who_has_the_partition_next() -> None:
    broken: list[BaseException] = []
    ended: list[Push] = []
    answered = asyncio.Event()

    async def attempt(_: Push, __: Origin) -> Step:
        await answered.wait()
        return Later(60.0)

    async def end(push: Push, _: Ending) -> None:
        ended.append(push)
        dispatcher.over(push)

    dispatcher = Dispatcher(Limits(4, 4, 3), broken.append)
    dispatcher.start(Rules(lambda: True, lambda _: True, lambda _, __: None), attempt, end)
    try:
        closed = Partition(0)
        closed.enter(Phase.OPEN)
        first = taken(closed)
        assert dispatcher.hold(first)
        dispatcher.add(first.pushes[0])
        await eventually(lambda: closed.under_way, 10)
        closed.enter(Phase.CLOSED)
        dispatcher.forget(closed)
        dispatcher.abandon(closed)
        again = taken(Partition(0))
        assert dispatcher.hold(again)
        answered.set()
        await eventually(lambda: not closed.under_way, 10)
        assert dispatcher.held == again.left == 1
        assert closed.tracker.committable == 7
    finally:
        await dispatcher.stop()
    assert not broken
    assert not ended


def test_a_service_is_as_its_worst_host_is() -> None:
    rounds = Rounds(Limits(4, 4, breaker_failures=1))
    origins = []
    for host in ("down", "up"):
        (push,) = taken(Partition(0)).pushes
        push.endpoint = Endpoint(f"https://{host}.push/x", f"https://{host}.push", "worst of two")
        rounds.add(push)
        origin = rounds.turn(0.0)
        assert origin is not None
        origins.append(origin)
        origin.next()
    origins[0].failed(0.0)
    rounds.look(0.1)
    assert REGISTRY.get_sample_value(Metric.BREAKER, {"origin": "worst of two"}) == Circuit.OPEN
