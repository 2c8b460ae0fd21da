"""What ``nudge publish`` and ``nudge backfill`` are given, as checked events."""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import orjson

from nudge.documents import json_documents
from nudge.events import Fault, InvalidEventError, ReadyEvent, filled, misspelt, ready
from nudge.problem import Problem, usage_problem
from nudge.when import moment_ms

_GZIP = b"\x1f\x8b"
"""What such files begin with (RFC 1952 §2.3.1)."""
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(slots=True)
class Source:
    """Where events come from, what is filled in, and who is told what was wrong with them.

    ``head``: fields that events get where they have none (from ``--user`` and its like).
    ``now``: the time (ms) of events that have none; ``None``: they are faulty.
    ``strict``: a field that looks misspelt is a fault; else, as for readers, it is ignored.
    """

    name: str
    head: Mapping[str, Any]
    now: int | None
    tell: Callable[[str], None]
    strict: bool = True
    faulty: int = 0

    def events(self, documents: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, ReadyEvent]]:
        """(line, event) for each good document; what is wrong with the others is told."""
        for line, raw in documents:
            try:
                yield line, self._ready(raw)
            except InvalidEventError as error:
                self._fault(f"{self.name}, line {line}: {error}" if self.name else str(error))
            except Problem as error:
                self._fault(error.cause)

    def _fault(self, said: str) -> None:
        self.faulty += 1
        self.tell(said)

    def _ready(self, raw: Any) -> ReadyEvent:
        if isinstance(raw, Problem):
            raise raw
        if not isinstance(raw, dict):
            raise InvalidEventError([Fault("", f"an event is a JSON object, not {raw!r:.40}")])
        event = ready(filled({**self.head, **raw}, now=self.now))
        if self.strict and (slips := misspelt(event)):
            raise InvalidEventError(slips)
        return event


TIMES = frozenset(("occurred_at", "at", "expires_at", "expected_delivery"))
"""Fields that hold a time, in any type."""


def from_words(type_: str, fields: tuple[str, ...], *, now: int) -> dict[str, Any]:
    """``TYPE FIELD=VALUE…`` as a raw event. Times may be ``+7d``; lists and objects are JSON.

    Raises:
        Problem: a word is no FIELD=VALUE, or a value looks like JSON and is not.
    """
    raw: dict[str, Any] = {"type": type_}
    for word in fields:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise usage_problem(f"{word!r} is no FIELD=VALUE", "Write, say, price=1990.")
        raw[name] = moment_ms(value, now=now) if name in TIMES else _value(name, value)
    return raw


_MONEY = frozenset(("price", "value", "delivery_cost"))
"""Fields in minor units, in any type."""
_DECIMALS = re.compile(r"-?\d+[.,]\d+")


def _value(name: str, text: str) -> Any:
    if name in _MONEY:
        refuse_decimals(name, text)
    if text[:1] not in ("[", "{"):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise usage_problem(f"{name} is no JSON: {error}") from None


def refuse_decimals(name: str, text: str) -> None:
    """An amount as people write it would count for a hundredth of what is meant.

    Raises:
        Problem: it is one.
    """
    if not _DECIMALS.fullmatch(text):
        return
    whole = text.replace(",", ".")
    raise usage_problem(
        f"{name}={text}: money is in minor units (grosze, cents)",
        f"For {whole} of a currency with cents write {name}={int(Decimal(whole).scaleb(2))}.",
    )


def from_json(text: str) -> Any:
    """A whole event from the command line.

    Raises:
        Problem: no JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise usage_problem(f"The event is no JSON: {error}", "Quote it with '…'.") from None


def head_of(user: str | None, anonymous: str | None, at: str | None, now: int) -> dict[str, Any]:
    """The fields that ``--user``, ``--anonymous`` and ``--at`` stand for."""
    head: dict[str, Any] = {"user_id": user, "anonymous_id": anonymous}
    if at is not None:
        head["occurred_at"] = moment_ms(at, now=now)
    return {name: value for name, value in head.items() if value is not None}


def file_events(source: Source, path: Path) -> Iterator[tuple[int, ReadyEvent]]:
    """The events of a file of JSON lines.

    Raises:
        Problem: the file cannot be read.
    """
    with open_input(path) as stream:
        yield from source.events(json_documents(stream, source.name))


def open_input(path: Path) -> IO[bytes]:
    """The file's bytes, without a byte order mark.

    Raises:
        Problem: the file cannot be read, or only once: what it holds is checked first.
    """
    if path.is_fifo() or path.is_char_device():
        cure = "Write it to a file first. (`nudge publish -` takes events from a pipe.)"
        raise Problem(f"{path} is a pipe, and can be read only once.", cure)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}") from None
    if stream.peek(2).startswith(_GZIP):
        stream.close()
        raise Problem(f"{path} is packed by gzip.", f"Unpack it: gunzip --keep {path}")
    if stream.peek(len(BOM_UTF8)).startswith(BOM_UTF8):
        stream.read(len(BOM_UTF8))
    return stream


def looks_like_email(key: str) -> bool:
    return _EMAIL.fullmatch(key) is not None
