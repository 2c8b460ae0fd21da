"""The push service of our own, held against an independent sender: pywebpush."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from py_vapid import Vapid02
from pywebpush import WebPushException, webpush_async

from nudge.pushlab import Browser, Fault, PushLab, PushLabServer
from nudge.pushlab.checks import RefusedError, VapidVerifier, check_headers


@pytest.fixture
async def lab() -> AsyncIterator[PushLab]:
    async with PushLab() as service:
        yield service


def vapid() -> Vapid02:
    key = Vapid02()
    key.generate_keys()
    return key


async def push(browser: Browser, key: Vapid02, **options: Any) -> int:
    """The status that pywebpush sees."""
    async with aiohttp.ClientSession() as session:
        try:
            answer = await webpush_async(
                {"endpoint": browser.endpoint, "keys": browser.keys()},
                '{"job_id":"j1"}',
                vapid_private_key=key,
                **{"vapid_claims": {"sub": "mailto:ops@shop.example"}, "ttl": 60} | options,
                aiohttp_session=session,
                timeout=aiohttp.ClientTimeout(total=5),
            )
        except WebPushException as error:
            return int(error.status_code or 0)
        return int(answer.status)


async def test_what_pywebpush_sends_is_read(lab: PushLab) -> None:
    browser = lab.subscribe()
    assert await push(browser, vapid()) == 201
    (message,) = browser.messages
    assert message.payload == {"job_id": "j1"}
    assert message.ttl == 60
    assert len(lab.posts_of("j1")) == 1


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"sub": "mailto:ops@shop.example", "aud": "https://elsewhere.example"}, 401),
        ({"sub": "mailto:ops@shop.example", "exp": int(time.time()) + 25 * 3600}, 401),
    ],
)
async def test_claims_that_rfc_8292_forbids_are_refused(
    lab: PushLab, claims: dict[str, Any], status: int
) -> None:
    assert await push(lab.subscribe(), vapid(), vapid_claims=claims) == status
    assert not lab.messages


def test_a_header_that_has_run_out_is_refused() -> None:
    origin = "https://push.example"
    claims = {"sub": "mailto:ops@shop.example", "aud": origin, "exp": int(time.time()) - 1}
    header = vapid().sign(claims)["Authorization"]
    with pytest.raises(RefusedError, match="exp"):
        VapidVerifier(origin).check(header, None)


@pytest.mark.parametrize(
    "header", [None, "", "vapid", "vapid t=a,k=b", "Bearer x", "vapid t=..,k="]
)
def test_what_is_no_vapid_header_is_refused(header: str | None) -> None:
    with pytest.raises(RefusedError):
        VapidVerifier("https://push.example").check(header, None)


async def test_another_key_than_the_browsers_is_refused(lab: PushLab) -> None:
    key = vapid()
    mine = lab.subscribe("BNotTheKeyThatItIsSignedWith")
    assert await push(mine, key) == 403


@pytest.mark.parametrize(
    ("headers", "size", "status"),
    [
        ({"TTL": "1", "Content-Encoding": "aes128gcm"}, 4097, 413),
        ({"TTL": "1"}, 10, 400),
        ({"Content-Encoding": "aes128gcm"}, 10, 400),
        ({"TTL": "-1", "Content-Encoding": "aes128gcm"}, 10, 400),
        ({"TTL": "1", "Content-Encoding": "aes128gcm", "Urgency": "now"}, 10, 400),
        ({"TTL": "1", "Content-Encoding": "aes128gcm", "Topic": "a b"}, 10, 400),
    ],
)
def test_headers_that_rfc_8030_forbids_are_refused(
    headers: dict[str, str], size: int, status: int
) -> None:
    with pytest.raises(RefusedError) as refusal:
        check_headers(headers, size)
    assert refusal.value.status == status


async def test_a_newer_message_replaces_one_of_its_topic_where_it_is_asked_for() -> None:
    async with PushLab(collapse=True) as lab:
        browser, key = lab.subscribe(), vapid()
        for topic in ("cart", "order", "cart"):
            assert await push(browser, key, headers={"Topic": topic}) == 201
        assert [message.topic for message in browser.messages] == ["order", "cart"]
        assert lab.post_count == 3


async def test_a_fault_lasts_as_long_as_it_says(lab: PushLab) -> None:
    browser, key = lab.subscribe(), vapid()
    browser.faults += [Fault(status=503, times=2), Fault(status=410, times=1)]
    assert [await push(browser, key) for _ in range(4)] == [503, 503, 410, 201]


async def test_it_can_be_asked_and_told_from_another_process() -> None:
    async with PushLabServer() as lab, aiohttp.ClientSession(lab.origin) as session:
        (made,) = await (await session.post("/api/subscriptions")).json()
        browser = lab.browser(made["endpoint"])
        assert browser is not None
        assert made["keys"] == browser.keys()
        fault = {"endpoint": made["endpoint"], "status": 429, "retry_after": "1", "times": 1}
        assert (await session.post("/api/faults", json=fault)).status == 200
        waiting = asyncio.create_task(session.get("/api/messages?after=0&wait=10"))
        assert [await push(browser, vapid()) for _ in range(2)] == [429, 201]
        (message,) = await (await waiting).json()
        assert message["payload"] == {"job_id": "j1"}
        counts = await (await session.get("/api/counts")).json()
        assert counts == {"posts": 2, "accepted": 1, "redirects_followed": 0}
        assert (await session.post("/api/faults", json={"behaviour": "sulk"})).status == 400
