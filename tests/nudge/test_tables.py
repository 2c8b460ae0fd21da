"""Topics as tables: what an analyst opens in DuckDB, a spreadsheet or with jq."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nudge.export.files import Format, TableFile
from nudge.export.tables import TABLES, SqlType
from nudge.report.data import Period, opened
from runtime.settings import KafkaSettings
from schemas.adapters import InvalidRecordError
from schemas.topics import (
    DEAD_LETTER,
    DECISIONS,
    INTERACTIONS,
    REGISTRY,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
)
from tests.harness.records import Sent, produce
from tests.nudge.commands import nudge

DECISION = {
    "decision_id": "d-1", "user_id": "anna", "scenario": "cart_abandoned", "step": 1,
    "due_at": 5, "decided_at": 6, "outcome": "sent", "reason": "ok", "final": True,
    "job_id": "d-1", "scenario_version": "v1", "evidence": {"said": 'a "b", c\nd'},
}  # fmt: skip
PURCHASE = {
    "type": "purchase", "event_id": "e", "user_id": "anna", "occurred_at": "2026-03-01T10:00:00Z",
    "order_id": "A-1", "items": [{"product_id": "tea", "price": 500}], "value": 500,
    "currency": "PLN",
}  # fmt: skip


@dataclass
class Raw:
    """As much of a record as a table looks at."""

    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = 1
    offset: int = 7
    timestamp: int = 99


def raw(key: str, value: Any, **more: Any) -> Any:
    return Raw(key.encode(), None if value is None else json.dumps(value).encode(), **more)


def test_a_decision_is_a_row_with_its_place_and_its_source() -> None:
    headers = (("nudge-source", b"shop.events/1/40"),)
    row = TABLES[DECISIONS].row(raw("anna", DECISION, headers=headers))
    assert row["kafka_offset"] == 7
    assert row["kafka_headers"] == {"nudge-source": "shop.events/1/40"}
    assert row["evidence"] == DECISION["evidence"]
    assert set(row) <= set(TABLES[DECISIONS].columns)


def test_times_are_epoch_milliseconds_however_the_shop_wrote_them() -> None:
    row = TABLES[SHOP_EVENTS].row(raw("anna", PURCHASE))
    assert row["occurred_at"] == 1_772_359_200_000
    assert TABLES[SHOP_EVENTS].columns["occurred_at"] is SqlType.WHOLE
    assert TABLES[SHOP_EVENTS].columns["items"] is SqlType.JSON


def test_nobody_can_push_with_what_stands_in_a_table() -> None:
    held = {
        "subscription_id": "s", "user_id": "anna", "endpoint": "https://push.example/v2/secret",
        "p256dh": "key", "auth": "pass", "created_at": 1, "last_seen_at": 2,
    }  # fmt: skip
    row = TABLES[SUBSCRIPTIONS].row(raw("anna/s", held))
    assert row["origin"] == "https://push.example"
    assert not {"endpoint", "p256dh", "auth"} & {*row, *TABLES[SUBSCRIPTIONS].columns}
    assert "secret" not in str(row)


def test_an_ended_subscription_is_a_row_too() -> None:
    row = TABLES[SUBSCRIPTIONS].row(raw("a/b/s", None))
    assert (row["user_id"], row["subscription_id"], row["ended"]) == ("a/b", "s", True)


def test_an_unreadable_record_is_refused() -> None:
    for topic in TABLES:
        with pytest.raises(InvalidRecordError):
            TABLES[topic].row(raw("anna", {"oops": 1}))


def test_every_topic_of_the_output_has_a_table() -> None:
    named = {topic for topic in REGISTRY if topic.name.startswith(("push.", "shop."))}
    assert named - {DEAD_LETTER} <= set(TABLES)


@pytest.mark.parametrize("format_", Format)
def test_the_three_formats_hold_the_same(format_: Format, tmp_path: Path) -> None:
    table = TABLES[DECISIONS]
    path = tmp_path / f"decisions.{format_}"
    with TableFile(path, format_, table.columns) as file:
        file.write(table.row(raw("anna", DECISION)))
        file.write(table.row(raw("zoë", DECISION | {"entity": "1 = 1", "final": False})))
    rows = answer_of(f"SELECT kafka_key, entity, evidence, final, due_at FROM '{path}'")
    assert [(key, entity, final, due) for key, entity, _, final, due in rows] == [
        ("anna", None, True, 5),
        ("zoë", "1 = 1", False, 5),
    ]
    evidence = rows[0][2]
    assert (json.loads(evidence) if isinstance(evidence, str) else evidence) == {
        "said": 'a "b", c\nd'
    }
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1", "''-1"]


def test_a_spreadsheet_takes_no_shoppers_text_for_a_formula(tmp_path: Path) -> None:
    columns, given = TABLES[DECISIONS].columns, [*FORMULAS, "'n'", "a=b\n=c", ""]
    with TableFile(tmp_path / "push.decisions.csv", Format.CSV, columns) as file:
        for number, text in enumerate(given):
            row = {"kafka_partition": 0, "kafka_offset": number, "due_at": -5, "entity": text}
            file.write(row)
    with (tmp_path / "push.decisions.csv").open(encoding="utf-8", newline="") as file_:
        rows = list(csv.DictReader(file_))
    assert [row["entity"] for row in rows] == [f"'{text}" for text in FORMULAS] + given[-3:]
    assert {row["due_at"] for row in rows} == {"-5"}
    with opened(tmp_path, Period(0, 1)) as database:
        said = database.execute("SELECT entity FROM decisions ORDER BY kafka_offset").fetchall()
    assert [text for (text,) in said] == [*given[:-1], None]


@pytest.mark.parametrize("format_", Format)
def test_a_table_that_failed_leaves_the_one_before_as_it_was(
    format_: Format, tmp_path: Path
) -> None:
    path = tmp_path / "decisions"
    path.write_text("yesterday's")

    def fail() -> None:
        with TableFile(path, format_, TABLES[DECISIONS].columns) as file:
            file.write({"kafka_key": "anna"})
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_text() == "yesterday's"
    assert [found.name for found in tmp_path.iterdir()] == ["decisions"]


async def test_tap_writes_what_was_recorded_in_a_stretch_of_time(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    click = {"type": "clicked", "job_id": "d-1", "user_id": "anna", "subscription_id": "s",
             "scenario": "cart_abandoned", "occurred_at": 9}  # fmt: skip
    start = 1_700_000_000_000
    await produce(cluster, DECISIONS, [Sent("anna", DECISION, at=start),
                                       Sent("anna", DECISION, at=start + 1000)])  # fmt: skip
    await produce(cluster, INTERACTIONS, [Sent("anna", click, at=start)])
    await produce(cluster, SHOP_EVENTS, [Sent("anna", b"{oops", at=start)])
    until = str(start + 1000)
    answer = await nudge(
        cluster, "tap", "all", "--until", until, "--format", "parquet", "--out", str(tmp_path)
    )
    assert "1 records could not be read" in answer.good().err
    rows = answer_of(f"SELECT kafka_time FROM '{tmp_path}/push.decisions.parquet'")
    assert rows == [(start,)]
    empty = answer_of(f"SELECT count(*) FROM '{tmp_path}/shop.events.parquet'")
    assert empty == [(0,)]
    shown = await nudge(cluster, "tap", "interactions", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(shown.good().out))
    assert (row["type"], row["occurred_at"], row["action"]) == ("clicked", "9", "")


async def test_tap_refuses_tables_that_cannot_be() -> None:
    (await nudge(None, "tap", "decisions", "--format", "parquet")).failed(2)
    (await nudge(None, "tap", "scenarios", "--format", "csv")).failed(2)
    (await nudge(None, "tap", "decisions", "--format", "csv", "--follow")).failed(2)
    (await nudge(None, "tap", "decisions", "--out", "x")).failed(2)
    gone = await nudge(None, "tap", "decisions", "--format", "csv", "--out", "no/such/dir")
    assert "no/such" in gone.failed(2).err


def answer_of(query: str) -> list[Any]:
    found = duckdb.sql(query)
    assert found is not None
    return found.fetchall()
