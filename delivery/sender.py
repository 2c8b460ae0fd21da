"""One POST to a push service (RFC 8030 §5), and what is known once it is over."""

import time
from dataclasses import dataclass

from delivery.backoff import parse_retry_after
from delivery.outcomes import Verdict, verdict_of
from delivery.pool import AddressNotAllowedError, HeldBackError, Pool, Sent
from runtime.endpoints import Endpoint

MAX_TTL_S = 28 * 86_400
"""What Google's push service takes at most."""
_DETAIL_LENGTH = 200


@dataclass(slots=True)
class Answer:
    """What a POST came to. ``retry_after_s`` where the push service asked for it."""

    verdict: Verdict
    status: int | None = None
    retry_after_s: float | None = None
    detail: str | None = None
    latency_ms: int = 0


@dataclass(slots=True)
class Request:
    """The headers of a push."""

    authorization: str
    ttl_s: int
    urgency: str
    topic: str


async def post(pool: Pool, endpoint: Endpoint, request: Request, body: bytes) -> Answer:
    """Sends, and never raises what the network does."""
    sent = Sent()
    started = time.perf_counter()
    try:
        reply = await pool.post(endpoint, _encode(endpoint, request, body), sent)
    except HeldBackError:
        return Answer(Verdict.HELD_BACK)
    except AddressNotAllowedError as error:
        return Answer(Verdict.NOT_ALLOWED, detail=str(error))
    except OSError as error:
        when = "after" if sent.maybe else "before"
        said = f"{type(error).__name__} {when} the request went out: {error}"
        verdict = Verdict.IN_DOUBT if sent.maybe else Verdict.TRY_LATER
        return Answer(verdict, detail=said[:_DETAIL_LENGTH], latency_ms=_since(started))
    said = reply.body.decode(errors="replace")[:_DETAIL_LENGTH].strip()
    return Answer(
        verdict_of(reply.status),
        reply.status,
        parse_retry_after(reply.retry_after, time.time()) if reply.retry_after else None,
        said or None,
        _since(started),
    )


def _encode(endpoint: Endpoint, request: Request, body: bytes) -> bytes:
    # None of these holds a line break: the endpoint policy, the job's model and VAPID's base64url
    # see to that.
    head = (
        f"POST {endpoint.target} HTTP/1.1\r\n"
        f"Host: {endpoint.origin.partition('//')[2]}\r\n"
        f"Authorization: {request.authorization}\r\n"
        f"TTL: {request.ttl_s}\r\n"
        f"Urgency: {request.urgency}\r\n"
        f"Topic: {request.topic}\r\n"
        "Content-Encoding: aes128gcm\r\n"
        "Content-Type: application/octet-stream\r\n"
        f"Content-Length: {len(body)}\r\n"
        "\r\n"
    )
    return head.encode("ascii") + body


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
