"""Files as a replay's input: lines of wire events, and of records as ``nudge tap`` writes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from pydantic import TypeAdapter

from nudge.event_input import open_input
from nudge.events import event_models, unknown_type
from nudge.reading import topic_behind
from nudge.replay.records import LATEST_MS, Read, Together, check_time, rank_behind
from nudge.replay.several import Listener
from nudge.replay.steering import check_steering, is_steering
from nudge.replay.tapped import UNREADABLE, Tapped, decode_tapped, not_read, plain_event
from schemas.adapters import EVENT_CLASSES, InvalidRecordError, adapter_of, parse
from schemas.base import EpochMs
from schemas.decisions import DeadLetterReason
from schemas.people import Interaction, InteractionKind
from schemas.structs import plain_shop_event, read_catalog_event, read_shop_event

_TIME: TypeAdapter[int] = TypeAdapter(EpochMs)
_INTERACTIONS = {kind.value for kind in InteractionKind}


class _Head(msgspec.Struct, gc=False):
    """What is looked at before a line is read whole; whatever the fields hold."""

    type: Any = None
    occurred_at: Any = None
    recorded_at: Any = msgspec.UNSET
    topic: Any = None
    value: msgspec.Raw = msgspec.Raw()

    @property
    def is_tapped(self) -> bool:
        """Whether it is a record with its place rather than an event of its own."""
        return self.type is None and isinstance(self.topic, str) and len(bytes(self.value)) > 0


_RECORDED_AT = b'"recorded_at"'
_AS_TAPPED = b'{"topic":'
_head: Any = msgspec.json.Decoder(_Head).decode


class Lines:
    """Tells a listener lines one by one; ``finish`` tells what then still waits for its like.

    ``passed_over``: how many were of topics that no replay reads.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._together = Together(listener)
        self.passed_over = 0

    def tell(self, line: bytes) -> None:
        """A user's or a catalogue event, an interaction, or a record as ``nudge tap`` writes it.

        ``recorded_at`` of an event (epoch ms or RFC 3339) is when it reached the topic; absent it
        is ``occurred_at``.

        Raises:
            InvalidRecordError: the line is no such thing.
        """
        # Most lines are of two kinds: a user's events without more, and a topic's as tap wrote
        # them. Those are read once.
        if line.startswith(_AS_TAPPED):
            if (told := plain_event(line)) is not None and self._together.add_event(told):
                return
            try:
                record = decode_tapped(line)
            except UNREADABLE:
                pass
            else:
                self._tell_record(record)
                return
        elif (
            _RECORDED_AT not in line
            and (event := plain_shop_event(line)) is not None
            and event.occurred_at <= LATEST_MS
        ):
            if self._together.held:
                self._together.tell()
            self._listener.shop_event(event, event.occurred_at)
            return
        head = _head_of(line)
        if head.is_tapped:
            try:
                record = decode_tapped(line)
            except UNREADABLE as error:
                raise not_read(error) from None
            self._tell_record(record)
        else:
            self._together.tell()
            _tell_event(self._listener, head, line)

    def _tell_record(self, record: Tapped) -> None:
        rank = rank_behind(record.topic)
        if rank is not None:
            self._together.add(rank, record)
        elif is_steering(topic := topic_behind(record.topic)):
            check_steering(topic, record.value)
        else:
            self.passed_over += 1

    def finish(self) -> None:
        self._together.tell()


def _head_of(line: bytes) -> _Head:
    try:
        head: _Head = _head(line)
    except msgspec.ValidationError:
        raise InvalidRecordError(DeadLetterReason.INVALID, "a line holds one JSON object") from None
    except UNREADABLE as error:
        raise not_read(error) from None
    return head


def _tell_event(listener: Listener, head: _Head, line: bytes) -> None:
    named = head.recorded_at is not msgspec.UNSET
    recorded_at = _time(head.recorded_at if named else head.occurred_at, named=named)
    kind = head.type
    if not isinstance(kind, str):
        raise InvalidRecordError(DeadLetterReason.UNKNOWN_TYPE, "type: missing")
    if kind in EVENT_CLASSES:
        listener.shop_event(read_shop_event(line), recorded_at)
    elif kind in _INTERACTIONS:
        listener.interaction(parse(adapter_of(Interaction), line), recorded_at)
    elif kind in event_models():
        listener.catalog_event(read_catalog_event(line), recorded_at)
    else:
        raise InvalidRecordError(DeadLetterReason.UNKNOWN_TYPE, str(unknown_type(kind)))


def _time(stamp: Any, *, named: bool) -> int:
    if type(stamp) is int and 0 <= stamp <= LATEST_MS:
        return stamp
    name = "recorded_at" if named else "occurred_at"
    try:
        at = _TIME.validate_python(stamp)
    except ValueError:
        raise InvalidRecordError(
            DeadLetterReason.INVALID, f"{name}: epoch milliseconds, or RFC 3339 with an offset"
        ) from None
    check_time(name, at)
    return at


def feed_files(listener: Listener, files: list[Path]) -> Iterator[Read]:
    """Tells the listener files of JSON lines, one after the other; yields now and then.

    A line that cannot be read is remembered and passed over.
    """
    done, told = Read(), Lines(listener)
    for path in files:
        with open_input(path) as lines:
            for number, line in enumerate(lines, start=1):
                if not line.isspace():
                    done.records += 1
                    try:
                        told.tell(line)
                    except InvalidRecordError as error:
                        done.could_not(str(path), number, error)
                if done.records % 5000 == 0:
                    yield done
    told.finish()
    done.passed_over = told.passed_over
    yield done
