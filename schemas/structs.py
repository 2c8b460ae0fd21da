"""Events and folded products as a worker reads and writes them: structs.

:mod:`schemas.events`, :mod:`schemas.catalog` and :mod:`schemas.products` are the contract. Pydantic
takes four times as long as msgspec to read an event, and its models many times as long as a struct
to say what stands in a field; together that would be half of all that a worker does with one. So
each model of the contract has a struct here, made from it, of the same name and with the same
fields. What plainly keeps to the contract is read by msgspec; all else is judged by pydantic, whose
word is the last. A product's struct is written (:func:`schemas.adapters.dump`) as its model is,
byte by byte.

To a type checker the structs are the contract's models.
"""

import re
from collections.abc import Callable
from copy import copy
from functools import partial
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from schemas import adapters, catalog, events, products
from schemas.base import NO_CONTROLS

if TYPE_CHECKING:
    from schemas.catalog import *  # noqa: F403 - every name of the contract stands here too
    from schemas.events import *  # noqa: F403 - and of this one
    from schemas.products import *  # noqa: F403 - and of this one

_BOUNDS = ("min_length", "max_length", "ge", "le")
_made: dict[type[BaseModel], type[msgspec.Struct]] = {}


def struct_for(model: type[BaseModel]) -> Any:
    """The struct class of a model, with its name, fields, bounds and defaults.

    Encoded, it leaves out what is ``None`` and no other default, as :func:`schemas.adapters.dump`
    does with models; msgspec leaves out a default that it does not have to ask a function for.
    """
    if model not in _made:
        hints = get_type_hints(model, include_extras=True)
        fields: list[Any] = []
        for name, field in model.model_fields.items():
            if name == "type":
                continue
            fields.append((name, _lean(hints[name]), *_default(field)))
        tagged = "type" in model.model_fields
        _made[model] = msgspec.defstruct(
            model.__name__,
            fields,
            bases=(_Typed,) if tagged else None,
            frozen=True,
            kw_only=True,
            gc=False,
            omit_defaults=True,
            tag_field="type" if tagged else None,
            tag=get_args(hints["type"])[0] if tagged else None,
        )
    return _made[model]


def _default(field: FieldInfo) -> tuple[Any, ...]:
    if field.is_required():
        return ()
    default = field.get_default(call_default_factory=True)
    written = msgspec.field(default_factory=partial(copy, default))
    return (None if default is None else written,)


class _Typed(msgspec.Struct, frozen=True, gc=False):
    @property
    def type(self) -> str:
        """The event's name on the wire."""
        return str(self.__struct_config__.tag)


