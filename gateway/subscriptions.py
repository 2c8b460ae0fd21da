"""``/v1/visitors``, ``/v1/keys`` and ``/v1/subscriptions``: browsers that may be pushed to."""

import re
from base64 import urlsafe_b64decode
from typing import Annotated
from zoneinfo import available_timezones

from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from gateway.broker import Record
from gateway.claims import Claims
from gateway.problems import Code, RefusedError, documented
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
from runtime.endpoints import EndpointNotAllowedError
from runtime.vapid import VapidKey
from schemas.adapters import dump
from schemas.base import EPOCH_MS_LIMIT, Id
from schemas.people import Subscription, subscription_id_of, subscription_key
from schemas.topics import SUBSCRIPTIONS

router = APIRouter()
_POINT_SIZE, _AUTH_SIZE = 65, 16
_TIMEZONES = frozenset(available_timezones())
_KEY_AGE_S = 300
_COMMENT = re.compile(r"\([^()]*\)")
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9]*/[A-Za-z0-9.]+")
_SAID_BY_ALL = frozenset({"Mozilla", "AppleWebKit", "Gecko"})

SubscriptionId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class PublicKey(BaseModel):
    """A VAPID key that browsers subscribe with."""

    key_id: str
    public_key: str = Field(description="`applicationServerKey`: a P-256 point in base64url")


class Visitor(BaseModel):
    """A browser's own id, and the token that proves it."""

    anonymous_id: str
    visitor: str


class Keys(BaseModel):
    """As ``PushSubscription.toJSON()`` gives them."""

    p256dh: Annotated[str, Field(min_length=1, max_length=256)]
    auth: Annotated[str, Field(min_length=1, max_length=64)]


class BrowserSubscription(BaseModel):
    """``PushSubscription.toJSON()``."""

    endpoint: Annotated[str, Field(min_length=8, max_length=2048)]
    keys: Keys
    expirationTime: Annotated[int | float, Field(ge=0, le=EPOCH_MS_LIMIT)] | None = None  # noqa: N815 - the browser's name

    @property
    def subscription_id(self) -> str:
        return subscription_id_of(self.endpoint, self.keys.p256dh, self.keys.auth)


class SubscriptionRequest(Credited):
    """A browser that subscribed, or says that it still is."""

    subscription: BrowserSubscription
    key_id: Id | None = Field(None, description="the VAPID key it subscribed with")
    replaces: BrowserSubscription | None = Field(
        None, description="the subscription that this one takes the place of"
    )
    locale: Annotated[str, Field(max_length=35)] | None = None
    timezone: Annotated[str, Field(max_length=64)] | None = None


class Subscribed(BaseModel):
    """The subscription is the caller's."""

    subscription_id: str
    owner: str = Field(description="the user id, else the anonymous id")


@router.post(
    "/v1/visitors",
    status_code=201,
    response_model=Visitor,
    responses=documented(408),
    openapi_extra=json_body("Credited"),
    tags=["visitors"],
    summary="Name a new browser",
)
async def new_visitor(request: Request) -> Response:
    """Gives a browser an anonymous id. Nobody else can speak for it: the token is made from it."""
    caller_of(request, await model_of(request, Credited))
    anonymous_id, token = site_of(request).credentials.new_visitor()
    content = dumps({"anonymous_id": anonymous_id, "visitor": token})
    return Response(content, 201, {"Cache-Control": "no-store"}, "application/json")


@router.get(
    "/v1/keys/current",
    response_model=PublicKey,
    responses=documented(),
    tags=["subscriptions"],
    summary="The VAPID key for new subscriptions",
)
async def current_key(request: Request) -> Response:
    """The public key that browsers subscribe with from now on."""
    take_turn(request)
    return _key(site_of(request).keys.current)


@router.get(
    "/v1/keys/{key_id}",
    response_model=PublicKey,
    responses=documented(404),
    tags=["subscriptions"],
    summary="A VAPID key by its id",
)
async def key_by_id(request: Request, key_id: Annotated[str, Path(max_length=128)]) -> Response:
    """An older key goes on serving the browsers that subscribed with it."""
    take_turn(request)
    key = site_of(request).keys.get(key_id)
    if key is None:
        raise RefusedError(404, Code.NOT_FOUND, "No such key.")
    return _key(key)


