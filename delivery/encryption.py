"""Message encryption for Web Push (RFC 8291) in one aes128gcm record (RFC 8188).

Straight on ``cryptography``: the same bytes as pywebpush makes, at two thirds of its time, which
is most of what a push costs (docs/delivery.md).
"""

import hmac
import os
from base64 import urlsafe_b64decode
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_PLAINTEXT = 3993
"""Bytes: what is left of 4,096 (RFC 8291 §4)."""
_RECORD_SIZE = (4096).to_bytes(4, "big")
_CURVE = ec.SECP256R1()
_ECDH = ec.ECDH()
_POINT_SIZE = 65
_AUTH_SIZE = 16
_LAST_RECORD = b"\x02"


class BadSubscriptionError(ValueError):
    """The subscription's keys are none that a browser makes: nothing can be encrypted for it."""


class TooLargeError(ValueError):
    """The plaintext is longer than :data:`MAX_PLAINTEXT`."""


@dataclass(frozen=True, slots=True)
class ReceiverKeys:
    """The public keys of a subscription, decoded and checked (RFC 8291 §2.1, §3.2)."""

    point: bytes
    public_key: ec.EllipticCurvePublicKey
    auth: bytes

    @classmethod
    def parse(cls, p256dh: str, auth: str) -> "ReceiverKeys":
        """From base64url, padded or not.

        Raises:
            BadSubscriptionError: no point on P-256, or an auth secret that is not 16 bytes.
        """
        try:
            point, secret = _decode(p256dh), _decode(auth)
            if len(point) != _POINT_SIZE or len(secret) != _AUTH_SIZE:
                raise BadSubscriptionError(
                    f"p256dh has {len(point)} bytes, want {_POINT_SIZE};"
                    f" auth has {len(secret)}, want {_AUTH_SIZE}"
                )
            public_key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
        except BadSubscriptionError:
            raise
        except ValueError as error:
            raise BadSubscriptionError(f"p256dh or auth cannot be read: {error}") from None
        return cls(point, public_key, secret)


def encrypt(keys: ReceiverKeys, plaintext: bytes) -> bytes:
    """The body of a push: header and one encrypted record, with a fresh key pair and salt.

    Raises:
        TooLargeError: more than :data:`MAX_PLAINTEXT` bytes.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise TooLargeError(f"{len(plaintext)} bytes, at most {MAX_PLAINTEXT} (RFC 8291 §4)")
    return seal(keys, plaintext, ec.generate_private_key(_CURVE), os.urandom(16))


def seal(
    keys: ReceiverKeys, plaintext: bytes, sender: ec.EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    """:func:`encrypt` with a given key pair and salt, which must never be used twice."""
    sender_point = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = sender.exchange(_ECDH, keys.public_key)
    # RFC 8291 §3.4. HKDF whose output fits one HMAC block: extract, then one expansion.
    info = b"WebPush: info\0" + keys.point + sender_point
    secret = _hmac(_hmac(keys.auth, shared), info + b"\x01")
    pseudorandom = _hmac(salt, secret)
    key = _hmac(pseudorandom, b"Content-Encoding: aes128gcm\0\x01")[:16]
    nonce = _hmac(pseudorandom, b"Content-Encoding: nonce\0\x01")[:12]
    header = salt + _RECORD_SIZE + bytes((_POINT_SIZE,)) + sender_point
    return header + AESGCM(key).encrypt(nonce, plaintext + _LAST_RECORD, None)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
