"""A push over TLS: to whom the certificate proves to be the push service, and to nobody else."""

import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from delivery.outcomes import Verdict
from delivery.sender import Sender
from runtime.endpoints import Endpoint

_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)


def certificate(directory: Path) -> Path:
    """A certificate for ``localhost`` that only itself vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, _BEGIN, _END)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "localhost.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    return file


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[tuple[Endpoint, Path, list[str]]]:
    """An endpoint over https, its certificate, and the targets that it was asked for."""
    file, taken = certificate(tmp_path), list[str]()

    async def take(request: web.Request) -> web.Response:
        taken.append(f"{request.host} {request.raw_path} {(await request.read()).decode()}")
        return web.Response(status=201)

    app = web.Application()
    app.router.add_post("/{anything:.*}", take)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    origin = f"https://localhost:{runner.addresses[0][1]}"
    try:
        yield Endpoint(f"{origin}/wpush/v2/a%2Fb?c=d", origin, "localhost"), file, taken
    finally:
        await runner.cleanup()


def sender() -> Sender:
    return Sender(lambda: True, connect_timeout_s=5.0, timeout_s=5.0, allow_loopback=True)


async def test_who_can_prove_to_be_the_push_service_gets_the_push(
    service: tuple[Endpoint, Path, list[str]],
) -> None:
    endpoint, file, taken = service
    sending = sender()
    sending._connector._ssl = ssl.create_default_context(cafile=file)
    try:
        answers = [await sending.post(endpoint, {"TTL": "1"}, b"body") for _ in range(2)]
    finally:
        await sending.close()
    assert [answer.verdict for answer in answers] == [Verdict.DELIVERED] * 2
    host = endpoint.origin.removeprefix("https://")
    assert taken == [f"{host} /wpush/v2/a%2Fb?c=d body"] * 2


async def test_who_cannot_prove_it_gets_nothing(
    service: tuple[Endpoint, Path, list[str]],
) -> None:
    endpoint, _, taken = service
    sending = sender()
    try:
        answer = await sending.post(endpoint, {"TTL": "1"}, b"body")
    finally:
        await sending.close()
    assert answer.verdict is Verdict.TRY_LATER
    assert "before the request went out" in str(answer.detail)
    assert taken == []
