"""The receiving end of a push: a subscription with the keys a browser keeps for it."""

import os
from base64 import urlsafe_b64encode
from collections import deque
from dataclasses import dataclass, field

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nudge.pushlab.faults import Fault
from nudge.pushlab.records import Message
from schemas.people import Subscription, subscription_id_of


class UndecryptableError(Exception):
    """The body is no aes128gcm message for this subscription."""


@dataclass(slots=True)
class Browser:
    """One subscription at the service. Make them with :meth:`PushLab.subscribe`."""

    endpoint: str
    application_server_key: str | None
    """The public key it subscribed with; ``None``: any is accepted."""
    private_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )
    auth_secret: bytes = field(default_factory=lambda: os.urandom(16), repr=False)
    messages: list[Message] = field(default_factory=list, repr=False)
    """What it has been sent, oldest first."""
    faults: deque[Fault] = field(default_factory=deque, repr=False)
    gone: bool = False
    """Whether the service answers 410 from now on."""

    @property
    def p256dh(self) -> str:
        point = self.private_key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        return _base64url(point)

    @property
    def auth(self) -> str:
        return _base64url(self.auth_secret)

    @property
    def subscription_id(self) -> str:
        return subscription_id_of(self.endpoint, self.p256dh, self.auth)

    def keys(self) -> dict[str, str]:
        """As ``PushSubscription.toJSON()`` gives them."""
        return {"p256dh": self.p256dh, "auth": self.auth}

    def subscription(self, user_id: str, at: int, key_id: str | None = None) -> Subscription:
        """The record that binds it to a user. ``at``: epoch ms."""
        return Subscription(
            subscription_id=self.subscription_id,
            user_id=user_id,
            endpoint=self.endpoint,
            p256dh=self.p256dh,
            auth=self.auth,
            created_at=at,
            last_seen_at=at,
            key_id=key_id,
        )

    def decrypt(self, body: bytes) -> bytes:
        """The plaintext of a push (RFC 8291).

        Raises:
            UndecryptableError: it was not made for this subscription.
        """
        try:
            plaintext = http_ece.decrypt(
                body,
                private_key=self.private_key,
                auth_secret=self.auth_secret,
                version="aes128gcm",
            )
        except (http_ece.ECEException, ValueError) as error:
            raise UndecryptableError(str(error)) from None
        return bytes(plaintext)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
