"""Connections to push services: public addresses only, and none used once sending must stop."""

import socket
from collections.abc import Callable
from contextvars import ContextVar

from aiohttp import ClientRequest, ClientTimeout, TCPConnector, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from runtime.endpoints import is_loopback, is_public


class AddressNotAllowedError(OSError):
    """A push service's name resolves to no address that we speak to."""


class HeldBackError(Exception):
    """Sending was paused while the connection was made; nothing was written to it."""


class Attempt:
    """How far a POST came. ``connected``: from here on bytes may have been sent."""

    __slots__ = ("connected",)

    def __init__(self) -> None:
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
