"""Bounds on what one caller may take: requests, time, memory; and outages of what stands behind."""

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import gateway.server
from gateway.limits import RateLimit, who_has
from gateway.problems import RefusedError
from gateway.settings import GatewaySettings
from nudge.local import LocalKafka, LocalRedis
from runtime.settings import KafkaSettings
from tests.gateway.stage import ORIGIN, SERVER_KEY, Answer, Stage, event
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


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("9.9.9.9", "9.9.9.9"),
        ("::ffff:9.9.9.9", "9.9.9.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("a-socket", "a-socket"),
    ],
)
def test_the_addresses_of_one_network_are_one_caller(address: str, whose: str) -> None:
    assert who_has(address) == whose


async def test_who_changes_its_ipv6_address_is_still_held_to_its_rate(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    limits = {"gateway_burst": 2, "gateway_requests_per_s": 0.1, "gateway_inbox": False}
    async with Stage(cluster, redis_url, tmp_path / "keys", **limits) as stage:
        told = []
        for number in range(3):
            sent_on = {"X-Forwarded-For": f"10.0.0.{number}, 2001:db8::{number}"}
            told.append((await stage.ask("GET", "/v1/keys/current", sent_on)).status)
        assert told == [200, 200, 429]


@pytest.mark.parametrize("proxies", ["*", "10.0.0.0/8,*", "0.0.0.0/0", "::/0", "10.0.0.1/8", "lb"])
def test_a_gateway_that_would_believe_everybody_or_nobody_does_not_start(proxies: str) -> None:
    values = {"vapid_subject": "mailto:x@shop.example", "token_secret": "x" * 32}
    with pytest.raises(ValidationError, match="that your proxies call from"):
        GatewaySettings.model_validate({**values, "gateway_proxies": proxies})
    known = GatewaySettings.model_validate({**values, "gateway_proxies": "10.0.0.0/8, ::1"})
    assert known.gateway_proxies == "10.0.0.0/8, ::1"


async def test_an_address_that_asks_too_often_is_told_when_to_come_back(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    limits = {"gateway_burst": 5, "gateway_requests_per_s": 0.5}
    async with Stage(cluster, redis_url, tmp_path / "keys", **limits) as stage:
        answers = [await stage.ask("GET", "/v1/keys/current") for _ in range(6)]
        assert [answer.status for answer in answers] == [200] * 5 + [429]
        assert int(answers[-1].headers["Retry-After"]) >= 1
        assert (await stage.as_server(event(user_id="ada"))).status == 202


async def test_who_guesses_at_a_servers_key_is_held_to_the_rate_of_its_address(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    limits = {"gateway_burst": 4, "gateway_requests_per_s": 0.1, "gateway_inbox": False}
    async with Stage(cluster, redis_url, tmp_path / "keys", **limits) as stage:
        told = []
        for number in range(3):
            guess = {"Authorization": f"Bearer {SERVER_KEY[:-1]}{number}"}
            told.append((await stage.ask("GET", "/v1/messages", guess)).status)
            told.append((await stage.ask("POST", "/v1/events", guess, b"{}")).status)
        assert told == [401] * 4 + [429] * 2
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


@pytest.mark.parametrize("trailers", [b"a: b\r\n" * 100_000, b"a: " + b"b" * 600_000])
async def test_who_sends_trailers_without_end_is_cut_off(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path, trailers: bytes
) -> None:
    patient = {"gateway_body_timeout_s": 60, "gateway_inbox": False}
    async with Stage(cluster, redis_url, tmp_path / "keys", **patient) as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.port)
        head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\n"
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n0\r\n".encode() + trailers)
        assert await _rest(reader) == b""
        writer.close()


EARLY = {
    408: ("POST /v1/events", f"Origin: {ORIGIN}", "Content-Length: 9", "", "{"),
    413: ("POST /v1/events", f"Origin: {ORIGIN}", "Content-Length: 9999999", "", ""),
    404: ("POST /nothing", "Content-Length: 9", "", ""),
    403: ("POST /v1/events", "Origin: https://evil.example", "Content-Length: 9", "", ""),
    200: ("GET /nudge.js", "Transfer-Encoding: chunked", "", ""),
}
"""What is answered so before its body ends."""


def begun(status: int) -> bytes:
    asked, *more = EARLY[status]
    return "\r\n".join((f"{asked} HTTP/1.1", "Host: x", *more)).encode()


async def test_who_is_answered_before_its_request_is_whole_holds_no_connection(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    slow = {"gateway_body_timeout_s": 0.5, "gateway_inbox": False}
    async with Stage(cluster, redis_url, tmp_path / "keys", **slow) as stage:
        for status in EARLY:
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.port)
            writer.write(begun(status))
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert answer.startswith(f"HTTP/1.1 {status} ".encode())
            assert b"connection: close" in answer
            writer.write(b"1")
            await eventually(lambda: not _connections(stage), 10.0, what=f"the end of {status}")
            writer.close()


async def test_a_shop_that_sends_too_much_still_hears_that_it_was_too_much(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.port)
    writer.write(begun(413) + b"x" * 3_000_000)
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()


async def test_who_reads_slowly_and_steadily_gets_the_whole_answer(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    slow = {"gateway_body_timeout_s": 0.5, "gateway_inbox": False}
    async with Stage(cluster, redis_url, tmp_path / "keys", **slow) as stage:
        whole = (await stage.ask("GET", "/openapi.json")).body
        listens = stage.gateway._server.servers[0].sockets[0]
        listens.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        with socket.socket() as phone:
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            phone.connect(("127.0.0.1", stage.gateway.port))
            phone.sendall(b"GET /openapi.json HTTP/1.0\r\n\r\n")
            read = b""
            while part := await asyncio.to_thread(phone.recv, 2_048):
                read += part
                await asyncio.sleep(2_048 / 40_000)
        assert len(read.partition(b"\r\n\r\n")[2]) == len(whole)
        assert len(whole) > 40_000


async def test_a_connection_serves_one_request_after_another_however_its_body_comes(
    stage: Stage,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.port)
    for _ in range(3):
        writer.write(f"POST /v1/visitors HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\n".encode())
        writer.write(b"Content-Length: 28\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)  # so that head and body are not read at once
        writer.write(b'{"key":"page-key-for-tests"}')
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 201 ")
        assert b"connection: close" not in head
        await reader.readuntil(b"}")
    writer.close()


async def test_bytes_that_begin_no_request_do_not_keep_a_connection(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.server, "_KEEP_ALIVE_S", 1)
    async with Stage(cluster, redis_url, tmp_path / "keys", gateway_inbox=False) as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.port)
        writer.write(b"GET /v1/keys/current HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"}"), 10)
        writer.write(b"\r\n")
        await eventually(lambda: not _connections(stage), 10.0)
        writer.close()


async def test_one_connection_too_many_is_told_to_come_back(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.server, "_MORE_CONNECTIONS", 1)
    few = {"gateway_tabs": 2, "gateway_inbox": False}
    async with Stage(cluster, redis_url, tmp_path / "keys", **few) as stage:
        others = [await asyncio.open_connection("127.0.0.1", stage.gateway.port) for _ in range(3)]
        await eventually(lambda: len(_connections(stage)) == 3)
        answer = await stage.ask("GET", "/v1/keys/current", {"Origin": ORIGIN})
        assert (answer.status, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Connection"] == "close"
        for _, writer in others:
            writer.close()
        await eventually(lambda: not _connections(stage))
        assert (await stage.ask("GET", "/v1/keys/current")).status == 200


def _connections(stage: Stage) -> set[Any]:
    return stage.gateway._server.server_state.connections


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
