"""Who calls: a page or a server of the shop, for which visitor, as which user.

A **write key** says on whose behalf somebody speaks. A public one stands in every page and proves
nothing about people; a server's is secret. A **visitor token** is made here and proves that a
browser was given its anonymous id by us. An **identity token** is made by the shop's server and
proves who is logged in. A bare user id proves nothing and is never believed from a page.
"""

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TypeGuard

import jwt
from pydantic import TypeAdapter, ValidationError

from gateway.problems import Code, RefusedError
from gateway.settings import GatewaySettings
from schemas.base import EPOCH_MS_LIMIT, Id

_PURPOSE = b"nudge visitor 1\0"
_MAC_SIZE = 16
AUDIENCE = "nudge"
"""``aud`` of an identity token: one made for something else is worth nothing here."""
MAX_LIFETIME_S = 24 * 3600
"""From ``iat`` to ``exp``."""
LEEWAY_S = 60
"""The shop's clock may be so far ahead of ours: ``iat`` is its now."""
ENDING_GRACE_S = 30 * 24 * 3600
"""For so long after it expired, a token may still end what it began: log out, unsubscribe."""
_ID: TypeAdapter[str] = TypeAdapter(Id)


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request has proved."""

    is_server: bool = False
    anonymous_id: str | None = None
    user_id: str | None = None
    expired: bool = False
    """The identity token's time is up: good for ending things only."""

    @property
    def owner(self) -> str:
        """Whose a subscription is: the user's where one is logged in, else the visitor's.

        Raises:
            RefusedError: neither is proved.
        """
        owner = self.user_id or self.anonymous_id
        if owner is None:
            raise RefusedError(401, Code.UNAUTHORIZED, "A visitor or identity token is needed.")
        return owner

    def unexpired(self) -> "Caller":
        """Raises:
        RefusedError: the identity token has expired.
        """
        if self.expired:
            raise RefusedError(401, Code.EXPIRED)
        return self


class Credentials:
    """Makes visitor tokens, and checks all credentials in constant time."""

    def __init__(self, settings: GatewaySettings) -> None:
        secret = settings.token_secret.get_secret_value().encode()
        self._key = hashlib.sha256(_PURPOSE + secret).digest()
        self._public = [key.encode() for key in settings.gateway_public_keys]
        self._server = [key.get_secret_value().encode() for key in settings.gateway_server_keys]
        self._identity = [secret.get_secret_value() for secret in settings.gateway_identity_secrets]

    def new_visitor(self) -> tuple[str, str]:
        """A fresh anonymous id and its token."""
        anonymous_id = f"a-{secrets.token_urlsafe(16)}"
        return anonymous_id, self.visitor_token(anonymous_id)

    def visitor_token(self, anonymous_id: str) -> str:
        mac = hmac.digest(self._key, anonymous_id.encode(), "sha256")[:_MAC_SIZE]
        return f"{anonymous_id}.{urlsafe_b64encode(mac)[:22].decode()}"

    def check_key(self, key: str | None) -> bool:
        """Whether the write key is a server's.

        Raises:
            RefusedError: it is none of ours.
        """
        is_server, is_public = self.is_server_key(key), _is_among(key, self._public)
        if not is_server and not is_public:
            raise RefusedError(401, Code.UNKNOWN_KEY)
        return is_server

    def is_server_key(self, key: str | None) -> bool:
        return _is_among(key, self._server)

    def caller(self, key: str | None, visitor: str | None, identity: str | None) -> Caller:
        """What the three prove together.

        Raises:
            RefusedError: one of them is not ours. An expired identity is told by
                :attr:`Caller.expired`.
        """
        is_server = self.check_key(key)
        anonymous_id = self._visitor(visitor) if visitor else None
        user_id, expired = self._user(identity) if identity else (None, False)
        return Caller(is_server, anonymous_id, user_id, expired)

    def _visitor(self, token: str) -> str:
        anonymous_id = token.rpartition(".")[0]
        if not hmac.compare_digest(token.encode(), self.visitor_token(anonymous_id).encode()):
            raise RefusedError(401, Code.UNAUTHORIZED, "The visitor token is not ours.")
        return anonymous_id

    def _user(self, token: str) -> tuple[str, bool]:
        for secret in self._identity:
            try:
                claims = jwt.decode(
                    token,
                    secret,
                    algorithms=["HS256"],
                    audience=AUDIENCE,
                    leeway=LEEWAY_S,
                    # _subject looks at exp: an expired token may still end things.
                    options={"require": ["sub", "iat", "exp", "aud"], "verify_exp": False},
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidTokenError as error:
                raise RefusedError(
                    401, Code.UNAUTHORIZED, f"The identity token cannot be used: {error}"
                ) from None
            return _subject(claims)
        raise RefusedError(401, Code.UNAUTHORIZED, "The identity token is not the shop's.")


def _is_among(key: str | None, known: list[bytes]) -> bool:
    given = (key or "").encode()
    # All are compared: how long it takes says nothing about where the key stands.
    return sum(hmac.compare_digest(given, each) for each in known) > 0


def _subject(claims: dict[str, object]) -> tuple[str, bool]:
    issued, expires = claims["iat"], claims["exp"]
    if not _is_time(issued) or not _is_time(expires):
        raise RefusedError(401, Code.UNAUTHORIZED, "iat and exp of the identity token: no times.")
    if expires - issued > MAX_LIFETIME_S:
        raise RefusedError(
            401, Code.UNAUTHORIZED, "The identity token lives for longer than 24 hours."
        )
    try:
        user_id = _ID.validate_python(claims["sub"], strict=True)
    except ValidationError:
        raise RefusedError(
            401, Code.UNAUTHORIZED, "sub of the identity token is no user id."
        ) from None
    late_s = time.time() - expires
    if late_s > ENDING_GRACE_S:
        raise RefusedError(401, Code.EXPIRED)
    return user_id, late_s > 0


def _is_time(value: object) -> TypeGuard[int | float]:
    """Whether it is seconds of the epoch: NaN, which JWT libraries write too, is not."""
    return isinstance(value, int | float) and 0 <= value <= EPOCH_MS_LIMIT // 1000
