"""``push.attributions`` and ``push.handoffs``: what a push led to, and whose turn is next."""

from typing import Annotated

from pydantic import Field

from schemas.base import Currency, EpochMs, Explained, Id, Wire


class Touch(Explained):
    """What the user did with the push that an order is credited to."""

    CLICK = "click", "The user clicked it within the window before the order."
    VIEW = "view", "It was displayed within the window, and none was clicked. Counted apart."


class CreditCause(Explained):
    """Why credit is given or taken."""

    ORDER = "order", "The user ordered."
    REFUND = "refund", "The order, or a part of it, was paid back."
    CORRECTED = (
        "corrected",
        "A click that came to light later was the last before the order: one credit is taken, the"
        " other given.",
    )


class Attribution(Wire):
    """Credit for an order. Sum ``value`` by what you want to know: credit that is taken is below 0.

    ``at``: the time of the order or refund; ``touched_at``: of the click or display.
    """

    user_id: Id
    order_id: Id
    job_id: Id
    scenario: Id
    touch: Touch
    cause: CreditCause
    value: Annotated[int, Field(ge=-(10**12), le=10**12)]
    """Minor units."""
    currency: Currency
    at: EpochMs
    touched_at: EpochMs


class HandoffReason(Explained):
    """Why the push did not do."""

    NOT_SUBSCRIBED = "not_subscribed", "The user has no browser that can be pushed to."
    NOT_DELIVERED = "not_delivered", "No browser took it in time."
    NOT_CLICKED = "not_clicked", "It was delivered, and not clicked in time."


class Handoff(Wire):
    """The next channel's turn. The texts are the push's; ``None`` where none was made."""

    decision_id: Id
    user_id: Id
    scenario: Id
    step: Annotated[int, Field(ge=1)]
    entity: str
    channel: Id
    reason: HandoffReason
    at: EpochMs
    locale: str | None = None
    title: str | None = None
    body: str | None = None
    url: str | None = None
