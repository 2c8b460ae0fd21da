"""A DuckDB database in memory over the tables of an export, ready for the figures."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from nudge.export.files import FORMULA
from nudge.export.tables import TABLES, SqlType, Table
from nudge.problem import Problem
from processors.identity import ALIAS_MS
from processors.reduce import PASSIVE
from schemas.structs import EVENT_CLASSES

ATTRIBUTION_MS = 86_400_000
"""How long after a message an order counts as bought after it; see ``docs/figures.md``."""

_SAME = "kafka_partition, kafka_offset, kafka_time, kafka_key"
"""What a record that stands in two files has in common."""

_READ = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True, slots=True)
class Period:
    """``since`` included, ``until`` not; epoch ms."""

    since: int
    until: int

    @property
    def before(self) -> int:
        """Where the preceding period begins: it is as long, as far as there was time before."""
        return max(0, 2 * self.since - self.until)


def sql(name: str) -> str:
    """The text of one of the shipped queries."""
    return (files("nudge.report") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


@contextmanager
def opened(directory: Path, period: Period) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of ``nudge tap all --format … --out DIRECTORY``, and what is counted over.

    A topic's table is all files whose name begins with the topic's, directories within the
    directory included; a record that stands in two of them counts once, and two deployments'
    records of one place are two. A table that is not there
    is empty.

    Raises:
        Problem: there is no table at all, or a file cannot be read.
    """
    found = [(table, _files(directory, table)) for table in TABLES.values()]
    if not any(paths for _, paths in found):
        raise Problem(
            f"There are no tables in {directory}.",
            f"nudge tap all --from-start --format parquet --out {directory}",
        )
    with duckdb.connect() as database:
        try:
            for table, paths in found:
                _add(database, table, paths)
            _set_period(database, period)
            database.execute(sql("00_base"))
        except (duckdb.Error, csv.Error, UnicodeDecodeError) as error:
            raise Problem(f"The tables in {directory} cannot be read: {error}") from error
        yield database


def oldest(database: duckdb.DuckDBPyConnection) -> int | None:
    """When the oldest event of the tables was recorded (ms): what is older may be missing.

    One that occurred before it was kept by a browser that was offline, or whose clock is wrong.
    """
    row = database.execute("SELECT min(kafka_time) FROM events").fetchone()
    return None if row is None else row[0]


def sql_name(table: Table) -> str:
    """The table's name in queries: the topic's last word."""
    return table.topic.name.rpartition(".")[2]


def _files(directory: Path, table: Table) -> list[Path]:
    return sorted(
        path
        for path in directory.rglob(f"{table.topic.name}*")
        if path.suffix in _READ and path.name[len(table.topic.name)] in ".-_"
    )


def _add(database: duckdb.DuckDBPyConnection, table: Table, paths: list[Path]) -> None:
    """One view over all files: columns that an older export lacks say nothing."""
    name = sql_name(table)
    columns = ", ".join(f'"{column}" {kind}' for column, kind in table.columns.items())
    database.execute(f"CREATE TABLE {name}_columns ({columns})")
    parts = [f"FROM {name}_columns", *(f"FROM {_reader(path, table)}" for path in paths)]
    known = ", ".join(f'"{column}"' for column in table.columns)
    database.execute(
        f"CREATE VIEW {name} AS SELECT DISTINCT ON ({_SAME}) {known}"  # noqa: S608 - names of our own
        f" FROM ({' UNION ALL BY NAME '.join(parts)})"
    )


def _reader(path: Path, table: Table) -> str:
    quoted = str(path).replace("'", "''")
    if path.suffix == ".parquet":
        return f"read_parquet('{quoted}')"
    if path.suffix == ".jsonl":
        kinds = _kinds(table, table.columns)
        return f"read_json('{quoted}', format = 'newline_delimited', columns = {kinds})"
    with path.open(encoding="utf-8", newline="") as lines:
        there = [head for head in next(csv.reader(lines), ()) if head in table.columns]
    rfc4180 = "delim = ',', quote = '\"', escape = '\"', header = true"
    rows = f"read_csv('{quoted}', {rfc4180}, types = {_kinds(table, there)})"
    return f"(SELECT {_as_it_was(table, there)} FROM {rows})"  # noqa: S608 - names of our own


def _kinds(table: Table, columns: Iterable[str]) -> str:
    kinds = ", ".join(f"'{column}': '{table.columns[column]}'" for column in columns)
    return f"{{{kinds}}}"


def _as_it_was(table: Table, columns: Iterable[str]) -> str:
    """Without the sign that keeps a spreadsheet from taking a text for a formula."""
    before = f"^'({FORMULA})".replace("'", "''")
    return ", ".join(
        f"regexp_replace(\"{column}\", '{before}', '\\1') AS \"{column}\""
        if table.columns[column] is SqlType.TEXT
        else f'"{column}"'
        for column in columns
    )


def _set_period(database: duckdb.DuckDBPyConnection, period: Period) -> None:
    passive = [name for name, kind in EVENT_CLASSES.items() if kind in PASSIVE]
    for name, value in (
        ("since", period.since),
        ("until", period.until),
        ("attribution", ATTRIBUTION_MS),
        ("alias", ALIAS_MS),
    ):
        database.execute(f"SET VARIABLE {name} = {value}::BIGINT")
    listed = ", ".join(f"'{name}'" for name in passive)
    database.execute(f"SET VARIABLE passive = [{listed}]")
