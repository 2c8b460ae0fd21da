"""What of an event waits with the moment that follows it."""

from functools import cache
from typing import Any

from processors.copy import without_nothing
from schemas import structs as e
from schemas.events import Envelope

ENVELOPE = frozenset({"type", *Envelope.model_fields})
_LIST_KEPT = 5
"""Of a list in the event, so many wait with the moment."""


def own_fields(event: e.ShopEvent) -> dict[str, Any]:
    """The event's own fields that say something, small enough to wait in a profile."""
    own: dict[str, Any] = {}
    for name in _field_names(type(event)):
        value = getattr(event, name)
        if isinstance(value, str | int):
            own[name] = value
        elif value is not None:
            plain = e.plain_value(value)
            own[name] = plain[:_LIST_KEPT] if isinstance(plain, list) else plain
    own = without_nothing(own)
    if "traits" in own:
        own["traits"] = without_nothing(own["traits"])
    if isinstance(event, _WITH_ITEMS):
        own["count"] = sum(item.quantity for item in event.items)
        own["product_ids"] = [item.product_id for item in event.items][:_LIST_KEPT]
    return own


_WITH_ITEMS = (e.Purchase, e.CartSnapshot)


@cache
def _field_names(kind: type[e.Envelope]) -> tuple[str, ...]:
    return tuple(name for name in e.field_names(kind) if name not in ENVELOPE | {"items"})
