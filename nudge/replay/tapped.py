"""A line that ``nudge tap --json`` wrote, as the record that it tells of."""

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.adapters import InvalidRecordError
from schemas.decisions import DeadLetterReason
from schemas.structs import ShopEvent, plainly
from schemas.topics import SHOP_EVENTS

_NOTHING = b"null"


class Tapped(msgspec.Struct, frozen=True, gc=False):
    """See :func:`nudge.tapping.record_json`; a :class:`nudge.replay.records.Record`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    said_key: str | None = msgspec.field(name="key")
    said_value: msgspec.Raw = msgspec.field(name="value")
    said_headers: dict[str, Any] = msgspec.field(name="headers", default_factory=dict)

    @property
    def key(self) -> bytes | None:
        return None if self.said_key is None else self.said_key.encode()

    @property
    def value(self) -> bytes | None:
        value = bytes(self.said_value)
        return None if value == _NOTHING else value

    @property
    def headers(self) -> Iterable[tuple[str, Any]]:
        return self.said_headers.items()


class TappedEvent(msgspec.Struct, frozen=True, gc=False):
    """The same of an event of ``shop.events``, read at once with the record that holds it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str
    value: ShopEvent
    headers: dict[str, Any] = {}


_decode_event = msgspec.json.Decoder(TappedEvent).decode
_OF_EVENTS = f'{SHOP_EVENTS.name}"'.encode()
_HEAD = 200


def plain_event(line: bytes) -> TappedEvent | None:
    """A line of an event that plainly keeps to the contract; ``None``: it may yet."""
    if line.find(_OF_EVENTS, 0, _HEAD) < 0:
        return None
    record: TappedEvent | None = plainly(_decode_event, line)
    return record


decode_tapped = msgspec.json.Decoder(Tapped).decode
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises of a line."""


def not_read(error: Exception) -> InvalidRecordError:
    """One of :data:`UNREADABLE` in the words of a record that cannot be read."""
    wrong = isinstance(error, msgspec.ValidationError)
    reason = DeadLetterReason.INVALID if wrong else DeadLetterReason.BAD_JSON
    return InvalidRecordError(reason, str(error))
