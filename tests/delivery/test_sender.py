"""One POST, to a push service that misbehaves in every way it can."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from delivery.authorization import Authorizations
from delivery.encryption import ReceiverKeys, encrypt
from delivery.outcomes import Verdict, verdict_of
from delivery.pool import AddressInfo, AddressNotAllowedError, Pool
from delivery.sender import Answer, Request
from delivery.sender import post as post_request
from nudge.pushlab import Behaviour, Browser, Fault, PushLab
from runtime.endpoints import Endpoint, EndpointPolicy
from runtime.vapid import KeyRing, create_key, load_keys

POLICY = EndpointPolicy(allow_loopback=True)


@pytest.fixture
async def lab() -> AsyncIterator[PushLab]:
    async with PushLab() as service:
        yield service


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    create_key(tmp_path / "keys")
    return load_keys(tmp_path / "keys")


@asynccontextmanager
async def pool_of(*, may_send: bool = True, timeout_s: float = 5.0) -> AsyncIterator[Pool]:
    pool = Pool(lambda: may_send, connect_timeout_s=2.0, timeout_s=timeout_s, allow_loopback=True)
    try:
        yield pool
    finally:
        pool.close()


async def post(
    pool: Pool, browser: Browser, keys: KeyRing, endpoint: Endpoint | None = None
) -> Answer:
    found = endpoint or POLICY.check(browser.endpoint)
    authorizations = Authorizations(keys, "mailto:ops@shop.example")
    authorization = authorizations.header(None, found.origin, time.time())
    assert authorization is not None
    body = encrypt(ReceiverKeys.parse(browser.p256dh, browser.auth), b'{"job_id":"j1"}')
    return await post_request(pool, found, Request(authorization, 60, "normal", "cart"), body)


@pytest.fixture
def browser(lab: PushLab, keys: KeyRing) -> Browser:
    return lab.subscribe(keys.current.public_key)


async def test_a_push_is_taken_and_read(lab: PushLab, browser: Browser, keys: KeyRing) -> None:
    async with pool_of() as pool:
        answer = await post(pool, browser, keys)
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
    async with pool_of(timeout_s=1.0) as pool:
        answer = await post(pool, browser, keys)
    assert answer.verdict is verdict
    assert lab.post_count == 1
    assert lab.redirects_followed == 0


async def test_the_wait_that_is_asked_for_is_read(
    lab: PushLab, browser: Browser, keys: KeyRing
) -> None:
    lab.faults.append(Fault(status=429, retry_after="17"))
    async with pool_of() as pool:
        answer = await post(pool, browser, keys)
    assert answer.retry_after_s == 17


async def test_a_connection_serves_many_pushes(
    lab: PushLab, browser: Browser, keys: KeyRing
) -> None:
    async with pool_of() as pool:
        for _ in range(5):
            await post(pool, browser, keys)
        assert len(lab.connections) == 1
        await asyncio.gather(*(post(pool, browser, keys) for _ in range(3)))
        assert 1 < len(lab.connections) <= 3
    assert lab.post_count == 8


async def test_a_connection_that_was_closed_meanwhile_is_not_used(
    lab: PushLab, browser: Browser, keys: KeyRing
) -> None:
    async with pool_of() as pool:
        assert (await post(pool, browser, keys)).status == 201
        port = int(lab.origin.rpartition(":")[2])
        await lab.stop()
        async with PushLab(port) as after:
            answer = await post(pool, browser, keys)
            assert answer.status == 404  # another service, which does not know the browser
            assert after.post_count == 1


async def test_nobody_listening_is_no_doubt(lab: PushLab, browser: Browser, keys: KeyRing) -> None:
    await lab.stop()
    async with pool_of() as pool:
        answer = await post(pool, browser, keys)
    assert answer.verdict is Verdict.TRY_LATER
    assert "before the request went out" in str(answer.detail)


async def test_a_pause_during_the_connection_holds_the_push_back(
    lab: PushLab, browser: Browser, keys: KeyRing
) -> None:
    async with pool_of(may_send=False) as pool:
        answer = await post(pool, browser, keys)
    assert answer.verdict is Verdict.HELD_BACK
    assert lab.post_count == 0


async def rebound(_: str, port: int) -> list[AddressInfo]:
    """A name that pointed at a push service when it was checked, and now points inside."""
    return [(2, 1, 6, "", ("127.0.0.1", port))]


async def test_a_name_bound_to_an_address_inside_is_not_connected_to(
    lab: PushLab, browser: Browser, keys: KeyRing
) -> None:
    port = int(lab.origin.rpartition(":")[2])
    outside = Endpoint(
        f"http://push.shop.example:{port}/x",
        lab.origin,
        "x",
        "push.shop.example",
        port,
        False,
        "/x",
    )
    for allow_loopback in (True, False):
        pool = Pool(
            lambda: True,
            connect_timeout_s=2.0,
            timeout_s=2.0,
            allow_loopback=allow_loopback,
            resolve=rebound,
        )
        assert (await post(pool, browser, keys, outside)).verdict is Verdict.NOT_ALLOWED
        pool.close()
    assert lab.post_count == 0


async def test_localhost_leads_to_loopback_or_nowhere() -> None:
    async def elsewhere(_: str, port: int) -> list[AddressInfo]:
        return [(2, 1, 6, "", ("142.250.74.106", port))]

    pool = Pool(
        lambda: True, connect_timeout_s=1, timeout_s=1, allow_loopback=True, resolve=elsewhere
    )
    with pytest.raises(AddressNotAllowedError):
        await pool._addresses("localhost", 80)


@asynccontextmanager
async def raw_service(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Endpoint]:
    """A server that reads a POST and then says whatever ``answer`` writes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        await answer(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield POLICY.check(f"http://127.0.0.1:{port}/x")


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", Verdict.DELIVERED),
        (b"HTTP/1.1 201 Created\r\n\r\nuntil the end", Verdict.DELIVERED),
        (
            b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n",
            Verdict.DELIVERED,
        ),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
            Verdict.DELIVERED,
        ),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhalf", Verdict.DELIVERED),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Verdict.IN_DOUBT),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Verdict.IN_DOUBT),
        (b"HTTP/1.1 201 Cre", Verdict.IN_DOUBT),
        (b"", Verdict.IN_DOUBT),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Verdict.IN_DOUBT),
        (b"HTTP/1.1 503 No\r\nX: " + b"y" * 100_000, Verdict.IN_DOUBT),
        (b"HTTP/1.1 503 No\r\n" + b"X: y\r\n" * 50_000, Verdict.IN_DOUBT),
    ],
    ids=range(12),
)
async def test_whatever_a_server_says_is_one_verdict(
    keys: KeyRing, said: bytes, verdict: Verdict
) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    async with raw_service(answer) as endpoint, pool_of() as pool:
        answered = await post(pool, Browser(endpoint.url, None), keys, endpoint)
    assert answered.verdict is verdict


