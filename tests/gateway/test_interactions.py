"""What became of a push: told by the browser that holds it, counted once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from delivery.app import Delivery
from delivery.settings import DeliverySettings
from gateway.broker import Broker
from nudge.pushlab import Browser
from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.push import MessageClass, Payload, PushJob
from schemas.topics import INTERACTIONS, JOBS, SHOP_EVENTS
from tests.gateway.stage import Answer, Stage, identity, now_ms
from tests.harness.records import Sent, produce
from tests.harness.waiting import eventually


@asynccontextmanager
async def delivering(stage: Stage) -> AsyncIterator[None]:
    """The real delivery worker beside the gateway, with the same secret."""
    shared = {
        name: value for name, value in stage.values.items() if not name.startswith("gateway_")
    }
    worker = Delivery(DeliverySettings.model_validate(shared))
    task = asyncio.create_task(worker.run(handle_signals=False))
    try:
        yield
    finally:
        worker.stop()
        await task


async def push(stage: Stage, user: str, browser: Browser, job_id: str = "job-1") -> dict[str, Any]:
    """A push as its browser decrypts it."""
    payload = Payload(
        title="Your cart is waiting", body="Two teas.", url="https://shop.example/cart",
        tag="cart", scenario="cart_abandoned", job_id=job_id,
    )  # fmt: skip
    job = PushJob(
        job_id=job_id, user_id=user, scenario="cart_abandoned",
        message_class=MessageClass.TRANSACTIONAL, created_at=now_ms(),
        expires_at=now_ms() + 60_000, tag="cart", topic="cart",
        devices=(browser.subscription_id,), payload=payload,
    )  # fmt: skip
    await produce(stage.kafka, JOBS, [Sent(user, dump(job))])
    await eventually(lambda: any(m.payload["job_id"] == job_id for m in browser.messages), 60.0)
    found: dict[str, Any] = browser.messages[-1].payload
    return found


def report(payload: dict[str, Any], browser: Browser, **more: Any) -> dict[str, Any]:
    """As the service worker tells it."""
    return {
        "type": "clicked",
        "job_id": payload["job_id"],
        "scenario": payload["scenario"],
        "token": payload["token"],
        "subscription_id": browser.subscription_id,
        "occurred_at": now_ms(),
        **more,
    }


async def test_a_click_counts_once_for_whom_the_push_was_sent_to(stage: Stage) -> None:
    page, browser = await stage.page(), stage.lab.subscribe(stage.key.public_key)
    other = stage.lab.subscribe(stage.key.public_key)
    page.identity = identity("ada")
    await page.subscribe(browser)
    async with delivering(stage):
        payload = await push(stage, "ada", browser)

    async def tell(**more: Any) -> Answer:
        return await stage.post("/v1/interactions", report(payload, browser, **more))

    first = await tell()
    assert (first.status, first.json()) == (202, {"again": False})
    for _ in range(3):
        again = await tell(occurred_at=now_ms() + 1)
        assert (again.status, again.json()) == (202, {"again": True})
    at_once = await asyncio.gather(*(tell(type="displayed") for _ in range(8)))
    assert {answer.status for answer in at_once} <= {202, 503}

    for forged in (
        {"token": "A" * 22},
        {"job_id": "job-2"},
        {"subscription_id": other.subscription_id},
        {"token": "é"},
    ):
        answer = await tell(**forged)
        assert (answer.status, answer.json()["field"]) == (403, "token")

    told = [record.json() for record in await stage.read(INTERACTIONS)]
    assert sorted(each["type"] for each in told) == ["clicked", "displayed"]
    assert {each["user_id"] for each in told} == {"ada"}
    assert {each["job_id"] for each in told} == {"job-1"}


async def test_a_button_that_answers_is_recorded_as_an_answer(stage: Stage) -> None:
    page, browser = await stage.page(), stage.lab.subscribe(stage.key.public_key)
    page.identity = identity("ada")
    await page.subscribe(browser)
    async with delivering(stage):
        payload = await push(stage, "ada", browser)
    for action in ("answer/good", "answer/bad"):
        said = report(payload, browser, action=action, scenario="review_request")
        assert (await stage.post("/v1/interactions", said)).status == 202
    (answer,) = [record.json() for record in await stage.read(SHOP_EVENTS)]
    assert (answer["type"], answer["survey"], answer["answer"]) == (
        "survey_answer", "review_request", "good",
    )  # fmt: skip
    (record,) = await stage.read(SHOP_EVENTS)
    assert record.key == "ada"
    (told,) = [record.json() for record in await stage.read(INTERACTIONS)]
    assert told["action"] == "answer/good"


async def test_a_report_from_a_browser_that_nobody_knows_is_a_404(stage: Stage) -> None:
    browser = stage.lab.subscribe()
    token = stage.settings.interaction_tokens().make("job-1", browser.subscription_id)
    payload = {"job_id": "job-1", "scenario": "cart_abandoned", "token": token}
    answer = await stage.post("/v1/interactions", report(payload, browser))
    assert (answer.status, answer.json()["code"]) == (404, "not_found")
    assert await stage.read(INTERACTIONS) == []


async def test_a_clock_ahead_does_not_make_a_click_of_tomorrow(stage: Stage) -> None:
    page, browser = await stage.page(), stage.lab.subscribe(stage.key.public_key)
    await page.subscribe(browser)
    async with delivering(stage):
        payload = await push(stage, page.anonymous_id, browser)
    ahead = report(payload, browser, occurred_at=now_ms() + 86_400_000)
    assert (await stage.post("/v1/interactions", ahead)).status == 202
    (record,) = await stage.read(INTERACTIONS)
    assert record.json()["occurred_at"] <= now_ms()


async def test_a_report_counts_as_under_way_for_as_long_as_its_writes_may_take(
    cluster: KafkaSettings,
    redis_url: str,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left: list[int] = []

    async def write(*_: object) -> None:
        (mark,) = [key async for key in redis.scan_iter("*:seen:*under-way*")]
        left.append(await redis.pttl(mark))

    monkeypatch.setattr(Broker, "write", write)
    slow = {"gateway_ack_timeout_s": 30, "gateway_inbox": False}
    async with Stage(cluster, redis_url, tmp_path / "keys", **slow) as stage:
        browser = stage.lab.subscribe()
        owner = stage.settings.redis_key("subscriptions", "owner", browser.subscription_id)
        await redis.set(owner, "1 ada")
        token = stage.settings.interaction_tokens().make("under-way", browser.subscription_id)
        payload = {"job_id": "under-way", "scenario": "s", "token": token}
        said = report(payload, browser, action="answer/good")
        assert (await stage.post("/v1/interactions", said)).status == 202
    assert len(left) == 2
    assert min(left) > 60_000
