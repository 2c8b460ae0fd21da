"""One POST to a push service (RFC 8030 §5), and what is known once it is over."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import structlog
from aiohttp import (
    ClientConnectorDNSError,
    ClientError,
    ClientRequest,
    ClientTimeout,
    EofStream,
    TCPConnector,
)
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader

from delivery.backoff import parse_retry_after
from delivery.connector import (
    AddressNotAllowedError,
    PublicResolver,
    destination_of,
    exchange,
    request_of,
)
from delivery.deadlines import Deadlines
from delivery.outcomes import Verdict, verdict_of
from runtime.endpoints import Endpoint

log = structlog.get_logger(__name__)
MAX_TTL_S = 28 * 86_400
"""What Google's push service takes at most."""
_BODY_CAP = 2048
_BODY_PATIENCE_S = 1.0
_DETAIL_LENGTH = 200
_MOST_DESTINATIONS = 4096
_NO_ANSWER = (ClientError, EofStream, HttpProcessingError, OSError, TimeoutError)


class Answer(NamedTuple):
    """What a POST came to. ``retry_after_s`` where the push service asked for it."""

    verdict: Verdict
    status: int | None = None
    retry_after_s: float | None = None
    detail: str | None = None
    latency_ms: int = 0


class Sender:
    """POSTs through a pool of its own: keep-alive, no redirects, no cookies, no proxies.

    Args:
        may_send: asked at the last moment before bytes are written. A connection can take seconds
            to make: a pause that comes meanwhile must still hold.
        timeout_s: from the start of a POST to the head of its answer.
    """

    def __init__(
        self,
        may_send: Callable[[], bool],
        *,
        connect_timeout_s: float,
        timeout_s: float,
        allow_loopback: bool = False,
    ) -> None:
        self._may_send = may_send
        self._timeout_s = timeout_s
        connect_s = min(connect_timeout_s, timeout_s)
        self._connect_timeout = ClientTimeout(total=None, connect=connect_s)
        # How many connections there are is the dispatcher's business.
        self._connector = TCPConnector(
            limit=0, resolver=PublicResolver(allow_loopback=allow_loopback), ttl_dns_cache=60
        )
        self._destinations: dict[str, ClientRequest] = {}
        self._deadlines = Deadlines()

    async def close(self) -> None:
        self._deadlines.close()
        await self._connector.close()

    async def post(self, endpoint: Endpoint, headers: dict[str, str], body: bytes) -> Answer:
        """Sends. Whatever a stranger's endpoint leads to ends in an answer, not in an error."""
        connection: Connection | None = None
        started = time.monotonic()
        due = started + self._timeout_s
        try:
            request = request_of(endpoint, headers, body)
            destination = self._destination(endpoint.origin)
            connection = await self._connector.connect(destination, [], self._connect_timeout)
            if not self._may_send():
                connection.release()
                return Answer(Verdict.HELD_BACK)
            message, content = await exchange(connection, request, self._deadlines, due)
        except Exception as error:
            if not isinstance(error, _NO_ANSWER):
                log.exception("push_failed_unforeseen", origin=endpoint.origin)
            # With a connection bytes may have gone out.
            sent = connection is not None
            return Answer(
                _verdict_of_error(error, sent=sent),
                detail=_describe(error, sent=sent),
                latency_ms=_since(started),
            )
        latency_ms = _since(started)
        if content.at_eof():
            connection.release()
            said = ""
        else:
            said = await _read_capped(connection, content)
        return Answer(
            verdict_of(message.code),
            message.code,
            _asked_to_wait(message),
            said or None,
            latency_ms,
        )

    def _destination(self, origin: str) -> ClientRequest:
        found = self._destinations.get(origin)
        if found is None:
            if len(self._destinations) >= _MOST_DESTINATIONS:
                self._destinations.clear()
            found = self._destinations[origin] = destination_of(origin)
        return found


def _verdict_of_error(error: BaseException, *, sent: bool) -> Verdict:
    if sent:
        return Verdict.IN_DOUBT
    if isinstance(error, ClientConnectorDNSError) and isinstance(
        error.os_error, AddressNotAllowedError
    ):
        return Verdict.NOT_ALLOWED
    return Verdict.TRY_LATER


def _describe(error: BaseException, *, sent: bool) -> str:
    when = "after" if sent else "before"
    return f"{type(error).__name__} {when} the request went out: {error}"[:_DETAIL_LENGTH]


def _asked_to_wait(message: RawResponseMessage) -> float | None:
    asked = message.headers.get("Retry-After")
    return None if asked is None else parse_retry_after(asked, time.time())


async def _read_capped(connection: Connection, content: StreamReader) -> str:
    """The beginning of the body, for people. The status has decided already.

    Whoever sends more than that, or takes longer, loses the connection.
    """
    body = b""
    try:
        with suppress(*_NO_ANSWER):
            async with asyncio.timeout(_BODY_PATIENCE_S):
                while len(body) < _BODY_CAP and not content.at_eof():
                    body += await content.read(_BODY_CAP - len(body))
    finally:
        if content.at_eof():
            connection.release()
        else:
            connection.close()
    return body.decode(errors="replace")[:_DETAIL_LENGTH].strip()


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
