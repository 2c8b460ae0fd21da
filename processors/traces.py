"""What people leave behind in their profile: things cared for, orders, messages, browsers."""

from collections.abc import Set
from typing import Any, Self

import msgspec

from processors import bounds
from schemas.people import Subscription

TOLD_ELSEWHERE = {"subscription_id", "user_id", "last_seen_at", "anonymous_id", "handed_over"}
"""Of a subscription, what its profile knows, or whoever takes the browser over says anew."""


class Line(msgspec.Struct, array_like=True, gc=False):
    """A cart line. ``price``: minor units of one piece; ``changed_at``: ms."""

    product_id: str
    variant_id: str | None
    quantity: int
    price: int
    changed_at: int


class Interest(msgspec.Struct, array_like=True, gc=False):
    """A product viewed, saved or asked for. ``price`` as seen (minor units), ``at`` in ms."""

    product_id: str
    variant_id: str | None
    at: int
    price: int | None = None
    out: bool = False
    """It could not be bought when it was viewed."""
    views: int = 1


class Device(msgspec.Struct, array_like=True):
    """A browser that can be pushed to, when it was last seen (ms), and its subscription.

    ``told``: the rest of the subscription. ``origin``: the anonymous id it was bound under before
    its user logged in.
    """

    subscription_id: str
    seen_at: int
    told: dict[str, Any]
    origin: str | None = None

    @classmethod
    def of(cls, subscription: Subscription, origin: str | None = None) -> Self:
        told = subscription.model_dump(mode="json", exclude_none=True, exclude=TOLD_ELSEWHERE)
        return cls(subscription.subscription_id, subscription.last_seen_at, told, origin)

    def subscription(self, user_id: str) -> Subscription:
        """The whole of it, bound to that user."""
        return Subscription.model_validate(
            self.told
            | {
                "subscription_id": self.subscription_id,
                "user_id": user_id,
                "last_seen_at": self.seen_at,
            }
        )


class Order(msgspec.Struct, array_like=True, gc=False):
    order_id: str
    at: int
    value: int
    currency: str
    product_ids: list[str] = []


class Sent(msgspec.Struct, array_like=True, gc=False):
    """A message sent: for caps and for once-only."""

    at: int
    scenario: str
    step: int
    marketing: bool


def newest_sent(sent: list[Sent], once: Set[str]) -> list[Sent]:
    """As many as are remembered, marketing and what was owed each by itself.

    Beside them the newest of each step of the scenarios that may come ``once`` in a time: neither
    a day of many orders nor weeks of news must let them be forgotten.
    """
    room = {True: bounds.MAX_SENT_MARKETING, False: bounds.MAX_SENT_OWED}
    lasting = bounds.MAX_SENT_ONCE
    kept: list[Sent] = []
    seen: set[tuple[str, int]] = set()
    for one in reversed(sent):
        newest = one.scenario in once and (one.scenario, one.step) not in seen
        if newest:
            seen.add((one.scenario, one.step))
        if room[one.marketing]:
            room[one.marketing] -= 1
            kept.append(one)
        elif newest and lasting:
            lasting -= 1
            kept.append(one)
    return kept[::-1]


class Pending(msgspec.Struct, array_like=True, gc=False):
    """A marketing message that may still be on its way: for taking it back."""

    decision_id: str
    scenario: str
    entity: str
    step: int
    at: int
    due_at: int
    expires_at: int
    version: str
    opened_at: int = 0


class Touched(msgspec.Struct, array_like=True, gc=False):
    """A push displayed or clicked, lately: an order may come of it."""

    at: int
    clicked: bool
    job_id: str
    scenario: str


class Credit(msgspec.Struct, array_like=True, gc=False):
    """An order that a push led to; ``value``: what of it was not paid back (minor units)."""

    order_id: str
    job_id: str
    scenario: str
    clicked: bool
    touched_at: int
    value: int
    currency: str
