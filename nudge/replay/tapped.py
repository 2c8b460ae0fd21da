"""A line that ``nudge tap --json`` wrote, as the record that it tells of."""

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.adapters import InvalidRecordError
from schemas.decisions import DeadLetterReason

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


decode_tapped = msgspec.json.Decoder(Tapped).decode
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises of a line."""


def not_read(error: Exception) -> InvalidRecordError:
    """One of :data:`UNREADABLE` in the words of a record that cannot be read."""
    wrong = isinstance(error, msgspec.ValidationError)
    reason = DeadLetterReason.INVALID if wrong else DeadLetterReason.BAD_JSON
    return InvalidRecordError(reason, str(error))
