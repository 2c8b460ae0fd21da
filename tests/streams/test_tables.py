"""What a worker takes in of a changelog, whatever Faust still holds of an earlier generation."""

from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition

from runtime.metrics import REGISTRY, Metric, gauge
from streams.store import NOTHING_YET, ChangelogGapError, Tables
from streams.transport import Batch


def read(partition: int, before: int, *rows: tuple[str, str | None]) -> Batch:
    """Rows that stand in a changelog from the offset ``before`` on, and a marker behind them."""
    records = [
        SimpleNamespace(key=key.encode(), value=row and row.encode(), offset=offset)
        for offset, (key, row) in enumerate(rows, start=before)
    ]
    after = before + len(rows) + 1
    return Batch(TopicPartition("changelog", partition), records, before, after, 0, 1)


def take(tables: Tables, batch: Batch) -> None:
    tables.apply(batch, batch.after - 1)


def test_rows_read_for_a_partition_that_has_gone_are_no_table_when_it_comes_back() -> None:
    tables = Tables()
    tables.own([0, 1])
    take(tables, read(1, 0, ("ann", "1")))
    tables.own([0])
    take(tables, read(1, 2, ("bob", "1")))
    tables.own([0, 1])
    assert tables.end_of(1) == NOTHING_YET
    assert len(tables.of(1)) == 0


def test_how_far_a_partition_was_read_back_is_not_told_once_it_is_anothers() -> None:
    def told(partition: int) -> float | None:
        return REGISTRY.get_sample_value(Metric.RECOVERY_PROGRESS, {"partition": str(partition)})

    tables = Tables()
    tables.own([7, 8])
    for partition in (7, 8):
        gauge(Metric.RECOVERY_PROGRESS).labels(partition).set(1)
    tables.own([7])
    assert told(7) == 1
    assert told(8) is None
    tables.own([])


def test_rows_older_than_what_the_table_holds_do_not_take_its_place() -> None:
    tables = Tables()
    tables.own([0])
    take(tables, read(0, 0, ("ann", "1"), ("bob", "1")))
    tables.of(0).put(b"ann", b"2")
    tables.keep(0, 4)
    take(tables, read(0, 1, ("bob", "0"), ("ann", "1")))
    assert tables.of(0).get(b"ann") == b"2"
    assert tables.of(0).get(b"bob") == b"1"
    assert tables.end_of(0) == 4


def test_a_hole_in_what_was_read_is_an_error_and_no_table() -> None:
    tables = Tables()
    tables.own([0])
    take(tables, read(0, 0, ("ann", "1")))
    with pytest.raises(ChangelogGapError, match="offsets 2 to 6"):
        take(tables, read(0, 7, ("bob", "1")))
    assert tables.of(0).get(b"bob") is None


def test_a_deleted_user_is_gone_and_a_marker_moves_the_end() -> None:
    tables = Tables()
    tables.own([0])
    take(tables, read(0, 0, ("ann", "1")))
    take(tables, read(0, 2, ("ann", None)))
    assert len(tables.of(0)) == 0
    assert tables.end_of(0) == 3
