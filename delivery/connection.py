"""One HTTP/1.1 connection to a push service: a POST at a time, its answer bounded in every way.

On asyncio and httptools (the parser of Node.js), since a general client costs a push more than
its encryption: docs/delivery.md has the figures.
"""

import asyncio
from dataclasses import dataclass
from typing import cast

import httptools

_HEAD_LIMIT = 32 * 1024
"""Bytes before the end of an answer's head, informational answers included."""
_BODY_CAP = 2048
_WANTED = frozenset({b"retry-after"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A push service's answer. The status is certain once its head has come."""

    status: int
    retry_after: str | None
    body: bytes
    """At most 2 KiB of it."""


class ConnectionEndedError(ConnectionError):
    """The connection ended, or said nothing that is HTTP, before the head of an answer."""


class PushConnection(asyncio.Protocol):
    """A connection in a pool. ``idle``: it may be used; ``due``: when patience ends (loop time)."""

    __slots__ = (
        "_body", "_head_bytes", "_parser", "_reply", "_retry_after", "_status",
        "_transport", "due", "idle_since",
    )  # fmt: skip

    def __init__(self) -> None:
        self.due = 0.0
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[Reply] | None = None
        self._retry_after: str | None = None
        self._reset()

    @property
    def usable(self) -> bool:
        """Whether it is open, and nothing is under way on it."""
        return (
            self._transport is not None and not self._transport.is_closing() and self._reply is None
        )

    def send(self, request: bytes, due: float) -> "asyncio.Future[Reply]":
        """Writes a whole request. From here on it may have been received.

        The future raises :class:`ConnectionEndedError`, or ``TimeoutError`` once ``due``.
        """
        assert self._transport is not None
        self.due = due
        self._reset()
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._reply

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def patience_ended(self) -> None:
        """Takes the answer as far as it has come."""
        if self._status:
            self._complete(keep=False)
        else:
            self._fail(TimeoutError("no answer in time"))

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        if self._reply is None:
            self.close()  # nobody asked
            return
        if not self._status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(ConnectionEndedError(f"no HTTP: {error}"))
            return
        if not self._status and self._head_bytes > _HEAD_LIMIT:
            self._fail(ConnectionEndedError(f"a head of more than {_HEAD_LIMIT} bytes"))
        elif len(self._body) > _BODY_CAP:
            self._complete(keep=False)

    def eof_received(self) -> None:
        return None

    def connection_lost(self, error: Exception | None) -> None:
        if self._status:
            self._complete(keep=False)  # a body that ends with the connection
        else:
            why = f"{type(error).__name__}: {error}" if error else "closed by the push service"
            self._fail(ConnectionEndedError(why))

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._reply is None:
            self.close()  # an answer more than there were requests

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in _WANTED:
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            self._status = status

    def on_body(self, data: bytes) -> None:
        if len(self._body) <= _BODY_CAP:
            self._body += data

    def on_message_complete(self) -> None:
        if self._status:
            self._complete(keep=self._parser.should_keep_alive())

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._retry_after = None
        self._body = b""
        self._head_bytes = 0

    def _complete(self, *, keep: bool) -> None:
        reply, self._reply = self._reply, None
        if not keep:
            self.close()
        if reply is not None and not reply.done():
            reply.set_result(Reply(self._status, self._retry_after, self._body[:_BODY_CAP]))

    def _fail(self, error: Exception) -> None:
        reply, self._reply = self._reply, None
        self.close()
        if reply is not None and not reply.done():
            reply.set_exception(error)
