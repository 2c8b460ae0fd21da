"""What can be read in a segment, and would hold of nobody, or of everybody, for ever.

Apart from what cannot be read: a version that was applied before these were known goes on.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from processors.config import EVERYBODY, SegmentConfig
from processors.copy_checks import Slip, is_locale
from processors.features import Kind, feature_named
from processors.lined_yaml import Path
from processors.segments import like


def slips(configs: Mapping[str, SegmentConfig]) -> Iterator[Slip]:
    """All of them in the file's segments: where, what is wrong, and the cure."""
    for segment, config in configs.items():
        if segment == EVERYBODY:
            yield (
                ("segments", segment),
                "a campaign for `all` is for everybody",
                "name it otherwise",
            )
        for where, part in _parts(config):
            for name, wanted in part.items():
                said = _slip(name, wanted)
                if said is not None:
                    yield ("segments", segment, *where, name), said, like(name)


def _parts(config: SegmentConfig) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    yield ("where",), config.where
    for key, parts in (("any", config.any_of), ("none", config.none_of)):
        for number, part in enumerate(parts):
            yield (key, number), part


def _slip(name: str, wanted: Any) -> str | None:
    feature = feature_named(name)
    for value in _values(wanted):
        if isinstance(value, float) and feature is not None and feature.kind is Kind.MONEY:
            return f"{value!r} is no amount in minor units"
        if not isinstance(value, str):
            continue
        if name == "timezone" and value.casefold() not in _timezones():
            return f"there is no timezone {value!r}"
        if name == "language" and ("-" in value or not is_locale(value)):
            return f"never {value!r}: it is a language's bare code"
    return None


def _values(wanted: Any) -> tuple[Any, ...]:
    if isinstance(wanted, Mapping):
        return tuple(wanted.values())
    return tuple(wanted) if isinstance(wanted, list) else (wanted,)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(name.casefold() for name in available_timezones())
