"""What an answer of a push service means (RFC 8030 §5, RFC 8292 §4)."""

from enum import StrEnum

from schemas.push import MessageClass


class Verdict(StrEnum):
    """What to do next. One map for every status, and for what is no status at all."""

    DELIVERED = "delivered"
    GONE = "gone"
    REJECTED = "rejected"
    UNAUTHORIZED = "unauthorized"
    TRY_LATER = "try_later"
    """The push service did not take it and says so, or was never reached."""
    IN_DOUBT = "in_doubt"
    """It may have been taken: no answer, or one from somebody in between."""
    HELD_BACK = "held_back"
    """Not sent, by our own will: a pause came in between."""
    NOT_ALLOWED = "not_allowed"
    """The endpoint resolves to an address that we do not speak to."""


_BY_STATUS = {
    400: Verdict.REJECTED,
    401: Verdict.UNAUTHORIZED,
    403: Verdict.UNAUTHORIZED,
    404: Verdict.GONE,
    408: Verdict.TRY_LATER,
    410: Verdict.GONE,
    413: Verdict.REJECTED,
    425: Verdict.TRY_LATER,
    429: Verdict.TRY_LATER,
    # A gateway speaks, who does not know what became of the request (RFC 9110 §15.6.3, §15.6.5).
    502: Verdict.IN_DOUBT,
    504: Verdict.IN_DOUBT,
}


def verdict_of(status: int) -> Verdict:
    """The verdict on an HTTP status, 100 to 599.

    Redirects are not followed, and are no more than a refusal: a push service has no reason to
    send us elsewhere.
    """
    if verdict := _BY_STATUS.get(status):
        return verdict
    if 200 <= status < 300:
        return Verdict.DELIVERED
    return Verdict.TRY_LATER if status >= 500 else Verdict.REJECTED


def at_most_once(message_class: MessageClass) -> bool:
    """Whether a message in doubt stays unsent.

    Marketing and what was asked for: a second "it is back in stock" costs trust, a missing one
    little. What the shop owes is sent again: the device shows one, by its tag.
    """
    return message_class is not MessageClass.TRANSACTIONAL
