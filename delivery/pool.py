"""Connections to push services, kept open between pushes, to public addresses only."""

import asyncio
import socket
import ssl
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable

import aiohappyeyeballs

from delivery.connection import PushConnection, Reply
from runtime.endpoints import Endpoint, is_loopback, is_public

_LOOK_EVERY_S = 0.1
_IDLE_S = 15.0
_RESOLVED_FOR_S = 60.0
_EYEBALLS_S = 0.25

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
Resolve = Callable[[str, int], Awaitable[list[AddressInfo]]]


class AddressNotAllowedError(OSError):
    """A push service's name resolves to no address that we speak to."""


class HeldBackError(Exception):
    """Sending was paused while the connection was made; nothing was written to it."""


class Sent:
    """Whether bytes of a request may have left."""

    __slots__ = ("maybe",)

    def __init__(self) -> None:
        self.maybe = False


async def resolve(host: str, port: int) -> list[AddressInfo]:
    """The system's answer.

    Raises:
        OSError: the name does not resolve.
    """
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]


class Pool:
    """Keep-alive connections by origin, and the time limits of all that is under way.

    Addresses are checked when a connection is made, and those that pass are the ones connected
    to, so a name that is bound anew between a check and the connection gains nothing.

    Args:
        may_send: asked at the last moment before bytes are written: a connection can take seconds
            to make, and a pause that comes meanwhile must still hold.
        timeout_s: from writing a request to the head of its answer.
        allow_loopback: whether ``localhost`` may be connected to. The endpoint policy stands
            before, so no other name leads there.
    """

    def __init__(
        self,
        may_send: Callable[[], bool],
        *,
        connect_timeout_s: float,
        timeout_s: float,
        allow_loopback: bool = False,
        resolve: Resolve = resolve,
    ) -> None:
        self._may_send = may_send
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s
        self._allow_loopback = allow_loopback
        self._resolve = resolve
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self._idle: defaultdict[str, deque[PushConnection]] = defaultdict(deque)
        self._under_way: set[PushConnection] = set()
        self._resolved: dict[tuple[str, int], tuple[float, list[AddressInfo]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def post(self, endpoint: Endpoint, request: bytes, sent: Sent) -> Reply:
        """Writes ``request`` and returns the answer.

        Args:
            sent: told once the request may have left: whatever is raised after that is a doubt.

        Raises:
            HeldBackError: sending must stop.
            AddressNotAllowedError: the name leads to no public address.
            OSError: no connection, or it ended; ``TimeoutError`` is one.
        """
        connection = self._kept(endpoint) or await self._connect(endpoint)
        if not self._may_send():
            self._keep(endpoint, connection)
            raise HeldBackError
        loop = asyncio.get_running_loop()
        sent.maybe = True
        reply = connection.send(request, loop.time() + self._timeout_s)
        # Only now: before it is sent, a connection has no time limit to be held against.
        self._under_way.add(connection)
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_EVERY_S, self._look, loop)
        try:
            return await reply
        finally:
            self._under_way.discard(connection)
            self._keep(endpoint, connection)

    def close(self) -> None:
        """Closes what is idle; what is under way ends by itself."""
        if self._timer is not None:
            self._timer.cancel()
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _kept(self, endpoint: Endpoint) -> PushConnection | None:
        idle = self._idle[endpoint.origin]
        while idle:
            # The one used last: the others may grow old and close.
            connection = idle.pop()
            if connection.usable:
                return connection
        return None

    def _keep(self, endpoint: Endpoint, connection: PushConnection) -> None:
        if connection.usable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle[endpoint.origin].append(connection)
        else:
            connection.close()

    async def _connect(self, endpoint: Endpoint) -> PushConnection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._connect_timeout_s):
            addresses = await self._addresses(endpoint.host, endpoint.port)
            sock = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_EYEBALLS_S
            )
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await loop.create_connection(
                PushConnection,
                sock=sock,
                ssl=self._tls if endpoint.secure else None,
                server_hostname=endpoint.host if endpoint.secure else None,
            )
        return connection

    async def _addresses(self, host: str, port: int) -> list[AddressInfo]:
        now = asyncio.get_running_loop().time()
        known = self._resolved.get((host, port))
        if known is not None and now < known[0]:
            return known[1]
        found = await self._resolve(host, port)
        allowed = [info for info in found if self._allows(host, info[4][0])]
        if not allowed:
            raise AddressNotAllowedError(f"{host} resolves to no public address")
        self._resolved[(host, port)] = (now + _RESOLVED_FOR_S, allowed)
        return allowed

    def _allows(self, host: str, address: str) -> bool:
        if self._allow_loopback and host in ("localhost", "127.0.0.1", "::1"):
            return is_loopback(address)
        return is_public(address)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ends what has taken too long, and closes what has been idle."""
        now = loop.time()
        for connection in [c for c in self._under_way if c.due <= now]:
            connection.patience_ended()
        for connections in self._idle.values():
            while connections and connections[0].idle_since < now - _IDLE_S:
                connections.popleft().close()
        self._timer = loop.call_later(_LOOK_EVERY_S, self._look, loop)
