"""JSON from a file or a pipe: one document, a list, or JSON lines as they come."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import IO, Any

import orjson

from nudge.problem import Problem


def json_documents(stream: IO[bytes], name: str) -> Iterator[tuple[int, Any]]:
    """(line number from 1, value) for every value; JSON lines are read one by one.

    The first line decides: complete, it is JSON lines; else the whole is one document (a list
    gives its members). A value that cannot be read is a :class:`Problem` in place of the value,
    so that the lines after it can be read.

    Raises:
        Problem: the whole is one document and no JSON.
    """
    number, first = _first_line(stream)
    if first is None:
        return
    try:
        value = orjson.loads(first)
    except orjson.JSONDecodeError as error:
        rest = stream.read()
        if rest.strip() and first.rstrip().endswith(b"}"):
            yield number, _no_json(name, number, error)
            yield from _lines(rest.splitlines(), name, number)
            return
        yield from _whole(first + rest, name)
        return
    yield from ((number, member) for member in (value if isinstance(value, list) else [value]))
    yield from _lines(stream, name, number)


def _first_line(stream: IO[bytes]) -> tuple[int, bytes | None]:
    number = 0
    for read in stream:
        number += 1
        line = read.removeprefix(BOM_UTF8) if number == 1 else read
        if line.strip():
            return number, line
    return number, None


def _lines(lines: Any, name: str, after: int) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=after + 1):
        if not line.strip():
            continue
        try:
            yield number, orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield number, _no_json(name, number, error)


def _whole(text: bytes, name: str) -> Iterator[tuple[int, Any]]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _no_json(name, error.lineno, error) from None
    yield from ((1, member) for member in (value if isinstance(value, list) else [value]))


def _no_json(name: str, line: int, error: ValueError) -> Problem:
    return Problem(f"{name}, line {line}: no JSON ({error})")
