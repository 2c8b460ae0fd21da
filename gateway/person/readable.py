"""Records and profiles as their person reads them: plain JSON, under the names of the rules."""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson
from aiokafka import ConsumerRecord

from gateway.person.reading import json_of
from processors.rows import NewerProfileError, decode

_OPEN_ONLY = frozenset({"viewed_row", "categories_row", "open_viewed", "open_categories"})


def record(found: ConsumerRecord) -> dict[str, Any]:
    """A record with its place."""
    return {
        "key": (found.key or b"").decode(errors="replace"),
        "partition": found.partition,
        "offset": found.offset,
        "recorded_at": found.timestamp,
        "value": json_of(found.value),
    }


def profile(row: bytes | None) -> Any:
    """A profile without what says nothing; a newer release's as it stands."""
    if row is None:
        return None
    try:
        held = decode(row)
    except NewerProfileError:
        return orjson.loads(row)
    named = {name: value for name, value in _fields(held).items() if name not in _OPEN_ONLY}
    return _spelt({**named, "viewed": list(held.viewed), "categories": held.categories.by_name()})


def _fields(value: msgspec.Struct) -> Mapping[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _spelt(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        value = _fields(value)
    if isinstance(value, Mapping):
        spelt = {str(name): _spelt(part) for name, part in value.items()}
        return {name: p for name, p in spelt.items() if p not in (None, "", 0, [], {}, False)}
    if isinstance(value, list | tuple):
        return [_spelt(part) for part in value]
    if isinstance(value, bytes):
        return value.hex()
    return None if value is msgspec.UNSET else value