@router.post(
    "/v1/subscriptions",
    response_model=Subscribed,
    responses=documented(408, 409, 503),
    openapi_extra=json_body("SubscriptionRequest"),
    tags=["subscriptions"],
    summary="Subscribe a browser, or refresh it",
)
async def subscribe(request: Request) -> Response:
    """Binds the browser to the logged-in user, else to the visitor. Call it at each visit.

    The same subscription again is a refresh; from another owner it moves to that one, since only
    the browser itself knows its keys. A visitor token is always needed.
    """
    wanted = await model_of(request, SubscriptionRequest)
    caller = caller_of(request, wanted).unexpired()
    if caller.anonymous_id is None:
        raise RefusedError(401, Code.UNAUTHORIZED, "A visitor token is needed.")
    site = site_of(request)
    _check(site, wanted)
    found, owner, now = wanted.subscription, caller.owner, now_ms()
    claims = Claims(site.redis, site.settings)
    await _settle(site, claims, owner)
    claim = await claims.claim(found.subscription_id, found.endpoint, owner, caller.anonymous_id)
    ended = set(claim.ended)
    old = wanted.replaces.subscription_id if wanted.replaces else found.subscription_id
    if old != found.subscription_id:
        await claims.drop(old, owner)
        ended.add((owner, old))
    record = Subscription(
        subscription_id=found.subscription_id,
        user_id=owner,
        endpoint=found.endpoint,
        p256dh=found.keys.p256dh,
        auth=found.keys.auth,
        created_at=now,
        last_seen_at=now,
        key_id=wanted.key_id or site.keys.current.key_id,
        anonymous_id=caller.anonymous_id,
        user_agent=browser_named_by(request.headers.get("user-agent", "")),
        locale=wanted.locale,
        timezone=wanted.timezone if wanted.timezone in _TIMEZONES else None,
    )
    await site.broker.write(
        SUBSCRIPTIONS,
        [*map(_tombstone, sorted(ended)), _record(owner, record.subscription_id, dump(record))],
    )
    if own := [each for whose, each in ended if whose == owner]:
        await claims.settle(owner, own)
    content = dumps({"subscription_id": record.subscription_id, "owner": owner})
    return Response(content, 200, media_type="application/json")


async def _settle(site: Site, claims: Claims, owner: str) -> None:
    """Ends what an earlier claim has ended while Kafka was away, before this one ends more."""
    if left := await claims.unsettled(owner):
        await site.broker.write(SUBSCRIPTIONS, [_tombstone((owner, each)) for each in left])
        await claims.settle(owner, left)


def browser_named_by(header: str) -> str | None:
    """The products of a ``User-Agent`` (RFC 9110 §10.1.5) that tell one browser from another.

    On which device it runs is not kept: no figure asks for it, and it helps to know people again.
    """
    products = _PRODUCT.findall(_COMMENT.sub(" ", header[:512]))
    kept = [product for product in products if product.partition("/")[0] not in _SAID_BY_ALL]
    return " ".join(kept)[:128] or None


@router.delete(
    "/v1/subscriptions/{subscription_id}",
    status_code=204,
    response_class=Response,
    responses=documented(503),
    tags=["subscriptions"],
    summary="End a subscription",
)
async def unsubscribe(request: Request, subscription_id: SubscriptionId) -> Response:
    """Ends a subscription of the caller's: as the user and as the visitor it has proved.

    Somebody else's is not touched, and whether there is one is not told. An identity token that
    has expired will do.
    """
    take_turn(request)
    caller = caller_of(request)
    site = site_of(request)
    owners = sorted({caller.owner, caller.anonymous_id or caller.owner})
    claims = Claims(site.redis, site.settings)
    for owner in owners:
        await claims.drop(subscription_id, owner)
    await site.broker.write(SUBSCRIPTIONS, [_tombstone((o, subscription_id)) for o in owners])
    return Response(status_code=204)


def _check(site: Site, wanted: SubscriptionRequest) -> None:
    """Raises:
    RefusedError: 400, and ``field`` names what no browser would send.
    """
    found = wanted.subscription
    try:
        site.policy.check(found.endpoint)
    except EndpointNotAllowedError as error:
        raise _wrong("subscription.endpoint", str(error)) from None
    point = _decoded("p256dh", found.keys.p256dh)
    try:
        if len(point) != _POINT_SIZE:
            raise ValueError
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise _wrong("subscription.keys.p256dh", "no point on P-256 (RFC 8291 §2.1)") from None
    if len(_decoded("auth", found.keys.auth)) != _AUTH_SIZE:
        raise _wrong("subscription.keys.auth", f"want {_AUTH_SIZE} bytes (RFC 8291 §3.2)")
    if wanted.key_id is not None and site.keys.get(wanted.key_id) is None:
        raise _wrong("key_id", "none of our VAPID keys")


def _decoded(name: str, text: str) -> bytes:
    bare = text.rstrip("=")
    try:
        return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except ValueError:
        raise _wrong(f"subscription.keys.{name}", "no base64url") from None


def _wrong(field: str, message: str) -> RefusedError:
    return RefusedError(400, Code.INVALID, message, field=field)


def _record(owner: str, subscription_id: str, value: bytes | None) -> Record:
    return Record(owner, value, subscription_key(owner, subscription_id))


def _tombstone(ended: tuple[str, str]) -> Record:
    return _record(*ended, None)


def _key(key: VapidKey) -> Response:
    content = dumps({"key_id": key.key_id, "public_key": key.public_key})
    age = {"Cache-Control": f"public, max-age={_KEY_AGE_S}"}
    return Response(content, 200, age, "application/json")
