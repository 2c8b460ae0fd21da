"""Segments: named filters over the profile. See ``docs/segments.md``."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from processors.config import SegmentConfig
from processors.durations import format_duration, parse_duration
from processors.features import FEATURES, Feature, Kind, feature_named
from processors.lined_yaml import Path
from processors.profile import Profile
from schemas.events import Purpose

Refuse = Callable[[Path, str, str], None]
"""Told where, what is wrong, and what to do about it."""

_BOUNDS = ("at_least", "at_most")


@dataclass(frozen=True, slots=True)
class Condition:
    """One feature, and what it must be: one of ``words``, or within the bounds."""

    name: str
    feature: Feature
    words: tuple[Any, ...] = ()
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, profile: Profile, at: int) -> bool:
        """Whether it is so at ``at`` (ms). What is not known is not so."""
        value = self.feature.read(profile, at)
        if value is None:
            return False
        if self.words:
            values = value if self.feature.kind is Kind.WORDS or _is_list(value) else (value,)
            return any(_folded(one) in self.words for one in values)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def __str__(self) -> str:
        if self.words:
            return f"{self.name} is {' or '.join(str(word) for word in self.words)}"
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        said = " and ".join(f"{word} {self.show(v)}" for word, v in bounds if v is not None)
        return f"{self.name} is {said}"

    def show(self, value: Any) -> str:
        """A value of the feature, for people."""
        if value is None:
            return "not known"
        if self.feature.kind is Kind.DURATION:
            return format_duration(int(value) // 1000 * 1000)
        if isinstance(value, bool):
            return "true" if value else "false"
        if _is_list(value):
            return ", ".join(map(str, value)) or "none"
        return str(value)


@dataclass(frozen=True, slots=True)
class Finding:
    """How a condition stands with a user: ``said`` names it and the user's own value."""

    said: str
    good: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """Who meets all of ``where``, something of ``any_of`` (where there is any), ``none_of``."""

    name: str
    where: tuple[Condition, ...]
    any_of: tuple[tuple[Condition, ...], ...]
    none_of: tuple[tuple[Condition, ...], ...]
    publish: bool

    def holds(self, profile: Profile, at: int) -> bool:
        """Whether the user is in it at ``at`` (ms). Who refused profiling is in none."""
        return (
            not refused_profiling(profile)
            and _all(self.where, profile, at)
            and (not self.any_of or any(_all(part, profile, at) for part in self.any_of))
            and not any(_all(part, profile, at) for part in self.none_of)
        )

    def conditions(self) -> Iterator[Condition]:
        yield from self.where
        for part in (*self.any_of, *self.none_of):
            yield from part

    def findings(self, profile: Profile, at: int) -> Iterator[Finding]:
        """Why the user is in it or not, one part after the other."""
        if refused_profiling(profile):
            yield Finding("consent to profiling was refused", good=False)
        for condition in self.where:
            yield Finding(_said((condition,), profile, at), condition.holds(profile, at))
        if self.any_of:
            said = "; or ".join(_said(part, profile, at) for part in self.any_of)
            yield Finding(f"any: {said}", any(_all(p, profile, at) for p in self.any_of))
        for part in self.none_of:
            yield Finding(f"not: {_said(part, profile, at)}", not _all(part, profile, at))


def refused_profiling(profile: Profile) -> bool:
    consent = profile.consents.get(Purpose.PROFILING.value)
    return consent is not None and not consent[0]


def _all(part: tuple[Condition, ...], profile: Profile, at: int) -> bool:
    return all(condition.holds(profile, at) for condition in part)


def _said(part: tuple[Condition, ...], profile: Profile, at: int) -> str:
    return ", ".join(
        f"{condition} ({condition.show(condition.feature.read(profile, at))})" for condition in part
    )


def compile_segments(configs: Mapping[str, SegmentConfig], refuse: Refuse) -> dict[str, Segment]:
    """The file's segments, ready to run; ``refuse`` is told every mistake."""
    return {name: _compile(name, config, refuse) for name, config in configs.items()}


def _compile(name: str, config: SegmentConfig, refuse: Refuse) -> Segment:
    path: Path = ("segments", name)
    if not (config.where or config.any_of or config.none_of):
        refuse(path, "it says nothing of anybody", "write under `where:` what they have in common")
    return Segment(
        name,
        _conditions((*path, "where"), config.where, refuse),
        _parts((*path, "any"), config.any_of, refuse),
        _parts((*path, "none"), config.none_of, refuse),
        config.publish,
    )


