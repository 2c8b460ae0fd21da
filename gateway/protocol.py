"""HTTP/1.1 with bounds that uvicorn leaves to a proxy: how long, and how large, each part may be.

Whatever is waited for from the other side has a deadline that no byte of theirs puts off: a
request's head, the next request, the rest of a request that is answered already, the reading of
an answer. (A body's is kept by who reads it, :func:`gateway.limits.read_body`.) Without them a few
slow clients hold every connection (slowloris), or fill the memory with headers.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any, ClassVar

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.limits import Connections

HEAD_BYTES = 32_768
"""Of a head, and of trailers: of all that is no body."""
_LINGER_S = 2.0
"""For so long the rest of a refused request is heard: the answer would be lost to a reset."""
_LEAST_BYTES_PER_S = 16_384
"""Who reads an answer more slowly than this is not waited for."""


class Protocol(HttpToolsProtocol):
    """Closes connections that keep it waiting. Made by :meth:`within`, which gives the bounds."""

    timeout_s: ClassVar[float]
    most_connections: ClassVar[int]
    of_addresses: ClassVar[Connections]
    busy: ClassVar[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: TimerHandle | None = None
        self._unread: TimerHandle | None = None
        self._awaits_head = False
        """Whether a head is on its way."""
        self._bytes_beside_bodies = 0
        """Since the last byte of a body: of a head, of trailers, of a chunk's extension."""
        self._keeps_alive = False
        self._address = ""

    @classmethod
    def within(
        cls, timeout_s: float, most: int, of_addresses: Connections, busy: ASGIApp
    ) -> "type[Protocol]":
        """The protocol with its bounds.

        Args:
            timeout_s: for a head; for an answer to be read, beside what its size takes.
            most: connections at once.
            of_addresses: counts those of each address; one too many is closed at once.
            busy: what answers the others. Their connections are closed then.
        """
        bounds = {
            "timeout_s": timeout_s,
            "most_connections": most,
            "of_addresses": of_addresses,
            "busy": staticmethod(busy),
        }
        return type("Protocol", (cls,), bounds)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(_Ending(transport, self._end))
        self._address = self.client[0] if self.client else ""
        if self.of_addresses.opened(self._address):
            self._await_head()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.of_addresses.closed(self._address)
        self._wait(None)
        self._is_read()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._bytes_beside_bodies += len(data)
        super().data_received(data)
        if self._bytes_beside_bodies > HEAD_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._awaits_head:
            self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Not a chunked body's trailers: they are not to be read as headers (RFC 9110 §6.5.1).
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._awaits_head = False
        self._bytes_beside_bodies = 0
        self._wait(None)
        is_busy = self._is_busy()
        self.app = self.busy if is_busy else self.config.loaded_app
        super().on_headers_complete()
        # An answer that begins before the request is whole ends the connection (RFC 9112 §9.3).
        self._keeps_alive = self.cycle.keep_alive and not is_busy
        self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._bytes_beside_bodies = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps_alive

    def on_response_complete(self) -> None:
        super().on_response_complete()
        is_idle = self.cycle.response_complete and not self._awaits_head
        if is_idle and not self.transport.is_closing():
            # uvicorn's own is put off by a byte that begins no request.
            self._wait(self.timeout_keep_alive)

    def shutdown(self) -> None:
        super().shutdown()
        self._keeps_alive = False

    def pause_writing(self) -> None:
        super().pause_writing()
        seconds = self.timeout_s + _reading_s(self.transport)
        self._unread = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read()

    def _is_busy(self) -> bool:
        return max(len(self.connections) - 1, len(self.tasks)) >= self.most_connections

    def _await_head(self) -> None:
        self._awaits_head = True
        self._bytes_beside_bodies = 0
        self._wait(self.timeout_s)

    def _wait(self, seconds: float | None) -> None:
        """What is waited for now must be here within so long; ``None``: nothing is."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _end(self, transport: Transport) -> None:
        """Closes it; first hears the rest of a request that was answered early (RFC 9112 §9.6)."""
        # What is written and not read yet keeps it open, either way.
        if self.cycle is not None and self.cycle.more_body:
            self._wait(_LINGER_S + _reading_s(transport))
            self.flow.resume_reading()
            transport.write_eof()
        else:
            self._wait(self.timeout_s + _reading_s(transport))
            transport.close()


def _reading_s(transport: Transport) -> float:
    return transport.get_write_buffer_size() / _LEAST_BYTES_PER_S


class _Ending(Transport):
    """A connection's transport; how it is closed is decided by ``end``."""

    def __init__(self, transport: Transport, end: Callable[[Transport], None]) -> None:
        super().__init__()
        self._transport = transport
        self._end = end
        self._ended = False

    def close(self) -> None:
        if not self.is_closing():
            self._ended = True
            self._end(self._transport)

    def is_closing(self) -> bool:
        return self._ended or self._transport.is_closing()

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        if not self.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        self._transport.abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()