def _lean(hint: Any) -> Any:
    """A model's field type in msgspec's words. Times: epoch ms only, RFC 3339 is pydantic's."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _bounded(_lean(args[0]), args[1:])
    if origin in (Union, UnionType):
        return Union[tuple(_lean(arm) for arm in args if not _is_time(arm))]  # noqa: UP007
    if origin in (tuple, dict):
        return origin[tuple(arg if arg is ... else _lean(arg) for arg in args)]
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return struct_for(hint)
    return hint


def _is_time(hint: Any) -> bool:
    return hint is AwareDatetime or (get_origin(hint) is Annotated and _is_time(get_args(hint)[0]))


def _bounded(kind: Any, metadata: tuple[Any, ...]) -> Any:
    bounds: dict[str, Any] = {}
    for piece in metadata:
        for rule in piece.metadata if isinstance(piece, FieldInfo) else ():
            bounds |= {name: getattr(rule, name) for name in _BOUNDS if hasattr(rule, name)}
            if getattr(rule, "pattern", NO_CONTROLS) != NO_CONTROLS:
                raise TypeError(f"a pattern that is not looked for here: {rule.pattern}")
    return Annotated[kind, msgspec.Meta(**bounds)] if bounds else kind


if not TYPE_CHECKING:
    Envelope = _Typed
    Item = struct_for(events.Item)
    globals().update({kind.__name__: struct_for(kind) for kind in adapters.EVENT_CLASSES.values()})
    ShopEvent = Union[tuple(struct_for(kind) for kind in adapters.EVENT_CLASSES.values())]  # noqa: UP007
    _CATALOG = tuple(struct_for(kind) for kind in get_args(catalog.CatalogEvent))
    globals().update({kind.__name__: kind for kind in _CATALOG})
    CatalogEvent = Union[_CATALOG]  # noqa: UP007
    Product, Content = struct_for(products.Product), struct_for(products.Content)
    Offer, OfferChange = struct_for(products.Offer), struct_for(products.OfferChange)
    _BY_BROWSER = frozenset({struct_for(events.SignUp), struct_for(events.Login)})

    def key_of(event):
        """See :func:`schemas.events.key_of`."""
        if type(event) in _BY_BROWSER:
            return event.anonymous_id or event.user_id
        return event.user_id or event.anonymous_id


EVENT_CLASSES: dict[str, type[events.Envelope]] = {
    name: cast("type[events.Envelope]", struct_for(kind))
    for name, kind in adapters.EVENT_CLASSES.items()
}
"""The struct of each event type of ``shop.events``, by its name."""

SHOP_EVENT_TYPES = frozenset(EVENT_CLASSES.values())

_decode: Any = msgspec.json.Decoder(ShopEvent).decode
_decode_catalog: Any = msgspec.json.Decoder(CatalogEvent).decode
_DELETE, _BACKSLASH = 0x7F, 0x5C
_DEEP = 200
"""So many levels of JSON pydantic reads; msgspec reads as many as the stack has room for."""
_escaped_control = re.compile(rb"\\(?:[bfnrt]|u(?:00[01]|007[Ff]|[Dd][89A-Fa-f]))").search
"""Control characters, which no id may hold, and halves of surrogate pairs."""


def read_shop_event(value: bytes | None) -> events.ShopEvent:
    """An event of ``shop.events``.

    Raises:
        InvalidRecordError: bad JSON, an unknown type, a wrong field, or nobody named.
    """
    return plain_shop_event(value) or struct_of(adapters.parse_shop_event(value))


def plain_shop_event(value: bytes | None) -> events.ShopEvent | None:
    """An event of ``shop.events`` that plainly keeps to the contract; ``None``: it may yet."""
    event: events.ShopEvent | None = plainly(_decode, value)
    if event is not None and (event.user_id is not None or event.anonymous_id is not None):
        return event
    return None


def read_catalog_event(value: bytes | None) -> catalog.CatalogEvent:
    """An event of ``shop.catalog``.

    Raises:
        InvalidRecordError: bad JSON, an unknown type or a wrong field.
    """
    event: catalog.CatalogEvent | None = plainly(_decode_catalog, value)
    return struct_of(adapters.parse_catalog_event(value)) if event is None else event


read_product: Callable[[bytes], products.Product] = msgspec.json.Decoder(Product).decode
read_content: Callable[[bytes], products.Content] = msgspec.json.Decoder(Content).decode
"""A row of ``nudge-products``, which the catalogue agent alone writes."""


def plainly(decode: Callable[[bytes], Any], value: bytes | None) -> Any:
    """What plainly keeps to the contract; ``None``: pydantic is to be asked."""
    if not value or (len(value) > 2 * _DEEP and _may_be_deep(value)):
        return None
    if (_DELETE not in value and _BACKSLASH not in value and value.isascii()) or _is_plain(value):
        try:
            return decode(value)
        except (msgspec.MsgspecError, RecursionError):
            pass
    return None


def _may_be_deep(value: bytes) -> bool:
    """Whether more could be nested than pydantic reads."""
    return value.count(b"[") + value.count(b"{") > _DEEP


def _is_plain(value: bytes) -> bool:
    """Whether it is UTF-8, and without what msgspec does not look for in an id."""
    if _DELETE in value or (_BACKSLASH in value and _escaped_control(value)):
        return False
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


Model = TypeVar("Model", bound=BaseModel)


def struct_of(model: Model) -> Model:
    """A model of the contract as a struct."""
    return cast(Model, msgspec.convert(model.model_dump(mode="json"), struct_for(type(model))))


def event_of(plain: dict[str, Any]) -> events.ShopEvent:
    """The struct of an event that is known to keep to the contract."""
    return cast("events.ShopEvent", msgspec.convert(plain, ShopEvent))


def changed(struct: Model, **fields: Any) -> Model:
    """The same but for these fields, which are not checked."""
    return msgspec.structs.replace(struct, **fields)  # type: ignore[type-var]


Event = TypeVar("Event", bound="events.ShopEvent | catalog.CatalogEvent")


def moved_to(event: Event, occurred_at: int) -> Event:
    """The same event at another time (ms)."""
    return changed(event, occurred_at=occurred_at)


def field_names(kind: type[events.Envelope]) -> tuple[str, ...]:
    """The fields of an event's struct, the envelope's among them."""
    return cast("type[msgspec.Struct]", kind).__struct_fields__


def plain_of(event: events.ShopEvent) -> dict[str, Any]:
    """A struct as plain data, as the wire has it: fields that say nothing are left out."""
    return plain_value(event)  # type: ignore[no-any-return]


def plain_value(value: Any) -> Any:
    """The same of what stands in one field."""
    return _without_nothing(msgspec.to_builtins(value))


def _without_nothing(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {name: _without_nothing(v) for name, v in plain.items() if v is not None}
    return [_without_nothing(part) for part in plain] if isinstance(plain, list | tuple) else plain
