"""Tables into files: a writer a format. A file is there whole or not at all."""

import csv
import re
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Protocol, Self

import orjson

from nudge.export.tables import Row, SqlType


class Format(StrEnum):
    """How a table is written."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


class RowWriter(Protocol):
    """Takes a table's rows one after the other; ``finish`` writes what is left."""

    def write(self, row: Row) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """A JSON object a line; columns that say nothing are left out."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, row: Row) -> None:
        self._stream.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def finish(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()


FORMULA = r"'*[=+\-@\t\r]"
"""How a text begins that a spreadsheet would take for a formula (OWASP, CSV injection)."""
_FORMULA = re.compile(FORMULA)


class Csv:
    """RFC 4180 with a head line; what is JSON stands as its text, truth as true and false.

    A text that a spreadsheet would take for a formula has one more ``'`` before it, which whoever
    reads the file takes off again.
    """

    def __init__(self, stream: IO[bytes], columns: Mapping[str, SqlType]) -> None:
        self._columns = columns
        self._stream = stream
        self._rows = csv.writer(_Utf8(stream))
        self._rows.writerow(columns)

    def write(self, row: Row) -> None:
        self._rows.writerow(
            _cell(row.get(name), is_json=kind is SqlType.JSON)
            for name, kind in self._columns.items()
        )

    def finish(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()


def _cell(value: Any, *, is_json: bool) -> Any:
    if value is None:
        return ""
    if is_json or isinstance(value, bool):
        return orjson.dumps(value).decode()
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


class _Utf8:
    """As much of a text file as the csv module wants; leaves the stream open."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text.encode())


class Parquet:
    """Typed columns, compressed by zstd. Rows wait in a file beside ``path``, not in memory."""

    def __init__(self, path: Path, columns: Mapping[str, SqlType]) -> None:
        self._path, self._columns = path, columns
        self._waiting = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed by finish
            dir=path.parent, prefix=f".{path.name}.", suffix=".jsonl"
        )
        self._lines = JsonLines(self._waiting)

    def write(self, row: Row) -> None:
        self._lines.write(row)

    def finish(self) -> None:
        import duckdb

        self._lines.finish()
        with duckdb.connect() as database:
            rows = database.read_json(
                self._waiting.name, columns=dict(self._columns), format="newline_delimited"
            )
            rows.write_parquet(str(self._path), compression="zstd")

    def close(self) -> None:
        self._waiting.close()


class TableFile:
    """A file of one table, at its place once all rows are in it."""

    def __init__(self, path: Path, format_: Format, columns: Mapping[str, SqlType]) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")
        self.rows = 0
        self._writer: RowWriter
        if format_ is Format.PARQUET:
            self._writer = Parquet(self._partial, columns)
        else:
            self._writer = stream_writer(self._partial.open("wb"), format_, columns)

    def write(self, row: Row) -> None:
        self._writer.write(row)
        self.rows += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        try:
            if failed is None:
                self._writer.finish()
                self._partial.replace(self._path)
        finally:
            self._writer.close()
            self._partial.unlink(missing_ok=True)


def stream_writer(
    stream: IO[bytes], format_: Format, columns: Mapping[str, SqlType]
) -> JsonLines | Csv:
    """Writes CSV or JSON lines to an open stream."""
    assert format_ is not Format.PARQUET
    return JsonLines(stream) if format_ is Format.JSONL else Csv(stream, columns)
