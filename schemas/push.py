"""``push.jobs``, ``push.withdrawals``, ``push.results``: sent, taken back, and what came of it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.base import Count, EpochMs, Explained, Id, Label, Url, Wire

PAYLOAD_LIMIT = 3600
"""Bytes of a rendered payload; an encrypted push holds 3,993 (RFC 8291 §4), tokens included."""


class MessageClass(StrEnum):
    """What rules a message is under.

    ``transactional``: the shop owes it (an order's status). ``asked_for``: the shopper asked
    (stock alert, reminder). ``marketing``: everything else.
    """

    TRANSACTIONAL = "transactional"
    ASKED_FOR = "asked_for"
    MARKETING = "marketing"


class Urgency(StrEnum):
    """RFC 8030 §5.3."""

    VERY_LOW = "very-low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Channel(StrEnum):
    """How a message reaches the user."""

    PUSH = "push"
    ONSITE = "onsite"
    """Shown by the page that the user has in front; delivery leaves it alone."""


class Action(Wire):
    """A button of the notification (Notifications API ``actions``)."""

    action: Id
    title: Label
    url: Url | None = None


class Payload(Wire):
    """What the service worker shows. At most :data:`PAYLOAD_LIMIT` bytes of JSON."""

    title: Label
    body: Annotated[str, Field(max_length=1024)]
    url: Url
    icon: Url | None = None
    image: Url | None = None
    tag: Id
    actions: Annotated[tuple[Action, ...], Field(max_length=2)] = ()
    locale: Annotated[str, Field(max_length=35)] = "en"
    scenario: Id
    job_id: Id


class PushJob(Wire):
    """A complete message for one user; delivery adds a token for each device, no more."""

    job_id: Id
    user_id: Id
    scenario: Id
    step: Annotated[int, Field(ge=1)] = 1
    message_class: MessageClass
    channel: Channel = Channel.PUSH
    created_at: EpochMs
    """The decision's logical time, not the wall's."""
    expires_at: EpochMs
    tag: Id
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    """RFC 8030 §5.4: a newer message with the same topic replaces one not yet delivered."""
    urgency: Urgency = Urgency.NORMAL
    devices: Annotated[tuple[Id, ...], Field(min_length=1, max_length=20)]
    """Subscription ids."""
    payload: Payload


class Withdrawal(Wire):
    """Takes a job back; delivery alone knows whether that came in time."""

    job_id: Id
    user_id: Id
    at: EpochMs
    reason: Id


class ResultOutcome(Explained):
    """What became of one job at one device. Everything but ``retrying`` is terminal."""

    DELIVERED = "delivered", "201 or 202: the push service took it."
    GONE = "gone", "404 or 410: the subscription has ended; it was deleted."
    EXPIRED = "expired", "Its time to live ended before the push service took it."
    WITHDRAWN = "withdrawn", "Taken back before it was sent."
    UNKNOWN = (
        "unknown",
        "A marketing message whose POST may or may not have happened: not sent again.",
    )
    NO_SUBSCRIPTION = (
        "no_subscription",
        "The device had no subscription left when its turn came.",
    )
    REJECTED = (
        "rejected",
        "400 or 413: the push service will never take it; the job is dead-lettered.",
    )
    UNAUTHORIZED = (
        "unauthorized",
        "401 or 403, until its time ran out or again while others were taken: the VAPID key is not"
        " accepted by that origin, or not for this browser.",
    )
    NOT_ALLOWED = (
        "not_allowed",
        "The endpoint is not on the allowlist or resolves to a private address.",
    )
    BAD_SUBSCRIPTION = (
        "bad_subscription",
        "The subscription's keys cannot encrypt; it was deleted.",
    )
    RETRYING = "retrying", "It failed for now and will be tried again."

    @property
    def is_terminal(self) -> bool:
        return self is not ResultOutcome.RETRYING


class PushResult(Wire):
    """``push.results``: one attempt's outcome at one device."""

    job_id: Id
    user_id: Id
    subscription_id: Id
    scenario: Id
    message_class: MessageClass
    outcome: ResultOutcome
    attempt: Count
    at: EpochMs
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    origin: Annotated[str, Field(max_length=256)] | None = None
    latency_ms: Count | None = None
    detail: Annotated[str, Field(max_length=512)] | None = None
