"""Message encryption for Web Push (RFC 8291) in one aes128gcm record (RFC 8188), by pywebpush.

What pywebpush leaves to its caller is done here: a message that would not fit is refused, and
what is wrong with a subscription's keys is one error.
"""

from binascii import a2b_base64
from dataclasses import dataclass, field

from pywebpush import WebPusher

MAX_PLAINTEXT = 3993
"""Bytes: what is left of 4,096 (RFC 8291 §4)."""
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
    pusher: WebPusher = field(compare=False, repr=False)

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
        # Its constructor would copy and decode them once more.
        pusher = WebPusher({"endpoint": ""})
        pusher.receiver_key, pusher.auth_key = point, secret
        return cls(point, secret, pusher)


def encrypt(keys: ReceiverKeys, plaintext: bytes) -> bytes:
    """The body of a push: header and one encrypted record, with a fresh key pair and salt.

    Raises:
        TooLargeError: more than :data:`MAX_PLAINTEXT` bytes.
        BadSubscriptionError: the subscription's point does not lie on P-256.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise TooLargeError(f"{len(plaintext)} bytes, at most {MAX_PLAINTEXT} (RFC 8291 §4)")
    try:
        return bytes(keys.pusher.encode(plaintext)["body"])
    except ValueError as error:
        raise BadSubscriptionError(f"p256dh is no point on P-256: {error}") from None


def _decode(text: str) -> bytes:
    # Padded or not: what is too much is ignored.
    return a2b_base64(text.replace("-", "+").replace("_", "/") + "===")
