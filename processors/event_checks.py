"""What the file says of an event that a scenario follows: that there is one, with such fields."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from processors.lined_yaml import Path
from processors.scenarios.after_event import AfterEventConfig
from processors.vocabulary import EVENTS, GROUPS
from processors.where import Bound, Scalar, Where

Refuse = Callable[[Path, str, str], None]
"""Told where, what is wrong, and what to do about it."""


class EventChecks:
    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse

    def checked(self, path: Path, config: AfterEventConfig) -> AfterEventConfig:
        """The settings with every value of ``where`` as its field has it."""
        endings = config.endings()
        ends = [name for name, where in endings if where or name not in GROUPS]
        known = [self._is_known((*path, "on"), config.on)]
        known += [self._is_known((*path, "unless"), name) for name in ends]
        if not all(known):
            return config
        if config.entity is not None:
            self._check_fields((*path, "entity"), config.on, [config.entity])
        if config.before is not None:
            self._check_time((*path, "before"), config.on, config.before)
        where = self._where((*path, "where"), config.on, config.where)
        unless = [
            {name: self._where((*path, "unless"), name, held)} if held else name
            for name, held in endings
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
        if isinstance(wanted, list):
            return [self._value(path, event, value) for value in wanted]
        if not isinstance(wanted, Bound):
            held: Scalar = self._value(path, event, wanted)
            return held
        for limit in (wanted.at_least, wanted.at_most):
            if limit is not None:
                self._value(path, event, limit)
        return wanted

    def _value(self, path: Path, event: str, value: Any) -> Any:
        try:
            return _adapter(event, str(path[-1])).validate_python(value)
        except ValidationError as error:
            message = error.errors(include_url=False)[0]["msg"]
            self._refuse(path, f"never {value!r}", message)
            return value


def _adapter(event: str, field: str) -> TypeAdapter[Any]:
    """What a field of an event may hold."""
    return TypeAdapter(EVENTS[event].model_fields[field].rebuild_annotation())


def names(known: Iterable[str]) -> str:
    """For a sentence."""
    return ", ".join(sorted(known))
