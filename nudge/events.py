"""Wire events as people give them: checked with every fault named, filled in, keyed."""

import difflib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.adapters import dump
from schemas.base import NO_TIME
from schemas.catalog import CatalogEvent, catalog_key_of
from schemas.currencies import NO_CURRENCY, wants_currency
from schemas.events import Envelope, ShopEvent, key_of
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS, Topic


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field; ``field`` is a dotted path, empty for the whole event."""

    field: str
    said: str

    def __str__(self) -> str:
        return f"{self.field}: {self.said}" if self.field else self.said


class InvalidEventError(ValueError):
    """An event that no reader would take, with every fault."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class ReadyEvent:
    """A valid event and where it belongs. ``ignored``: fields that no reader looks at."""

    topic: Topic
    key: str
    value: bytes
    type: str
    event_id: str
    occurred_at: int
    ignored: tuple[str, ...]


@cache
def event_models() -> dict[str, type[BaseModel]]:
    """The model of every event type, of shop and catalogue."""
    return {
        get_args(model.model_fields["type"].annotation)[0]: model
        for model in (*get_args(ShopEvent), *get_args(CatalogEvent))
    }


def topic_of(type_: str) -> Topic:
    """The topic that events of this type belong in."""
    return SHOP_EVENTS if issubclass(event_models()[type_], Envelope) else SHOP_CATALOG


def filled(raw: Mapping[str, Any], *, now: int | None) -> dict[str, Any]:
    """``raw`` with an ``event_id`` and the time ``now`` (ms; ``None``: no time) if it has none."""
    given = {name: value for name, value in raw.items() if value is not None}
    time = {} if now is None else {"occurred_at": now}
    return {"event_id": str(uuid.uuid4())} | time | given


def ready(raw: Mapping[str, Any]) -> ReadyEvent:
    """Checks an event and finds its topic and key.

    Raises:
        InvalidEventError: a field is missing or wrong, the type is unknown, or nobody is named.
    """
    model = _model_of(raw)
    try:
        event = model.model_validate(dict(raw))
    except ValidationError as error:
        raise InvalidEventError(_faults(error)) from None
    key = key_of(event) if isinstance(event, Envelope) else _catalog_key_of(event)
    if key is None:
        raise InvalidEventError(
            [Fault("user_id", "missing: an event needs a user_id, an anonymous_id, or both")]
        )
    return ReadyEvent(
        topic=topic_of(raw["type"]),
        key=key,
        value=dump(event),
        type=raw["type"],
        event_id=str(raw["event_id"]),
        occurred_at=getattr(event, "occurred_at"),  # noqa: B009 - on every model of either union
        ignored=tuple(name for name in raw if name not in model.model_fields),
    )


def misspelt(event: ReadyEvent) -> list[Fault]:
    """Ignored fields that look like one the type has: almost always a slip of the pen."""
    known = list(event_models()[event.type].model_fields)
    return [
        Fault(name, f"{event.type} has no such field; did you mean {close[0]}?")
        for name in event.ignored
        if (close := difflib.get_close_matches(name, known, n=1, cutoff=0.75))
    ]


def closest_types(type_: str) -> list[str]:
    """Types whose name is like ``type_``."""
    return difflib.get_close_matches(type_, event_models(), n=3, cutoff=0.5)


def unknown_type(type_: str) -> Fault:
    """What is said of a type that neither shop nor catalogue has."""
    close = closest_types(type_)
    hint = f"did you mean {' or '.join(close)}?" if close else "see `nudge publish --types`"
    return Fault("type", f"there is no {type_!r}; {hint}")


def _catalog_key_of(event: BaseModel) -> str:
    assert isinstance(event, CatalogEvent)
    return catalog_key_of(event)


def _model_of(raw: Mapping[str, Any]) -> type[BaseModel]:
    type_ = raw.get("type")
    if not isinstance(type_, str):
        raise InvalidEventError([Fault("type", "missing: see `nudge publish --types`")])
    model = event_models().get(type_)
    if model is None:
        raise InvalidEventError([unknown_type(type_)])
    return model


def _faults(error: ValidationError) -> list[Fault]:
    found: dict[str, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False, include_context=False):
        # Names of a union's branches stand in the path among the fields; they help nobody.
        path = ".".join(str(part) for part in detail["loc"] if _is_field(part))
        found.setdefault(path, []).append(detail)
    return [Fault(path, _said(details)) for path, details in found.items()]


def _is_field(part: int | str) -> bool:
    return isinstance(part, int) or part.isidentifier()


def _said(details: list[ErrorDetails]) -> str:
    """One sentence for all that is said of one field, the branches of its union included."""
    first = details[0]
    value = f"{first['input']!r:.80}"
    if first["type"] == "missing":
        return "missing"
    if any(detail["type"].startswith(("datetime", "timezone")) for detail in details):
        return f"{value} is {NO_TIME}"
    if wants_currency(first):
        return f"{value} is {NO_CURRENCY}"
    ours = [detail["msg"] for detail in details if detail["type"] == "value_error"][:1]
    each = ours or dict.fromkeys(detail["msg"] for detail in details)
    message = " or ".join(each).removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}, not {value}"
