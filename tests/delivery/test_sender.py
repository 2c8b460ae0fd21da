"""One POST, to a push service that misbehaves in every way it can."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from delivery.authorization import Authorizations
from delivery.connector import AddressNotAllowedError, PublicResolver, request_of
from delivery.encryption import ReceiverKeys, encrypt
from delivery.outcomes import Verdict, verdict_of
from delivery.sender import Answer, Sender
from nudge.pushlab import Behaviour, Browser, Fault, PushLab
from runtime.endpoints import Endpoint
from runtime.vapid import KeyRing, create_key, load_keys
from schemas.push import MessageClass


@pytest.fixture
async def lab() -> AsyncIterator[PushLab]:
    async with PushLab() as service:
        yield service


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    create_key(tmp_path / "keys")
    return load_keys(tmp_path / "keys")


@asynccontextmanager
async def sender_of(*, may_send: bool = True, timeout_s: float = 5.0) -> AsyncIterator[Sender]:
    sender = Sender(
        lambda: may_send, connect_timeout_s=2.0, timeout_s=timeout_s, allow_loopback=True
    )
    try:
        yield sender
    finally:
        await sender.close()


async def post(sender: Sender, browser: Browser, keys: KeyRing, url: str | None = None) -> Answer:
    origin = (url or browser.endpoint).rpartition("/wpush")[0]
    authorization = Authorizations(keys, "mailto:ops@shop.example").header(
        None, origin, time.time()
    )
    assert authorization is not None
    return await sender.post(
        Endpoint(url or browser.endpoint, origin, "loopback"),
        {
            "Authorization": authorization,
            "TTL": "60",
            "Urgency": "normal",
            "Topic": "cart",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
        },
        encrypt(ReceiverKeys.parse(browser.p256dh, browser.auth), b'{"job_id":"j1"}'),
    )


@pytest.fixture
def browser(lab: PushLab, keys: KeyRing) -> Browser:
    return lab.subscribe(keys.current.public_key)


async def test_a_push_is_taken_and_read(lab: PushLab, browser: Browser, keys: KeyRing) -> None:
    async with sender_of() as sender:
        answer = await post(sender, browser, keys)
    assert (answer.verdict, answer.status) == (Verdict.DELIVERED, 201)
    (message,) = browser.messages
    assert message.payload == {"job_id": "j1"}
    assert (message.ttl, message.urgency, message.topic) == (60, "normal", "cart")
    assert message.vapid_subject == "mailto:ops@shop.example"
    assert not lab.refusals


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (Fault(status=202), Verdict.DELIVERED),
        (Fault(status=404), Verdict.GONE),
        (Fault(status=410), Verdict.GONE),
        (Fault(status=400), Verdict.REJECTED),
        (Fault(status=413), Verdict.REJECTED),
        (Fault(status=401), Verdict.UNAUTHORIZED),
        (Fault(status=403), Verdict.UNAUTHORIZED),
        (Fault(status=429), Verdict.TRY_LATER),
        (Fault(status=503), Verdict.TRY_LATER),
        (Fault(status=502), Verdict.IN_DOUBT),
        (Fault(Behaviour.HANG), Verdict.IN_DOUBT),
        (Fault(Behaviour.RESET), Verdict.IN_DOUBT),
        (Fault(Behaviour.REDIRECT), Verdict.REJECTED),
        (Fault(Behaviour.ENDLESS, status=201), Verdict.DELIVERED),
        (Fault(Behaviour.ENDLESS, status=503), Verdict.TRY_LATER),
        (Fault(Behaviour.SLOW, status=201, delay_s=0.2), Verdict.DELIVERED),
    ],
    ids=lambda value: f"{value.behaviour}-{value.status}" if isinstance(value, Fault) else "",
)
async def test_every_answer_has_one_meaning(
    lab: PushLab, browser: Browser, keys: KeyRing, fault: Fault, verdict: Verdict
) -> None:
    lab.faults.append(fault)
    async with sender_of(timeout_s=1.0) as sender:
        answer = await post(sender, browser, keys)
    assert answer.verdict is verdict
    assert lab.post_count == 1
    assert lab.redirects_followed == 0


@pytest.mark.parametrize("host", ["a..notify.windows.com", f"{'x' * 64}.push.apple.com"])
async def test_a_name_that_is_none_ends_its_push_and_not_the_worker(host: str) -> None:
    endpoint = Endpoint(f"https://{host}/x", f"https://{host}", "*")
    async with sender_of() as sender:
        answer = await sender.post(endpoint, {}, b"x")
    assert answer.verdict is Verdict.NOT_ALLOWED


async def test_what_nobody_foresaw_ends_its_push_and_not_the_worker() -> None:
    endpoint = Endpoint("https://fcm.googleapis.com/x", "https://fcm.googleapis.com", "*")
    async with sender_of() as sender:
        answer = await sender.post(endpoint, {"Topic": "a\r\nb"}, b"x")
    assert answer.verdict is Verdict.TRY_LATER


async def test_the_wait_that_is_asked_for_is_read(
    lab: PushLab, browser: Browser, keys: KeyRing
) -> None:
    lab.faults.append(Fault(status=429, retry_after="17"))
    async with sender_of() as sender:
        answer = await post(sender, browser, keys)
    assert answer.retry_after_s == 17


async def test_a_connection_serves_many_pushes(
    lab: PushLab, browser: Browser, keys: KeyRing
) -> None:
    async with sender_of() as sender:
        for _ in range(5):
            await post(sender, browser, keys)
        (pooled,) = sender._connector._conns.values()
        assert len(pooled) == 1
    assert lab.post_count == 5


async def test_nobody_listening_is_no_doubt(lab: PushLab, browser: Browser, keys: KeyRing) -> None:
    await lab.stop()
    async with sender_of() as sender:
        answer = await post(sender, browser, keys)
    assert answer.verdict is Verdict.TRY_LATER
    assert "before the request went out" in str(answer.detail)


async def test_a_pause_during_the_connection_holds_the_push_back(
    lab: PushLab, browser: Browser, keys: KeyRing
) -> None:
    async with sender_of(may_send=False) as sender:
        answer = await post(sender, browser, keys)
    assert answer.verdict is Verdict.HELD_BACK
    assert lab.post_count == 0


def test_no_header_breaks_its_line() -> None:
    endpoint = Endpoint("https://push.example/x", "https://push.example", "push.example")
    assert request_of(endpoint, {"TTL": "1"}, b"body") == (
        b"POST /x HTTP/1.1\r\nHost: push.example\r\nTTL: 1\r\nContent-Length: 4\r\n\r\nbody"
    )
    for broken in ("a\r\nHost: other", "a\nb", "a\rb"):
        with pytest.raises(ValueError, match="break its line"):
            request_of(endpoint, {"Topic": broken}, b"")


class Rebound(AbstractResolver):
    """A name that pointed at a push service when it was checked, and now points inside."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        result = ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=2, proto=0, flags=0
        )
        return [result]

    async def close(self) -> None:
        pass


