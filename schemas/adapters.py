"""Bytes to models and back. Every reader of a topic goes through here."""

from functools import cache
from typing import Annotated, Any, TypeVar, get_args

import msgspec
import orjson
from pydantic import BaseModel, Discriminator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.base import NO_TIME
from schemas.campaigns import CampaignEvent
from schemas.catalog import CatalogEvent, catalog_key_of
from schemas.control import Control
from schemas.currencies import NO_CURRENCY, wants_currency
from schemas.decisions import DeadLetterReason
from schemas.events import Envelope, ShopEvent, key_of
from schemas.people import Handover

Model = TypeVar("Model", bound=BaseModel)
_encode = msgspec.json.Encoder().encode

SHOP_EVENT: TypeAdapter[ShopEvent] = TypeAdapter(Annotated[ShopEvent, Discriminator("type")])
CATALOG_EVENT: TypeAdapter[CatalogEvent] = TypeAdapter(
    Annotated[CatalogEvent, Discriminator("type")]
)
HANDOVER: TypeAdapter[Handover] = TypeAdapter(Annotated[Handover, Discriminator("type")])
CONTROL: TypeAdapter[Control] = TypeAdapter(Control)
CAMPAIGN: TypeAdapter[CampaignEvent] = TypeAdapter(CampaignEvent)


EVENT_CLASSES: dict[str, type[Envelope]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(ShopEvent)
}
"""The model of each event type of ``shop.events``, by its name."""

SHOP_EVENT_TYPES: frozenset[type[Envelope]] = frozenset(EVENT_CLASSES.values())


class InvalidRecordError(ValueError):
    """A record that cannot be read; ``reason`` and ``str(error)`` go to the dead-letter topic.

    Args:
        path: which field is at fault, as ``items.0.price``; said before the message.
    """

    def __init__(self, reason: DeadLetterReason, message: str, path: str = "") -> None:
        super().__init__((f"{path}: {message}" if path else message)[:1024])
        self.reason = reason
        self.path = path
        self.message = message


def parse_shop_event(value: bytes | None) -> ShopEvent:
    """An event of ``shop.events``.

    Raises:
        InvalidRecordError: bad JSON, an unknown type, a wrong field, or nobody named.
    """
    event = parse(SHOP_EVENT, value)
    if event.user_id is None and event.anonymous_id is None:
        raise InvalidRecordError(
            DeadLetterReason.INVALID,
            "at least one of user_id and anonymous_id is needed",
            "user_id",
        )
    return event


def parse_catalog_event(value: bytes | None) -> CatalogEvent:
    """An event of ``shop.catalog``.

    Raises:
        InvalidRecordError: bad JSON, an unknown type or a wrong field.
    """
    return parse(CATALOG_EVENT, value)


@cache
def adapter_of(model: type[Model]) -> TypeAdapter[Model]:
    return TypeAdapter(model)


T = TypeVar("T")


def parse(adapter: TypeAdapter[T], value: bytes | None) -> T:
    """One record's value through ``adapter``.

    Raises:
        InvalidRecordError: the value is missing, no JSON, or not what the adapter wants.
    """
    if value is None:
        raise InvalidRecordError(DeadLetterReason.INVALID, "the record has no value")
    try:
        return adapter.validate_json(value)
    except ValidationError as error:
        raise _explain(error) from None
    except RecursionError:
        raise InvalidRecordError(DeadLetterReason.BAD_JSON, "nested too deep") from None


_OURS = ("value_error", "finite_number")
"""Of several kinds of value that a field may have, these name what is wrong with the one meant."""


def _explain(error: ValidationError) -> InvalidRecordError:
    errors = error.errors(include_url=False, include_input=False)
    first = next((one for one in errors if one["type"] in _OURS), errors[0])
    path = _path(first)
    said = NO_CURRENCY if wants_currency(first) else first["msg"]
    if any(one["type"].startswith(_OF_TIMES) and _path(one) == path for one in errors):
        said = NO_TIME
    said = said.removeprefix("Value error, ")
    reason = DeadLetterReason.INVALID
    if first["type"] == "json_invalid":
        reason = DeadLetterReason.BAD_JSON
    elif first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        reason = DeadLetterReason.UNKNOWN_TYPE
    return InvalidRecordError(reason, said, path)


_OF_TIMES = ("datetime", "timezone")
"""What pydantic calls a text that is no time, or one without an offset."""


def _path(error: ErrorDetails) -> str:
    return ".".join(str(part) for part in error["loc"] if not _is_label(part))


def _is_label(part: str | int) -> bool:
    """Whether it only says which kind of value was tried, of several that a field may have."""
    return isinstance(part, str) and (part.startswith("constrained-") or "[" in part)


def dump(model: BaseModel | msgspec.Struct) -> bytes:
    """A model, or its struct, as the JSON bytes of its topic: no fields that say nothing."""
    if isinstance(model, msgspec.Struct):
        return _encode(model)
    return model.model_dump_json(exclude_none=True).encode()


def check_shop_key(event: ShopEvent, key: str) -> None:
    """Holds the record's key against the event.

    Raises:
        InvalidRecordError: the event belongs under another key.
    """
    expected = key_of(event)
    if key != expected:
        raise InvalidRecordError(
            DeadLetterReason.WRONG_KEY, f"the key is {key!r}, the event belongs under {expected!r}"
        )


def check_catalog_key(event: CatalogEvent, key: str) -> None:
    """Holds the record's key against the catalogue event.

    Raises:
        InvalidRecordError: the event belongs under another key.
    """
    expected = catalog_key_of(event)
    if key != expected:
        raise InvalidRecordError(
            DeadLetterReason.WRONG_KEY, f"the key is {key!r}, the event belongs under {expected!r}"
        )


def to_json(value: Any) -> bytes:
    """Plain data as compact JSON bytes, in the order given."""
    return orjson.dumps(value)