async def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_one(keys: KeyRing) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        one = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
        writer.write(one + one.replace(b"201", b"410"))
        await writer.drain()
        await asyncio.sleep(0.3)

    async with raw_service(answer) as endpoint, pool_of() as pool:
        browser = Browser(endpoint.url, None)
        answers = [await post(pool, browser, keys, endpoint) for _ in range(3)]
    assert [answered.status for answered in answers] == [201, 201, 201]


async def test_a_push_service_must_prove_who_it_is(keys: KeyRing, tmp_path: Path) -> None:
    context = self_signed(tmp_path)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    endpoint = POLICY.check(f"https://localhost:{port}/x")
    async with server, pool_of() as pool:
        answer = await post(pool, Browser(endpoint.url, None), keys, endpoint)
    assert answer.verdict is Verdict.TRY_LATER
    assert "CERTIFICATE_VERIFY_FAILED" in str(answer.detail)


def self_signed(directory: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (directory / "tls.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (directory / "tls.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    return context


def test_every_status_has_a_verdict() -> None:
    assert {verdict_of(status) for status in range(100, 600)} == {
        Verdict.DELIVERED,
        Verdict.GONE,
        Verdict.REJECTED,
        Verdict.UNAUTHORIZED,
        Verdict.TRY_LATER,
        Verdict.IN_DOUBT,
    }


def test_the_header_is_kept_and_made_anew_before_it_ages(keys: KeyRing) -> None:
    headers = Authorizations(keys, "mailto:ops@shop.example")
    first = headers.header(None, "https://a.example", 1e9)
    assert headers.header(None, "https://a.example", 1e9 + 6 * 3600 - 1) is first
    assert headers.header(None, "https://a.example", 1e9 + 6 * 3600) != first
    assert headers.header(None, "https://b.example", 1e9) != first
    assert headers.header("unheard-of", "https://a.example", 1e9) is None
