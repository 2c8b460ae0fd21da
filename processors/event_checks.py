"""What the file says of an event that a scenario follows: that there is one, with such fields."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from processors.lined_yaml import Document, Path
from processors.scenarios.after_event import AfterEventConfig
from processors.vocabulary import EVENTS, GROUPS
from processors.where import Bound, Scalar, Where

Refuse = Callable[[Path, str, str], None]
"""Told where, what is wrong, and what to do about it."""


_DURATIONS = frozenset({("session_end", "away"), ("engagement", "ms")})
"""Fields that hold one, in ms; of an event's other numbers none does."""


class EventChecks:
    """``strict``: what can be read and would never be so is refused too."""

    def __init__(self, refuse: Refuse, document: Document, *, strict: bool) -> None:
        self._refuse = refuse
        self._document = document
        self._strict = strict

    def checked(self, path: Path, config: AfterEventConfig) -> AfterEventConfig:
        """The settings with every value of ``where`` as its field has it."""
        endings = tuple(enumerate(config.endings()))
        known = [self._is_known((*path, "on"), config.on)]
        known += [
            self._can_end((*path, "unless", number), name)
            for number, (name, where) in endings
            if where or name not in GROUPS
        ]
        if not all(known):
            return config
        if config.entity is not None:
            self._check_entity((*path, "entity"), config.on, config.entity)
        if config.before is not None:
            self._check_time((*path, "before"), config.on, config.before)
        where = self._where((*path, "where"), config.on, config.where)
        unless = [
            {name: self._where((*path, "unless", number, name), name, held)} if held else name
            for number, (name, held) in endings
        ]
        return config.model_copy(update={"where": where, "unless": tuple(unless)})

    def _is_known(self, path: Path, name: str) -> bool:
        if name in EVENTS:
            return True
        if name in GROUPS:
            cure = "it stands in `unless`, by itself"
            self._refuse(path, f"{name!r} is many events", cure)
            return False
        near = get_close_matches(name, (*EVENTS, *GROUPS), n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"one of {names(EVENTS)}"
        self._refuse(path, f"there is no event {name!r}", cure)
        return False

    def _can_end(self, path: Path, name: str) -> bool:
        if self._strict and name == "session_end":
            cure = "write activity: anything the user does; or an event, such as purchase"
            self._refuse(path, f"{name} ends nothing: nobody sends it", cure)
            return False
        return self._is_known(path, name)

    def _check_entity(self, path: Path, event: str, field: str) -> None:
        """Decisions carry it: a list or a mapping is no name for a matter."""
        if not self._check_fields(path, event, [field]) or not self._strict:
            return
        if _takes(event, field, []) or _takes(event, field, {}):
            plain = [name for name in EVENTS[event].model_fields
                     if name.endswith("_id") or name in ("code", "survey", "topic")]  # fmt: skip
            cure = f"name a field of one value, such as {names(plain)}"
            self._refuse(path, f"{field!r} of {event} holds many values", cure)

    def _check_fields(self, path: Path, event: str, named: Iterable[str]) -> bool:
        """Whether the event has these fields."""
        fields = EVENTS[event].model_fields
        unknown = [field for field in named if field not in fields]
        for field in unknown:
            near = get_close_matches(field, fields, n=1)
            cure = f"did you mean {near[0]!r}?" if near else f"it has {names(fields)}"
            self._refuse(path, f"{event} has no field {field!r}", cure)
        return not unknown

    def _check_time(self, path: Path, event: str, field: str) -> None:
        if not self._check_fields(path, event, [field]):
            return
        try:
            known = _adapter(event, field).validate_python("2026-01-01T00:00:00Z")
        except ValidationError:
            known = None
        if not isinstance(known, int):
            times = [name for name in ("expires_at", "expected_delivery", "at")
                     if name in EVENTS[event].model_fields]  # fmt: skip
            cure = f"it has {names(times)}" if times else "it has none: say how long after it"
            self._refuse(path, f"{field!r} of {event} holds no time", cure)

    def _where(self, path: Path, event: str, where: Where) -> Where:
        """A value that the field can never have would keep the scenario silent for good."""
        if not self._check_fields(path, event, where):
            return where
        return {name: self._wanted((*path, name), event, w) for name, w in where.items()}

    def _wanted(
        self, path: Path, event: str, wanted: Scalar | list[Scalar] | Bound
    ) -> Scalar | list[Scalar] | Bound:
        """What is wanted of the field that ``path`` ends with, as the field has it."""
        if isinstance(wanted, Bound):
            self._check_bound(path, event, wanted)
            return wanted
        if self._strict and (event, path[-1]) in _DURATIONS:
            cure = "give a bound, like {at_least: 3d}"
            self._refuse(path, f"never just {wanted!r}: it is a duration", cure)
            return wanted
        if isinstance(wanted, list):
            if self._strict and not wanted:
                self._refuse(path, "an empty list is never met", "name a value, or take it out")
            return [self._value(path, event, value) for value in wanted]
        held: Scalar = self._value(path, event, wanted)
        return held

    def _check_bound(self, path: Path, event: str, bound: Bound) -> None:
        low, high = bound.at_least, bound.at_most
        for limit in (low, high):
            if limit is not None:
                self._value(path, event, limit)
        if not self._strict:
            return
        is_duration = (event, path[-1]) in _DURATIONS
        for name, said in self._document.at(path).items():
            has_unit = isinstance(said, str) and not said.isdigit()
            if is_duration and not has_unit and said not in (None, 0, "0"):
                cure = "write it with its unit, like 3d"
                self._refuse((*path, name), f"{said} of what? It is a duration", cure)
            elif not is_duration and has_unit:
                self._refuse((*path, name), f"never {said!r}: it is no duration", "write a number")
        if low is not None and high is not None and low > high:
            cure = "write the smaller one under at_least"
            self._refuse(path, "never: at_least is more than at_most", cure)

    def _value(self, path: Path, event: str, value: Any) -> Any:
        try:
            return _adapter(event, str(path[-1])).validate_python(value)
        except ValidationError as error:
            message = error.errors(include_url=False)[0]["msg"]
            self._refuse(path, f"never {value!r}", message)
            return value


def _takes(event: str, field: str, value: Any) -> bool:
    """Whether the field could hold it."""
    try:
        _adapter(event, field).validate_python(value)
    except ValidationError:
        return False
    return True


def _adapter(event: str, field: str) -> TypeAdapter[Any]:
    """What a field of an event may hold."""
    return TypeAdapter(EVENTS[event].model_fields[field].rebuild_annotation())


def names(known: Iterable[str]) -> str:
    """For a sentence."""
    return ", ".join(sorted(known))
