"""What a check found."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    """It works, and will hurt."""
    FAIL = "fail"
    """Something does not work, or pushes go wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer, in words for whoever is on call."""

    check: str
    level: Level
    said: str
    cure: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def ok(check: str, said: str) -> Finding:
    return Finding(check, Level.OK, said)


def warn(check: str, said: str, cure: str) -> Finding:
    return Finding(check, Level.WARN, said, cure)


def fail(check: str, said: str, cure: str) -> Finding:
    return Finding(check, Level.FAIL, said, cure)
