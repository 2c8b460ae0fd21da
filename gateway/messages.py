"""``/v1/messages``: a user's inbox, and the stream of what comes while a page is open."""

import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from gateway.inbox import MOST, Message
from gateway.problems import Code, RefusedError, documented, unavailable
from gateway.site import (
    Credited,
    Site,
    caller_of,
    dumps,
    json_body,
    model_of,
    now_ms,
    site_of,
    take_turn,
)
from gateway.tabs import Change, News
from schemas.base import Id
from schemas.push import Channel

router = APIRouter(tags=["messages"])
STREAM = "/v1/messages/stream"
_HEARTBEAT_S = 15.0
_COME_AGAIN_MS = 3_000
_NEVER_KEPT = {"Cache-Control": "no-store"}


class Messages(BaseModel):
    """The newest messages, newest first."""

    messages: Annotated[list[Message], Field(max_length=MOST)]


class ReadReport(Credited):
    """Which messages the person has read."""

    job_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST)]


class Marked(BaseModel):
    """Those of them that are in the inbox."""

    read: list[str]


@router.get(
    "/v1/messages",
    response_model=Messages,
    responses=documented(503),
    summary="The inbox",
)
async def inbox(request: Request) -> Response:
    """The newest 50 messages of the logged-in user, else of the visitor, by push and onsite."""
    take_turn(request)
    owner = caller_of(request).unexpired().owner
    site = site_of(request)
    try:
        found = await site.inbox.of(owner)
    except RedisError:
        raise unavailable("Redis") from None
    content = Messages(messages=found).model_dump_json(exclude_none=True)
    return Response(content, 200, _NEVER_KEPT, "application/json")


@router.post(
    "/v1/messages/read",
    response_model=Marked,
    responses=documented(408, 503),
    openapi_extra=json_body("ReadReport"),
    summary="Mark messages as read",
)
async def mark_read(request: Request) -> Response:
    """On every page and device of the caller; what is not in the inbox is passed over."""
    report = await model_of(request, ReadReport)
    owner = caller_of(request, report).unexpired().owner
    site = site_of(request)
    try:
        there = await site.inbox.mark_read(owner, list(dict.fromkeys(report.job_ids)))
        if there:
            await site.tabs.announce([Change(owner=owner, news=News.READ, job_ids=there)])
    except RedisError:
        raise unavailable("Redis") from None
    return Response(dumps({"read": there}), 200, _NEVER_KEPT, "application/json")


@router.get(
    STREAM,
    response_class=StreamingResponse,
    responses={
        **documented(503),
        200: {
            "description": "Server-sent events: `message` (a Message), `gone` and `read`"
            ' (`{"job_ids": […]}`).',
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
    },
    summary="Messages as they come",
)
async def stream(request: Request) -> Response:
    """For a page in front: first the onsite messages not read yet, then each as it comes.

    It ends after a quarter of an hour, or when the caller opens more than a few: come again.
    """
    take_turn(request)
    owner = caller_of(request).unexpired().owner
    site = site_of(request)
    if not site.tabs.has_room:
        raise RefusedError(503, Code.UNAVAILABLE, "Too many pages listen.", retry_after_s=30)
    headers = {
        **_NEVER_KEPT,
        # nginx would gather it otherwise.
        "X-Accel-Buffering": "no",
    }
    return StreamingResponse(_events(site, owner), headers=headers, media_type="text/event-stream")


def is_to_be_shown(message: Message, now: int) -> bool:
    """Whether a page shows it by itself: nobody read it, and it still is true."""
    return message.channel is Channel.ONSITE and not message.read and message.expires_at > now


async def _events(site: Site, owner: str) -> AsyncIterator[bytes]:
    until = time.monotonic() + site.settings.gateway_tab_s
    # Before the inbox is read, so that nothing falls in between; what comes twice has one id.
    tab = site.tabs.connect(owner)
    try:
        yield b"retry: %d\n\n" % _COME_AGAIN_MS
        for message in await _waiting(site, owner):
            yield _event(News.MESSAGE, message.model_dump_json(exclude_none=True).encode())
        while (left := until - time.monotonic()) > 0:
            try:
                told = await tab.next(min(_HEARTBEAT_S, left))
            except TimeoutError:
                yield b":\n\n"
                continue
            if told is None:
                return
            yield _event(*told)
    finally:
        site.tabs.disconnect(tab)


async def _waiting(site: Site, owner: str) -> list[Message]:
    """What is to be shown already, oldest first."""
    try:
        found = await site.inbox.of(owner)
    except RedisError:
        return []  # when Redis is back, every page is sent here again
    now = now_ms()
    return [message for message in reversed(found) if is_to_be_shown(message, now)]


def _event(news: News, content: bytes) -> bytes:
    # JSON holds no line break: one data line is enough.
    return b"event: %s\ndata: %s\n\n" % (news.value.encode(), content)
