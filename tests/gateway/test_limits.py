"""Bounds on what one caller may take: requests, time, memory; and outages of what stands behind."""

import asyncio
import time
from pathlib import Path

import pytest

from gateway.limits import RateLimit
from gateway.problems import RefusedError
from nudge.local import LocalKafka, LocalRedis
from runtime.settings import KafkaSettings
from tests.gateway.stage import ORIGIN, Answer, Stage, event
from tests.harness.waiting import eventually


def test_an_address_gets_its_burst_and_then_its_rate() -> None:
    limit = RateLimit(per_s=2.0, burst=3)
    for _ in range(3):
        limit.take("1.2.3.4", 100.0)
    with pytest.raises(RefusedError) as refused:
        limit.take("1.2.3.4", 100.0)
    assert refused.value.headers == {"Retry-After": "1"}
    limit.take("5.6.7.8", 100.0)
    limit.take("1.2.3.4", 100.5)
    with pytest.raises(RefusedError):
        limit.take("1.2.3.4", 100.5)


async def test_an_address_that_asks_too_often_is_told_when_to_come_back(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    limits = {"gateway_burst": 5, "gateway_requests_per_s": 0.5}
    async with Stage(cluster, redis_url, tmp_path / "keys", **limits) as stage:
        answers = [await stage.ask("GET", "/v1/keys/current") for _ in range(6)]
        assert [answer.status for answer in answers] == [200] * 5 + [429]
        assert int(answers[-1].headers["Retry-After"]) >= 1
        assert (await stage.as_server(event(user_id="ada"))).status == 202


async def test_who_sends_a_byte_at_a_time_is_cut_off(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    slow = {"gateway_body_timeout_s": 0.5}
    async with Stage(cluster, redis_url, tmp_path / "keys", **slow) as stage:
        port = stage.gateway.port

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/keys/current HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        began = time.monotonic()
        assert await _rest(reader) == b""
        assert time.monotonic() - began < 10
        writer.close()

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in await reader.readline()
        writer.close()

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n" + b"X-Much: much\r\n" * 5_000)
        assert await _rest(reader) == b""
        writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b""


async def test_no_202_while_the_broker_does_not_answer(
    own_kafka: LocalKafka, own_cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    short = {"gateway_ack_timeout_s": 1.0}
    async with Stage(own_cluster, redis_url, tmp_path / "keys", **short) as stage:
        assert (await stage.as_server(event(user_id="ada"))).status == 202
        own_kafka.pause()
        try:
            answer = await stage.as_server(event(user_id="ada"))
        finally:
            own_kafka.resume()
        assert (answer.status, answer.json()["code"]) == (503, "unavailable")
        assert "Retry-After" in answer.headers
        answer = await eventually_taken(stage)
        assert answer.json() == {"accepted": 1}


async def eventually_taken(stage: Stage) -> Answer:
    """The caller's own retry."""

    async def taken() -> Answer | None:
        answer = await stage.as_server(event(user_id="ada"))
        return answer if answer.status == 202 else None

    answer = await eventually(taken, 30.0)
    assert answer is not None
    return answer


async def test_without_redis_events_are_taken_and_subscriptions_wait(
    cluster: KafkaSettings, own_redis: LocalRedis, tmp_path: Path
) -> None:
    async with Stage(cluster, own_redis.url, tmp_path / "keys") as stage:
        page = await stage.page()
        own_redis.kill()
        try:
            assert (await page.send(event(anonymous_id=page.anonymous_id))).status == 202
            answer = await page.subscribe(stage.lab.subscribe())
            assert (answer.status, answer.json()["code"]) == (503, "unavailable")
        finally:
            own_redis.start()
        assert (await page.subscribe(stage.lab.subscribe())).status == 200
