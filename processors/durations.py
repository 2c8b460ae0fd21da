"""Durations as people write them in the scenario file: ``90s``, ``20m``, ``1h30m``, ``7d``."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LONGEST = 730 * _UNITS["d"]
_PART = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_WHOLE = re.compile(r"(?:\d+(?:ms|s|m|h|d|w))+")


def parse_duration(value: Any) -> int:
    """Milliseconds.

    Raises:
        ValueError: not a duration; the message says how to write one.
    """
    if isinstance(value, str) and value.strip() == "0":
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return 0
    if not isinstance(value, str) or not _WHOLE.fullmatch(value.strip()):
        raise ValueError("write a duration with its unit, like 90s, 20m, 1h30m or 7d")
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value))


def format_duration(ms: int) -> str:
    """The shortest way to write ``ms``: ``1h30m``."""
    if ms == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        number, ms = divmod(ms, _UNITS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts)


def _setting(value: Any) -> int:
    duration = parse_duration(value)
    if duration > _LONGEST:
        raise ValueError(f"{format_duration(duration)} is longer than two years (730d)")
    return duration


Duration = Annotated[
    int,
    BeforeValidator(_setting),
    Field(ge=0, le=_LONGEST),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(ms|s|m|h|d|w))+$"}),
]
"""Written like ``20m``; milliseconds once read."""