async def test_a_name_bound_to_an_address_inside_is_not_connected_to(
    lab: PushLab, browser: Browser, keys: KeyRing
) -> None:
    async with sender_of() as sender:
        sender._connector._resolver = PublicResolver(allow_loopback=True, resolver=Rebound())
        port = lab.origin.rpartition(":")[2]
        answer = await post(sender, browser, keys, f"http://push.shop.example:{port}/wpush/v2/x")
        local = await PublicResolver(allow_loopback=True, resolver=Rebound()).resolve("localhost")
    assert answer.verdict is Verdict.NOT_ALLOWED
    assert lab.post_count == 0
    assert [result["host"] for result in local] == ["127.0.0.1"]
    with pytest.raises(AddressNotAllowedError):
        await PublicResolver(allow_loopback=False, resolver=Rebound()).resolve("localhost")


def test_every_status_has_a_verdict() -> None:
    assert {verdict_of(status) for status in range(100, 600)} == {
        Verdict.DELIVERED,
        Verdict.GONE,
        Verdict.REJECTED,
        Verdict.UNAUTHORIZED,
        Verdict.TRY_LATER,
        Verdict.IN_DOUBT,
    }
    assert len(MessageClass) == 3


def test_the_header_is_kept_and_made_anew_before_it_ages(keys: KeyRing) -> None:
    headers = Authorizations(keys, "mailto:ops@shop.example")
    first = headers.header(None, "https://a.example", 1e9)
    assert headers.header(None, "https://a.example", 1e9 + 6 * 3600 - 1) is first
    assert headers.header(None, "https://a.example", 1e9 + 6 * 3600) != first
    assert headers.header(None, "https://b.example", 1e9) != first
    assert headers.header("unheard-of", "https://a.example", 1e9) is None


def test_a_header_that_was_made_while_the_clock_was_ahead_or_was_refused_is_not_used_again(
    keys: KeyRing,
) -> None:
    headers = Authorizations(keys, "mailto:ops@shop.example")
    ahead = headers.header(None, "https://a.example", 1e9 + 2 * 86_400)
    put_right = headers.header(None, "https://a.example", 1e9)
    assert put_right != ahead
    assert headers.header(None, "https://a.example", 1e9 + 60) is put_right
    headers.refused(None, "https://a.example")
    assert headers.header(None, "https://a.example", 1e9 + 60) != put_right
