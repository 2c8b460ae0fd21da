"""What every route works with, and the way a request goes before a route does anything."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, Field, ValidationError
from redis.asyncio import Redis

from gateway.broker import Broker
from gateway.credentials import Caller, Credentials
from gateway.inbox import Inbox
from gateway.limits import RateLimit, read_body, who_has
from gateway.problems import Code, RefusedError, invalid
from gateway.settings import GatewaySettings
from gateway.tabs import Tabs
from runtime.endpoints import EndpointPolicy
from runtime.tokens import InteractionTokens
from runtime.vapid import KeyRing

VISITOR_HEADER = "X-Nudge-Visitor"
IDENTITY_HEADER = "X-Nudge-Identity"
_BEARER = "bearer "
_RIGHTS_PER_S, _RIGHTS_BURST, _RIGHTS_AT_ONCE = 0.1, 5, 2

Model = TypeVar("Model", bound=BaseModel)


@dataclass(slots=True)
class Site:
    """The parts of a running gateway."""

    settings: GatewaySettings
    keys: KeyRing
    broker: Broker
    redis: Redis
    credentials: Credentials = field(init=False)
    tokens: InteractionTokens = field(init=False)
    policy: EndpointPolicy = field(init=False)
    limit: RateLimit = field(init=False)
    rights_limit: RateLimit = field(init=False)
    """Of one user."""
    rights_turns: asyncio.Semaphore = field(init=False)
    inbox: Inbox = field(init=False)
    tabs: Tabs = field(init=False)

    def __post_init__(self) -> None:
        self.credentials = Credentials(self.settings)
        self.tokens = self.settings.interaction_tokens()
        self.policy = self.settings.policy()
        self.limit = RateLimit(self.settings.gateway_requests_per_s, self.settings.gateway_burst)
        self.rights_limit = RateLimit(per_s=_RIGHTS_PER_S, burst=_RIGHTS_BURST)
        self.rights_turns = asyncio.Semaphore(_RIGHTS_AT_ONCE)
        self.inbox = Inbox(self.redis, self.settings, self.tokens)
        self.tabs = Tabs(self.redis, self.settings, self.inbox)


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


class Credited(BaseModel):
    """Credentials may stand in the body: ``sendBeacon`` cannot set headers."""

    key: str | None = Field(None, max_length=512, description="the write key")
    visitor: str | None = Field(None, max_length=512, description="the visitor token")
    identity: str | None = Field(None, max_length=4096, description="the identity token")


def check_origin(request: Request) -> None:
    """A page of somebody else's must not speak for its visitors.

    Browsers send simple requests without asking first: the list is held up here, not by CORS.

    Raises:
        RefusedError: the origin is not on the list.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin not in site_of(request).settings.gateway_origins:
        raise RefusedError(403, Code.ORIGIN)


def take_turn(request: Request) -> None:
    """Counts the request against its address; a server's key is not held to that, a guess is.

    Raises:
        RefusedError: too many requests, a page whose origin is not on the list, or a key that is
            none of ours.
    """
    site = site_of(request)
    key = _bearer(request)
    if site.credentials.is_server_key(key):
        return
    check_origin(request)
    site.limit.take(who_has(request.client.host if request.client else ""), time.monotonic())
    if key is not None:
        site.credentials.check_key(key)


async def body_of(request: Request) -> bytes:
    """The body, within the limits.

    Raises:
        RefusedError: too many requests, a foreign origin, too large, too slow.
    """
    take_turn(request)
    settings = site_of(request).settings
    return await read_body(request, settings.gateway_body_bytes, settings.gateway_body_timeout_s)


async def model_of(request: Request, model: type[Model]) -> Model:
    """The body as ``model``.

    Raises:
        RefusedError: as :func:`body_of`; or it is not what the model wants, and ``field`` says
            what is wrong.
    """
    body = await body_of(request)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error) from None
    except RecursionError:
        raise RefusedError(400, Code.BAD_JSON, "Nested too deep.") from None


def caller_of(request: Request, body: Credited | None = None) -> Caller:
    """Who calls: headers go before the body.

    Raises:
        RefusedError: a credential is missing or not ours.
    """
    headers, given = request.headers, body or Credited()
    return site_of(request).credentials.caller(
        _bearer(request) or given.key,
        headers.get(VISITOR_HEADER) or given.visitor,
        headers.get(IDENTITY_HEADER) or given.identity,
    )


def _bearer(request: Request) -> str | None:
    header = request.headers.get("authorization", "")
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else None


def json_body(schema: str | dict[str, Any]) -> dict[str, Any]:
    """``openapi_extra`` of a route that reads its body itself.

    Args:
        schema: a component's name, or a schema.
    """
    given = {"$ref": f"#/components/schemas/{schema}"} if isinstance(schema, str) else schema
    content = {"application/json": {"schema": given}}
    return {"requestBody": {"required": True, "content": content}}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def dumps(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content)
