"""Connections to push services: public addresses only, and none used once sending must stop.

What aiohttp does for every kind of request and a push does not need is left out here.
"""

import socket
from collections.abc import Callable, Iterable
from contextvars import ContextVar

from aiohttp import ClientRequest, ClientResponse, ClientTimeout, TCPConnector, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from runtime.endpoints import is_loopback, is_public


class AddressNotAllowedError(OSError):
    """A push service's name resolves to no address that we speak to."""


class HeldBackError(Exception):
    """Sending was paused while the connection was made; nothing was written to it."""


class Attempt:
    """A POST's body, and how far it came. ``connected``: from here on bytes may have been sent."""

    __slots__ = ("body", "connected")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.connected = False


attempt: ContextVar[Attempt] = ContextVar("attempt")
"""The POST of the running task."""


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
        found = await self._resolver.resolve(host, port, family)
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


class PushConnector(TCPConnector):
    """A pool of connections that asks ``may_send`` at the last moment before a request goes out.

    A connection can take seconds to make: a pause that comes meanwhile must still hold.
    """

    def __init__(self, resolver: PublicResolver, may_send: Callable[[], bool]) -> None:
        # How many connections there are is the dispatcher's business.
        super().__init__(limit=0, resolver=resolver, ttl_dns_cache=60)
        self._may_send = may_send

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        """Raises:
        HeldBackError: sending must stop.
        """
        connection = await super().connect(req, traces, timeout)
        if not self._may_send():
            connection.release()
            raise HeldBackError
        attempt.get().connected = True
        return connection


class PushRequest(ClientRequest):
    """A POST with the headers that it was given and no others, and the body of the running attempt.

    Whoever makes it gives ``Content-Length`` and no data. To write a body aiohttp starts a task on
    Python 3.11; four kilobytes that are at hand need none.
    """

    def update_auto_headers(self, _skip: Iterable[str] | None) -> None:
        """None are added."""

    async def send(self, conn: Connection) -> ClientResponse:
        response = await super().send(conn)
        # None: the connection has ended meanwhile, which the answer will say.
        if conn.transport is not None:
            conn.transport.write(attempt.get().body)
        return response
