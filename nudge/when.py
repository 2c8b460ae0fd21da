"""Times as people type and read them."""

import re
import time
from datetime import UTC, datetime

from nudge.problem import usage_problem
from schemas.base import EPOCH_MS_LIMIT

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000,
             "w": 604_800_000}  # fmt: skip
_DURATION = re.compile(r"(\d+)\s*(ms|s|min|m|h|d|w)")
_EPOCH_MS = re.compile(r"\d{12,14}")


def now_ms() -> int:
    """The wall's time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def duration_ms(text: str) -> int:
    """``90s``, ``20m``, ``1h``, ``7d`` in milliseconds; parts add up (``1h30m``).

    Raises:
        Problem: no duration.
    """
    compact = text.replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise usage_problem(f"{text!r} is no duration", "Write 90s, 20m, 1h, 7d or 1h30m.")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in parts)


def moment_ms(text: str, *, now: int) -> int:
    """A time in epoch ms: RFC 3339, epoch ms, ``now``, ``+10m`` from now or ``-1h`` ago.

    Raises:
        Problem: no time.
    """
    if text == "now":
        return now
    if text[:1] in ("+", "-"):
        distance = duration_ms(text[1:])
        return _written(text, now + distance if text[0] == "+" else now - distance)
    if _EPOCH_MS.fullmatch(text):
        return int(text)
    try:
        parsed = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise usage_problem(
            f"{text!r} is no time",
            "Write 2026-03-01T10:00:00Z, 2026-03-01T10:00:00+01:00, now, +10m or -1h (ago)."
            " Lengths of time are whole numbers: 90m, 7d.",
        ) from None
    return _written(text, round(parsed.timestamp() * 1000))


def _written(text: str, at: int) -> int:
    if not 0 <= at <= EPOCH_MS_LIMIT:
        raise usage_problem(f"{text!r} is too far away", "Times go from 1970 to 9999.")
    return at


def since_ms(text: str, *, now: int) -> int:
    """``1h`` (that long ago) or a time, in epoch ms.

    Raises:
        Problem: neither.
    """
    if _DURATION.match(text) and not _EPOCH_MS.fullmatch(text) and "-" not in text:
        return _written(text, now - duration_ms(text))
    return moment_ms(text, now=now)


def clock(at: int, *, now: int) -> str:
    """Epoch ms as the terminal's local time: ``10:35:00``, with the date where it is not today."""
    try:
        then = datetime.fromtimestamp(at / 1000).astimezone()
    except (ValueError, OverflowError):  # the last hours of the year 9999, east of Greenwich
        return rfc3339(at)
    today = datetime.fromtimestamp(now / 1000).astimezone().date()
    return then.strftime("%H:%M:%S" if then.date() == today else "%Y-%m-%d %H:%M:%S")


def day(at: int) -> str:
    """Epoch ms as a day, ``2026-07-01``, where the terminal is."""
    try:
        return datetime.fromtimestamp(at / 1000).astimezone().date().isoformat()
    except (ValueError, OverflowError):  # the last hours of the year 9999, east of Greenwich
        return rfc3339(at)[:10]


def ahead(at: int, *, now: int) -> str | None:
    """What is said of a command that holds from ``at`` on and was given at ``now`` (ms)."""
    if at - now < _UNITS_MS["s"]:
        return None
    return (
        f"What was told before is dated ahead of this machine's clock: this holds from"
        f" {rfc3339(at)} on, in {ago(at - now)}. One of the clocks is wrong."
    )


def rfc3339(at: int) -> str:
    """Epoch ms as RFC 3339 in UTC, to the millisecond."""
    return (
        datetime.fromtimestamp(at / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def ago(ms: int) -> str:
    """A length of time in its greatest unit: ``3 s``, ``12 min``, ``2 h``, ``5 d``."""
    seconds = abs(ms) // 1000
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} d"
