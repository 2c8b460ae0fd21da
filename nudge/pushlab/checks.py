"""What a push service demands of a POST: VAPID (RFC 8292) and headers (RFC 8030, RFC 8291)."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from py_vapid.utils import b64urldecode

MAX_BODY = 4096
"""Bytes that a push service must take (RFC 8030 §7.2); this one takes no more."""
_MAX_EXPIRY_S = 24 * 3600
_URGENCIES = frozenset({"very-low", "low", "normal", "high"})
_TOPIC = re.compile(r"^[A-Za-z0-9_-]{1,32}$")
_SUBJECT = re.compile(r"^(mailto:[^@\s]+@[^@\s]+|https://\S+)$")


class RefusedError(Exception):
    """The POST breaks a rule; ``status`` is what the service answers."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class PushHeaders:
    ttl: int
    urgency: str
    topic: str | None


def check_headers(headers: Mapping[str, str], size: int) -> PushHeaders:
    """TTL, Urgency, Topic, encoding and size.

    Raises:
        RefusedError: 400 or 413.
    """
    if size > MAX_BODY:
        raise RefusedError(413, f"{size} bytes, at most {MAX_BODY} (RFC 8030 §7.2)")
    if headers.get("Content-Encoding") != "aes128gcm":
        raise RefusedError(400, "Content-Encoding must be aes128gcm (RFC 8291 §4)")
    ttl = headers.get("TTL", "")
    if not ttl.isdecimal():
        raise RefusedError(400, "TTL must be a number of seconds (RFC 8030 §5.2)")
    urgency = headers.get("Urgency", "normal")
    if urgency not in _URGENCIES:
        raise RefusedError(400, f"Urgency {urgency!r} is none (RFC 8030 §5.3)")
    topic = headers.get("Topic")
    if topic is not None and not _TOPIC.match(topic):
        raise RefusedError(400, f"Topic {topic!r} is none (RFC 8030 §5.4)")
    return PushHeaders(int(ttl), urgency, topic)


class VapidVerifier:
    """Checks ``Authorization: vapid t=…, k=…``; remembers which headers were good."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._good: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def check(self, header: str | None, application_server_key: str | None) -> str:
        """The ``sub`` claim of a good header.

        Raises:
            RefusedError: 401 for a bad header, 403 for another key than the browser's.
        """
        if header is None:
            raise RefusedError(401, "no Authorization: want vapid t=…, k=… (RFC 8292 §3)")
        if header not in self._good:
            if len(self._good) > 1000:
                self._good.clear()
            self._good[header] = _verify(header)
        key, claims = self._good[header]
        self._check_claims(claims)
        if application_server_key is not None and key != application_server_key:
            raise RefusedError(403, "not the key that this browser subscribed with (RFC 8292 §4.2)")
        return str(claims["sub"])

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        if claims.get("aud") != self._origin:
            raise RefusedError(401, f"aud is {claims.get('aud')!r}, want {self._origin!r}")
        expires, now = claims.get("exp"), time.time()
        if not isinstance(expires, int) or not now < expires <= now + _MAX_EXPIRY_S:
            raise RefusedError(401, "exp must lie ahead, by at most 24 hours (RFC 8292 §2)")
        if not _SUBJECT.match(str(claims.get("sub"))):
            raise RefusedError(401, "sub must be mailto: or https: (RFC 8292 §2.1)")


def _verify(header: str) -> tuple[str, Mapping[str, Any]]:
    """The public key and the claims, once the signature holds."""
    scheme, _, rest = header.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme.lower() != "vapid" or not {"t", "k"} <= parts.keys():
        raise RefusedError(401, "want vapid t=…, k=… (RFC 8292 §3)")
    try:
        signed, _, signature = parts["t"].rpartition(".")
        raw = b64urldecode(signature.encode())
        claims = orjson.loads(b64urldecode(signed.partition(".")[2].encode()))
        protected = orjson.loads(b64urldecode(signed.partition(".")[0].encode()))
        if len(raw) != 64 or protected.get("alg") != "ES256":
            raise RefusedError(401, "the token is not signed with ES256 (RFC 8292 §2)")
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), b64urldecode(parts["k"].encode())
        )
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        public_key.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise RefusedError(401, "the signature does not hold") from None
    except (ValueError, AttributeError) as error:
        raise RefusedError(401, f"no JSON web token: {error}") from None
    return parts["k"], claims
