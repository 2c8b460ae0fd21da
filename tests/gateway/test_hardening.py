"""Hostile callers: they get an answer or are cut off, and leave nothing behind that grows."""

import asyncio
from pathlib import Path

from redis.asyncio import Redis

from gateway.claims import _SCRIPT, Claims
from gateway.settings import GatewaySettings
from runtime.settings import KafkaSettings, RedisSettings
from tests.gateway.stage import ORIGIN, PAGE_KEY, SERVER_KEY, Stage, event

DEVICES = 10
SOME, FLOOD = 300, 100_000
_FLOODED = """
local claim = function(KEYS, ARGV)
%s
end
for number = ARGV[1], ARGV[2] do
  local id = string.format('%%032x', number)
  claim({KEYS[1], KEYS[2] .. number, KEYS[3], KEYS[4]}, {id, 'ada', '', number, '10', '60000'})
  redis.call('DEL', KEYS[4])
end
"""
"""The gateway's own script, as often as wanted: a hundred thousand requests take minutes."""


async def test_however_many_browsers_somebody_makes_up_ten_are_kept_and_nothing_of_the_rest(
    redis: Redis, redis_config: RedisSettings
) -> None:
    values = {"vapid_subject": "mailto:x@shop.example", "token_secret": "x" * 32}
    names = GatewaySettings.model_validate({**values, "namespace": redis_config.namespace})
    claims = Claims(redis, names)
    for number in range(SOME):
        claim = await claims.claim(f"{number:032x}", f"https://push.example/{number}", "ada", None)
        assert len(claim.ended) == (1 if number >= DEVICES else 0)
        assert await claims.unsettled("ada") == [each for _, each in claim.ended]
        if claim.ended:
            await claims.settle("ada", [each for _, each in claim.ended])
        if number % 3 == 0:
            await claims.claim(f"{number:032x}", f"https://push.example/b{number}", "bob", None)
            await claims.drop(f"{number:032x}", "bob")
    flooded = redis.register_script(_FLOODED % _SCRIPT)
    parts = ("claims", "endpoint", "claimed", "ending")
    keys = [names.redis_key("gateway", name, "ada") for name in parts]
    for start in range(SOME, FLOOD, 10_000):
        await flooded(keys=keys, args=[start, min(start + 10_000, FLOOD) - 1])
    left = [key.decode() async for key in redis.scan_iter(f"*{redis_config.namespace}*")]
    assert len(left) <= 2 * DEVICES + 4
    assert await redis.zcard(keys[0]) == await redis.hlen(keys[2]) == DEVICES


HEAD = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\n"
SMUGGLED = "GET /v1/keys/current HTTP/1.1\r\nHost: x\r\n\r\n"
TWO_READINGS = [
    f"{HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    f"{HEAD}Content-Length: 0\r\nContent-Length: 44\r\n\r\n{SMUGGLED}",
    f"{HEAD}Content-Length: +0\r\n\r\n{SMUGGLED}",
    f"{HEAD}Content-Length : 0\r\n\r\n{SMUGGLED}",
    f"{HEAD}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n{SMUGGLED}",
    f"{HEAD}X-A: b\x00c\r\n\r\n{SMUGGLED}",
    "\x16\x03\x01\x02\x00\x01\x00",
    "GET\r\n\r\n",
]


async def said(port: int, raw: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw.encode("latin-1"))
    writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_what_two_servers_would_read_differently_is_refused_and_injects_nothing(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    async with Stage(cluster, redis_url, tmp_path / "keys", gateway_inbox=False) as stage:
        port = stage.gateway.port
        for raw in TWO_READINGS:
            answer = await said(port, raw)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400"), (raw, answer)
            assert b"public_key" not in answer, "the smuggled request was answered"
        for name in ("Origin", "X-Nudge-Visitor", "User-Agent", "Cookie", "X-Forwarded-For"):
            line = f"{name}: a%0d%0aSet-Cookie: b"
            answer = await said(port, f"GET /v1/keys/x HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n")
            head = answer.partition(b"\r\n\r\n")[0].lower()
            assert b"set-cookie" not in head
        answer = await said(port, "GET /v1/keys/%0d%0aX-Injected:%201 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"x-injected" not in answer.partition(b"\r\n\r\n")[0].lower()
        assert (await stage.as_server(event(user_id="ada"))).status == 202


CROSS = [("POST", "/v1/events"), ("POST", "/v1/visitors"), ("POST", "/v1/subscriptions"),
         ("DELETE", f"/v1/subscriptions/{'0' * 32}"), ("POST", "/v1/interactions"),
         ("GET", "/v1/messages"), ("POST", "/v1/messages/read"), ("GET", "/v1/messages/stream"),
         ("GET", "/v1/keys/current"), ("POST", "/v1/rights/export"),
         ("POST", "/v1/rights/erasure")]  # fmt: skip


async def test_a_page_of_somebody_elses_is_refused_on_every_route(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    async with Stage(cluster, redis_url, tmp_path / "keys", gateway_inbox=False) as stage:
        page = await stage.page()
        served = {
            (method.upper(), path)
            for path, operations in stage.gateway._app.openapi()["paths"].items()
            for method in operations
        }
        assert len(CROSS) >= len(served) - 1, "a route without its line here"
        for origin in ("https://evil.example", "null", f"{ORIGIN}.evil.example", ""):
            for method, path in CROSS:
                headers = {
                    "Origin": origin, "Authorization": f"Bearer {PAGE_KEY}",
                    "X-Nudge-Visitor": page.visitor,
                }  # fmt: skip
                answer = await stage.ask(method, path, headers, b"{}" if method == "POST" else None)
                assert (answer.status, answer.json()["code"]) == (403, "origin"), (method, path)
                assert "access-control-allow-origin" not in answer.headers
        assert SERVER_KEY not in str(answer)
