"""Connections to push services: public addresses only, and one request at a time on each.

aiohttp's pool, resolver's cache, TLS and parser are used as they are; its session is not: it takes
more processor time than all of that (docs/decisions/push-cost.md).
"""

import socket

from aiohttp import ClientConnectionResetError, ClientRequest, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader
from yarl import URL

from delivery.deadlines import Deadlines
from runtime.endpoints import Endpoint, is_loopback, is_public


class AddressNotAllowedError(OSError):
    """A push service's name resolves to no address that we speak to."""


class PublicResolver(AbstractResolver):
    """Resolves names and lets public addresses through.

    The addresses that pass are those connected to, so a name that is bound anew between a check
    and the connection gains nothing. ``localhost`` passes, to loopback alone, where allowed: the
    endpoint policy stands before.
    """

    def __init__(self, *, allow_loopback: bool, resolver: AbstractResolver | None = None) -> None:
        self._allow_loopback = allow_loopback
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises:
        AddressNotAllowedError: no address of ``host`` may be spoken to.
        OSError: it does not resolve.
        """
        try:
            found = await self._resolver.resolve(host, port, family)
        except UnicodeError as error:  # a ValueError: no IDNA name
            raise AddressNotAllowedError(f"{host} is no host name: {error}") from error
        allowed = [result for result in found if self._allows(host, result["host"])]
        if not allowed:
            raise AddressNotAllowedError(f"{host} resolves to no public address")
        return allowed

    def _allows(self, host: str, address: str) -> bool:
        if host == "localhost" and self._allow_loopback:
            return is_loopback(address)
        return is_public(address)

    async def close(self) -> None:
        await self._resolver.close()


def destination_of(origin: str) -> ClientRequest:
    """What the pool is asked with for a connection to ``scheme://host[:port]``; never sent."""
    return ClientRequest("POST", URL(origin, encoded=True))


def request_of(endpoint: Endpoint, headers: dict[str, str], body: bytes) -> bytes:
    """A POST with these headers and no others but ``Host`` and ``Content-Length`` (RFC 9112 §3).

    Raises:
        ValueError: a line break where none may be.
    """
    # A path begins past the scheme; of an endpoint nothing is rewritten.
    start = endpoint.url.find("/", len("https://"))
    target = endpoint.url[start:] if start > 0 else "/"
    lines = [f"POST {target} HTTP/1.1", f"Host: {endpoint.origin.partition('://')[2]}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1:
        raise ValueError("a header of a push would break its line")
    return head.encode() + body


async def exchange(
    connection: Connection, request: bytes, deadlines: Deadlines, due: float
) -> tuple[RawResponseMessage, StreamReader]:
    """Writes the request and waits for the head of its answer; on any error the connection ends.

    Args:
        due: until when there must be an answer, in seconds of the steady clock.

    Raises:
        ClientError, EofStream, HttpProcessingError, OSError, TimeoutError: there is no answer, or
            none that can be read.
    """
    try:
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None or transport.is_closing():
            raise ClientConnectionResetError("the connection has ended")
        protocol.set_response_params(read_until_eof=True, auto_decompress=False)
        # Head and body at once: a write of its own would be another packet.
        transport.write(request)
        deadlines.begin(protocol, due)
        try:
            message, content = await protocol.read()
            while 100 <= message.code < 200 and message.code != 101:
                message, content = await protocol.read()
        finally:
            deadlines.end(protocol)
    except BaseException:
        connection.close()
        raise
    return message, content