def _parts(
    path: Path, parts: Iterable[Mapping[str, Any]], refuse: Refuse
) -> tuple[tuple[Condition, ...], ...]:
    return tuple(_conditions((*path, n), part, refuse) for n, part in enumerate(parts))


def _conditions(path: Path, part: Mapping[str, Any], refuse: Refuse) -> tuple[Condition, ...]:
    if not part and path[-1] != "where":
        refuse(path, "it says nothing", "name a feature, or take it out")
    made = []
    for name, wanted in part.items():
        feature = feature_named(name)
        if feature is None:
            near = get_close_matches(name, FEATURES, n=1)
            cure = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(FEATURES)}"
            refuse((*path, name), f"there is no feature {name!r}", cure)
            continue
        try:
            made.append(_condition(name, feature, wanted))
        except ValueError as error:
            refuse((*path, name), str(error), like(name))
    return tuple(made)


def like(name: str) -> str:
    """How a feature's condition is written."""
    feature = feature_named(name)
    example = _LIKE_OF.get(name) or ("" if feature is None else _LIKE[feature.kind])
    return f"like {name}: {example}"


_LIKE = {
    Kind.NUMBER: "{at_least: 3}, or 0",
    Kind.MONEY: "{at_least: 50000} (minor units)",
    Kind.DURATION: "{at_most: 30d}",
    Kind.WORD: "gold, or [gold, silver]",
    Kind.WORDS: "[lamps, chairs]: any of them",
    Kind.SWITCH: "true, or false",
}
_LIKE_OF = {
    "city": "Oslo, or [Oslo, Bergen]",
    "country": "NO, or [NO, SE]",
    "language": "pl, or [pl, ru]",
    "timezone": "Europe/Warsaw",
}


def _condition(name: str, feature: Feature, wanted: Any) -> Condition:
    """Raises:
    ValueError: no value of the feature could ever be so.
    """
    if isinstance(wanted, Mapping):
        return _bounded(name, feature, wanted)
    words = tuple(wanted) if isinstance(wanted, list) else (wanted,)
    if not words:
        raise ValueError("an empty list is never met")
    if feature.kind is Kind.DURATION:
        raise ValueError("a duration is met only by chance: give a bound")
    read = tuple(_word(name, feature, word) for word in words)
    return Condition(name, feature, read)


def _word(name: str, feature: Feature, said: Any) -> Any:
    """What a feature must be, as its values are."""
    kind, word = feature.kind, said
    if isinstance(said, str) and kind in (Kind.NUMBER, Kind.MONEY, Kind.SWITCH):
        word = _WORDS.get(said, int(said) if said.isdecimal() else said)
    is_number = isinstance(word, int | float) and not isinstance(word, bool)
    own_trait = name not in FEATURES
    good = {
        Kind.NUMBER: is_number,
        Kind.MONEY: is_number,
        Kind.SWITCH: isinstance(word, bool),
        Kind.WORD: isinstance(word, str) or (own_trait and isinstance(word, int | float)),
        Kind.WORDS: isinstance(word, str),
    }
    if not good[kind]:
        raise ValueError(f"never {said!r}: it is a {kind.value}")
    return _folded(word)


_WORDS = {"true": True, "false": False}


def _bounded(name: str, feature: Feature, wanted: Mapping[str, Any]) -> Condition:
    if not wanted or set(wanted) - set(_BOUNDS):
        raise ValueError("a bound is at_least, at_most or both")
    if feature.kind in (Kind.WORDS, Kind.SWITCH) or (
        feature.kind is Kind.WORD and name in FEATURES
    ):
        raise ValueError(f"a {feature.kind.value} has no bounds")
    low, high = (_limit(feature, wanted.get(bound)) for bound in _BOUNDS)
    if low is not None and high is not None and low > high:
        raise ValueError("nobody: at_least is more than at_most")
    return Condition(name, feature, (), low, high)


def _limit(feature: Feature, value: Any) -> float | None:
    if value is None:
        return None
    if feature.kind is Kind.DURATION:
        return parse_duration(value)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
