"""Message encryption for Web Push (RFC 8291) in one aes128gcm record (RFC 8188), by pywebpush.

What pywebpush leaves to its caller is done here: keys are checked once, and a message that would
not fit is refused.
"""

from base64 import urlsafe_b64decode
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from pywebpush import WebPusher

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
    """The public keys of a subscription, decoded and checked (RFC 8291 §2.1, §3.2)."""

    point: bytes
    auth: bytes
    pusher: WebPusher = field(compare=False, repr=False)

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
            ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
        except BadSubscriptionError:
            raise
        except ValueError as error:
            raise BadSubscriptionError(f"p256dh or auth cannot be read: {error}") from None
        # Its constructor would copy and decode them once more.
        pusher = WebPusher({"endpoint": ""})
        pusher.receiver_key, pusher.auth_key = point, secret
        return cls(point, secret, pusher)


def encrypt(keys: ReceiverKeys, plaintext: bytes) -> bytes:
    """The body of a push: header and one encrypted record, with a fresh key pair and salt.

    Raises:
        TooLargeError: more than :data:`MAX_PLAINTEXT` bytes.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise TooLargeError(f"{len(plaintext)} bytes, at most {MAX_PLAINTEXT} (RFC 8291 §4)")
    return bytes(keys.pusher.encode(plaintext)["body"])


def _decode(text: str) -> bytes:
    # Padded or not: what is too much is ignored.
    return urlsafe_b64decode(text + "===")
