"""Message encryption for Web Push (RFC 8291) in one aes128gcm record (RFC 8188).

By ``http_ece``, as pywebpush does it: ``WebPusher.encode`` is one call of it, but writes the
message's public key out three times and has no way to be given it (docs/decisions/push-cost.md).
What both leave to their caller is done here: a message that would not fit is refused, and what is
wrong with a subscription's keys is one error.
"""

from binascii import a2b_base64
from dataclasses import dataclass

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_PLAINTEXT = 3993
"""Bytes: what is left of 4,096 (RFC 8291 §4)."""
_CURVE = ec.SECP256R1()
_POINT_SIZE = 65
_AUTH_SIZE = 16


class BadSubscriptionError(ValueError):
    """The subscription's keys are none that a browser makes: nothing can be encrypted for it."""


class TooLargeError(ValueError):
    """The plaintext is longer than :data:`MAX_PLAINTEXT`."""


@dataclass(frozen=True, slots=True)
class ReceiverKeys:
    """The public keys of a subscription, decoded (RFC 8291 §2.1, §3.2)."""

    point: bytes
    """Uncompressed; whether it lies on P-256 is seen when it is used."""
    auth: bytes

    @classmethod
    def parse(cls, p256dh: str, auth: str) -> "ReceiverKeys":
        """From base64url, padded or not.

        Raises:
            BadSubscriptionError: not 65 bytes, or an auth secret that is not 16.
        """
        try:
            point, secret = _decode(p256dh), _decode(auth)
        except ValueError as error:
            raise BadSubscriptionError(f"p256dh or auth cannot be read: {error}") from None
        if len(point) != _POINT_SIZE or len(secret) != _AUTH_SIZE:
            raise BadSubscriptionError(
                f"p256dh has {len(point)} bytes, want {_POINT_SIZE};"
                f" auth has {len(secret)}, want {_AUTH_SIZE}"
            )
        return cls(point, secret)


class _MessageKey:
    """The key pair of one message (RFC 8291 §3.1), as ``http_ece`` wants it, its public point
    written out once."""

    __slots__ = ("_point", "exchange")

    def __init__(self) -> None:
        key = ec.generate_private_key(_CURVE)
        self.exchange = key.exchange
        self._point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def public_key(self) -> "_MessageKey":
        return self

    def public_bytes(self, _encoding: Encoding, _format: PublicFormat) -> bytes:
        return self._point


def encrypt(keys: ReceiverKeys, plaintext: bytes) -> bytes:
    """The body of a push: header and one encrypted record, with a fresh key pair and salt.

    Raises:
        TooLargeError: more than :data:`MAX_PLAINTEXT` bytes.
        BadSubscriptionError: the subscription's point does not lie on P-256.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise TooLargeError(f"{len(plaintext)} bytes, at most {MAX_PLAINTEXT} (RFC 8291 §4)")
    try:
        return bytes(
            http_ece.encrypt(
                plaintext,
                private_key=_MessageKey(),
                dh=keys.point,
                auth_secret=keys.auth,
                version="aes128gcm",
            )
        )
    except ValueError as error:
        raise BadSubscriptionError(f"p256dh is no point on P-256: {error}") from None


def _decode(text: str) -> bytes:
    # Padded or not: what is too much is ignored.
    return a2b_base64(text.replace("-", "+").replace("_", "/") + "===")
