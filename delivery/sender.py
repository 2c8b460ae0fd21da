"""One POST to a push service (RFC 8030 §5), and what is known once it is over."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from aiohttp import (
    ClientConnectorDNSError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
)
from yarl import URL

from delivery.backoff import parse_retry_after
from delivery.connector import (
    AddressNotAllowedError,
    Attempt,
    HeldBackError,
    PublicResolver,
    PushConnector,
    PushRequest,
    attempt,
)
from delivery.deadlines import Deadlines
from delivery.outcomes import Verdict, verdict_of

MAX_TTL_S = 28 * 86_400
"""What Google's push service takes at most."""
_BODY_CAP = 2048
_BODY_PATIENCE_S = 1.0
_DETAIL_LENGTH = 200


class Answer(NamedTuple):
    """What a POST came to. ``retry_after_s`` where the push service asked for it."""

    verdict: Verdict
    status: int | None = None
    retry_after_s: float | None = None
    detail: str | None = None
    latency_ms: int = 0


class Sender:
    """POSTs through a session of its own: keep-alive, no redirects, no cookies, no proxies.

    Args:
        may_send: asked at the last moment before bytes are written.
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
        self._timeout_s = timeout_s
        self._connector = PushConnector(PublicResolver(allow_loopback=allow_loopback), may_send)
        self._deadlines = Deadlines()
        self._session = ClientSession(
            connector=self._connector,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            timeout=ClientTimeout(total=None, connect=connect_timeout_s),
            request_class=PushRequest,
        )

    async def close(self) -> None:
        self._deadlines.close()
        await self._session.close()

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Sends, and never raises what the network does."""
        reached = Attempt(body)
        attempt.set(reached)
        started = time.perf_counter()
        try:
            with self._deadlines.watch(self._timeout_s):
                response = await self._session.post(
                    URL(url, encoded=True),
                    headers={**headers, "Content-Length": str(len(body))},
                    allow_redirects=False,
                )
        except HeldBackError:
            return Answer(Verdict.HELD_BACK)
        except (ClientError, OSError, TimeoutError) as error:
            return Answer(
                _verdict_of_error(error, reached),
                detail=_describe(error, reached),
                latency_ms=_since(started),
            )
        latency_ms = _since(started)
        said = await _read_capped(response)
        return Answer(
            verdict_of(response.status),
            response.status,
            _asked_to_wait(response),
            said or None,
            latency_ms,
        )


def _verdict_of_error(error: BaseException, reached: Attempt) -> Verdict:
    if reached.connected:
        return Verdict.IN_DOUBT
    if isinstance(error, ClientConnectorDNSError) and isinstance(
        error.os_error, AddressNotAllowedError
    ):
        return Verdict.NOT_ALLOWED
    return Verdict.TRY_LATER


def _describe(error: BaseException, reached: Attempt) -> str:
    when = "after" if reached.connected else "before"
    return f"{type(error).__name__} {when} the request went out: {error}"[:_DETAIL_LENGTH]


def _asked_to_wait(response: ClientResponse) -> float | None:
    asked = response.headers.get("Retry-After")
    return None if asked is None else parse_retry_after(asked, time.time())


async def _read_capped(response: ClientResponse) -> str:
    """The beginning of the body, for people. The status has decided already.

    Whoever sends more than that, or takes longer, loses the connection.
    """
    body = b""
    with suppress(ClientError, OSError, TimeoutError):
        if not response.content.at_eof():
            async with asyncio.timeout(_BODY_PATIENCE_S):
                while len(body) < _BODY_CAP and not response.content.at_eof():
                    body += await response.content.read(_BODY_CAP - len(body))
    # At its end aiohttp has given the connection back by itself.
    if not response.content.at_eof():
        response.close()
    return body.decode(errors="replace")[:_DETAIL_LENGTH].strip()


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
