"""What is known about a person's reach: subscriptions, interactions, handovers."""

import hashlib
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import EpochMs, Id, Wire


class Subscription(Wire):
    """``push.subscriptions`` (key: ``user/subscription``): one browser that can be pushed to.

    ``subscription_id`` is a hash of endpoint, p256dh and auth, so that subscribing anew is
    another key. ``p256dh`` and ``auth`` are base64url as browsers give them (RFC 8291 §2.1).
    """

    subscription_id: Id
    user_id: Id
    endpoint: Annotated[str, Field(min_length=8, max_length=2048)]
    p256dh: Annotated[str, Field(min_length=1, max_length=256)]
    auth: Annotated[str, Field(min_length=1, max_length=64)]
    created_at: EpochMs
    last_seen_at: EpochMs
    key_id: Id | None = None
    """The VAPID key the browser subscribed with."""
    anonymous_id: Id | None = None
    """The browser's own id, where it is bound to a user: a logout finds it by that."""
    user_agent: Annotated[str, Field(max_length=512)] | None = None
    """The products of its ``User-Agent`` that tell browsers apart: ``Firefox/140.0``."""
    locale: Annotated[str, Field(max_length=35)] | None = None
    timezone: Annotated[str, Field(max_length=64)] | None = None
    handed_over: Literal[True] | None = None
    """Written by a worker: the user's partition is told by a handover, in its place."""


class InteractionKind(StrEnum):
    DISPLAYED = "displayed"
    CLICKED = "clicked"
    DISMISSED = "dismissed"


class Interaction(Wire):
    """``push.interactions``: what the person did with a push."""

    type: InteractionKind
    job_id: Id
    user_id: Id
    subscription_id: Id
    scenario: Id
    occurred_at: EpochMs
    action: Id | None = None


class HandoverProfile(Wire):
    """An anonymous profile on its way to its user. Lands merged by time, whenever it comes."""

    type: Literal["profile"]
    user_id: Id
    anonymous_id: Id
    occurred_at: EpochMs
    """The time of the login or sign-up."""
    event_type: Literal["login", "sign_up"]
    profile: dict[str, Any]
    """The profile's JSON form, as in the changelog."""
    historical: bool = False
    """The login is history: it builds state and opens no moment."""


class HandoverEvent(Wire):
    """An event that came under the anonymous id after its profile had moved.

    A ``logout`` goes the other way, to the anonymous id (``user_id`` names it, as the key): what
    comes still is the visitor's own again, and so are ``subscriptions``.
    """

    type: Literal["event"]
    user_id: Id
    anonymous_id: Id
    event: dict[str, Any]
    """The wire event."""
    recorded_at: EpochMs
    historical: bool = False
    subscriptions: tuple[Subscription, ...] = ()


class HandoverSubscription(Wire):
    """A browser that subscribed under an id whose profile had moved, or that a logout gave back."""

    type: Literal["subscription"]
    user_id: Id
    anonymous_id: Id
    subscription: Subscription


Handover = HandoverProfile | HandoverEvent | HandoverSubscription


def subscription_id_of(endpoint: str, p256dh: str, auth: str) -> str:
    """32 hexadecimal characters: a browser that subscribes anew is another subscription."""
    return hashlib.sha256("\0".join((endpoint, p256dh, auth)).encode()).hexdigest()[:32]


def subscription_key(user_id: str, subscription_id: str) -> str:
    return f"{user_id}/{subscription_id}"


def split_subscription_key(key: str) -> tuple[str, str]:
    """User and subscription. Splits at the last ``/``, since a user id may hold one.

    Raises:
        ValueError: the key has no ``/``.
    """
    user_id, slash, subscription_id = key.rpartition("/")
    if not slash or not user_id or not subscription_id:
        raise ValueError(f"not a subscription key: {key!r} (want user/subscription)")
    return user_id, subscription_id
