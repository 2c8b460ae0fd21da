"""The token that goes with a push to one device, and comes back with its interactions.

It proves that whoever reports a display, click or dismissal holds that very message: without it
anybody could click for anybody. Delivery makes it, the gateway checks it.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Annotated

from pydantic import Field, SecretStr

from runtime.settings import Settings

_PURPOSE = b"nudge interaction 1\0"
_SIZE = 16
"""Bytes kept of the HMAC: 128 bits, since every byte counts in a push (RFC 2104 §5)."""


class TokenSettings(Settings):
    """The secret behind interaction tokens: the same for delivery and gateway."""

    token_secret: Annotated[SecretStr, Field(min_length=32)] = Field(
        description="at least 32 characters, the same for delivery and gateway;"
        " `openssl rand -base64 32` makes one"
    )

    def interaction_tokens(self) -> "InteractionTokens":
        return InteractionTokens(self.token_secret.get_secret_value().encode())


class InteractionTokens:
    """Makes and checks tokens: 22 characters of base64url."""

    def __init__(self, secret: bytes) -> None:
        key = hashlib.sha256(_PURPOSE + secret).digest()
        # A copy costs a fraction of what setting up the key anew does.
        self._keyed = hmac.new(key, digestmod="sha256")

    def make(self, job_id: str, subscription_id: str) -> str:
        """The token of one job at one subscription. Ids hold no NUL (``schemas.base.Id``)."""
        mac = self._keyed.copy()
        mac.update(f"{job_id}\0{subscription_id}".encode())
        return urlsafe_b64encode(mac.digest()[:_SIZE])[:22].decode()

    def verify(self, token: str, job_id: str, subscription_id: str) -> bool:
        """Whether the token is that job's at that subscription, in constant time."""
        return hmac.compare_digest(token.encode(), self.make(job_id, subscription_id).encode())
