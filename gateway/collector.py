"""``POST /v1/events``: what shoppers do, from pages and from the shop's servers."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Discriminator, Field, TypeAdapter

from gateway.broker import Record
from gateway.credentials import Caller
from gateway.problems import Code, RefusedError, documented
from gateway.site import Credited, body_of, caller_of, json_body, now_ms, site_of
from runtime.metrics import Metric, counter
from schemas.adapters import EVENT_CLASSES, InvalidRecordError, dump, parse
from schemas.base import EPOCH_MS_LIMIT, FIRST_EVENT_MS
from schemas.decisions import DeadLetterReason
from schemas.events import Envelope, Logout, ShopEvent, key_of
from schemas.topics import SHOP_EVENTS

router = APIRouter(tags=["events"])

SERVER_ONLY = frozenset({
    "email_ignored", "email_opened", "erasure_requested", "order_status", "payment_failed",
    "refund", "voucher_issued", "voucher_redeemed",
})  # fmt: skip
"""Only the shop's servers can know these: a page may not write them."""

SKEW_MS = 60_000
"""A page's clock that is further off than this is put right by ``sent_at``."""

Event = Annotated[ShopEvent, Discriminator("type")]


class EventBatch(Credited):
    """Many events; all are taken or none."""

    sent_at: Annotated[int, Field(ge=0, le=EPOCH_MS_LIMIT)] | None = Field(
        None, description="the caller's clock as it sends this, epoch ms: a wrong one is put right"
    )
    events: Annotated[list[Event], Field(min_length=1)]


class Taken(BaseModel):
    """The broker has every one of them."""

    accepted: int


_BATCH: TypeAdapter[EventBatch] = TypeAdapter(EventBatch)
_SINGLE: TypeAdapter[ShopEvent] = TypeAdapter(Event)

_BODY: dict[str, Any] = {
    "oneOf": [
        {"$ref": "#/components/schemas/EventBatch"},
        {"$ref": "#/components/schemas/ShopEvent"},
    ]
}


@router.post(
    "/v1/events",
    status_code=202,
    response_model=Taken,
    responses=documented(408, 503),
    openapi_extra=json_body(_BODY),
    summary="Take events",
)
async def collect(request: Request) -> Response:
    """Takes one event, or a batch. 202 means that the broker has acknowledged every one.

    A page may write about its own visitor and logged-in user only, each proved by a token; a
    server's key may write about anybody.
    """
    body = await body_of(request)
    batch = _read(body)
    caller = caller_of(request, batch)
    most = site_of(request).settings.gateway_batch
    if len(batch.events) > most:
        raise RefusedError(
            400, Code.INVALID, f"At most {most} events in a request.", field="events"
        )
    events: list[Envelope] = list(batch.events)
    if not caller.is_server:
        for number, event in enumerate(events):
            _check(event, caller, number)
        events = _on_time(events, batch.sent_at)
    records = [Record(_owner(event, i), dump(event)) for i, event in enumerate(events)]
    await site_of(request).broker.write(SHOP_EVENTS, records)
    counter(Metric.GATEWAY_EVENTS).labels(source="server" if caller.is_server else "page").inc(
        len(records)
    )
    return Response(b'{"accepted":%d}' % len(records), 202, media_type="application/json")


def _read(body: bytes) -> EventBatch:
    """Raises:
    RefusedError: it is neither an event nor a batch; ``field`` names what is wrong.
    """
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, Code.BAD_JSON, str(error)) from None
    single = isinstance(raw, dict) and "events" not in raw
    try:
        if single:
            return EventBatch.model_construct(events=[parse(_SINGLE, body)])
        return parse(_BATCH, body)
    except InvalidRecordError as error:
        raise _named(error, single=single) from None


_CODES = {
    DeadLetterReason.BAD_JSON: Code.BAD_JSON,
    DeadLetterReason.UNKNOWN_TYPE: Code.UNKNOWN_TYPE,
}
_LONGEST = 1_024


def _named(error: InvalidRecordError, *, single: bool) -> RefusedError:
    parts = error.path.split(".") if error.path else []
    tag = 0 if single else 2
    # pydantic puts the event's type into the path; the caller's JSON has no such level.
    if len(parts) > tag and parts[tag] in EVENT_CLASSES:
        del parts[tag]
    if error.reason is DeadLetterReason.UNKNOWN_TYPE:
        parts.append("type")
    code = _CODES.get(error.reason, Code.INVALID)
    field = ".".join(parts)[:_LONGEST]
    return RefusedError(400, code, error.message[:_LONGEST], field=field or None)


def _check(event: Envelope, caller: Caller, number: int) -> None:
    """Holds what a page says against what it has proved."""
    kind = getattr(event, "type", "")
    if kind in SERVER_ONLY:
        raise _forbidden(number, "type", f"A page may not write {kind}: it takes a server's key.")
    if event.anonymous_id is not None and event.anonymous_id != caller.anonymous_id:
        raise _forbidden(number, "anonymous_id", "The visitor token proves another visitor.")
    if event.user_id is None:
        return
    if event.user_id != caller.user_id:
        raise _forbidden(number, "user_id", "No identity token proves this user.")
    if not isinstance(event, Logout):
        caller.unexpired()


def _forbidden(number: int, field: str, message: str) -> RefusedError:
    return RefusedError(403, Code.FORBIDDEN, message, field=f"events.{number}.{field}")


def _owner(event: Envelope, number: int) -> str:
    key = key_of(event)
    if key is None:
        raise RefusedError(
            400,
            Code.INVALID,
            "At least one of user_id and anonymous_id is needed.",
            field=f"events.{number}.user_id",
        )
    return key


def _on_time(events: list[Envelope], sent_at: int | None) -> list[Envelope]:
    """Moves events by as much as the sender's clock was off when it sent them.

    Raises:
        RefusedError: an event's own time and ``sent_at`` do not go together.
    """
    off = 0 if sent_at is None else now_ms() - sent_at
    if abs(off) <= SKEW_MS:
        return events
    moved = [min(event.occurred_at + off, EPOCH_MS_LIMIT) for event in events]
    for number, at in enumerate(moved):
        if at < FIRST_EVENT_MS:
            raise RefusedError(
                400,
                Code.INVALID,
                "By sent_at it happened before the year 2000.",
                field=f"events.{number}.occurred_at",
            )
    return [
        event.model_copy(update={"occurred_at": at})
        for event, at in zip(events, moved, strict=True)
    ]
