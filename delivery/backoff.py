"""How long to wait before another try: what the push service asks for, else longer each time."""

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 28 * 86_400.0
_JITTER = 0.5


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a ``Retry-After`` header (RFC 9110 §10.2.3): a number or an HTTP date.

    A date that has passed means now. What cannot be read is as if it were not there.

    Args:
        now: epoch seconds.

    Returns:
        0 to :data:`MAX_RETRY_AFTER_S`; ``None`` where the header says nothing.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(text)
        # A date without a zone is in UTC: HTTP dates are (RFC 9110 §5.6.7).
        at = date.replace(tzinfo=UTC) if date.tzinfo is None else date
        seconds = at.timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def backoff_s(attempt: int, first_s: float, longest_s: float, random: Callable[[], float]) -> float:
    """Seconds to wait after the ``attempt``-th failure (1, 2, …): doubling, with jitter.

    Between half and the whole of ``first_s * 2 ** (attempt - 1)``, at most ``longest_s``, so that
    what failed together does not come back together.

    Args:
        random: 0 to 1.
    """
    whole = min(longest_s, first_s * 2.0 ** min(attempt - 1, 40))
    return whole * (1 - _JITTER * random())
