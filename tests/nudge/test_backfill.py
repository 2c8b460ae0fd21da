"""``nudge backfill``: history with its own times, once."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from nudge.history import load, survey
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS
from tests.harness.clusters import configure
from tests.harness.records import read_to_end
from tests.nudge.commands import nudge

DAY_MS = 86_400_000


def write(file: Path, count: int, start: int) -> Path:
    events = [
        {"type": "search", "user_id": f"u{n % 50}", "query": str(n), "occurred_at": start + n}
        for n in range(count)
    ]
    change = {"type": "price_change", "product_id": "tea", "price": 1, "currency": "PLN"}
    events.append(change | {"occurred_at": start})
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return file


def unexpected(fault: str) -> None:
    raise AssertionError(fault)


async def test_history_keeps_its_times_and_its_header_and_is_loaded_once(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    start = now_ms() - 10 * DAY_MS
    file = write(tmp_path / "october.jsonl", 300, start)
    answer = (await nudge(cluster, "backfill", str(file))).good()
    assert "301 events loaded" in answer.out
    again = (await nudge(cluster, "backfill", str(file))).good()
    assert "loaded before" in again.out
    events = await read_to_end(cluster, SHOP_EVENTS)
    assert sorted(record.at for record in events) == [start + n for n in range(300)]
    assert len({record.json()["event_id"] for record in events}) == 300
    assert len(await read_to_end(cluster, SHOP_CATALOG)) == 1
    assert {record.headers["nudge-historical"] for record in events} == {b"1"}
    for partition in range(4):
        times = [record.at for record in events if record.partition == partition]
        assert times == sorted(times)


async def test_a_run_broken_off_goes_on_where_it_was_and_loads_nothing_twice(
    cluster: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nudge.history._A_TRANSACTION", 100)
    file = write(tmp_path / "october.jsonl", 999, now_ms() - DAY_MS)
    found, bad = survey(file, unexpected, now_ms())
    assert (found.total, bad) == (1000, 0)
    first = load(cluster, found, unexpected)
    assert [await anext(first) for _ in range(4)] == [0, 100, 200, 300]
    await first.aclose()
    # The same content under another name, by another process.
    copy = shutil.copy(file, tmp_path / "copy.jsonl")
    answer = (await nudge(cluster, "backfill", str(copy))).good()
    assert "1,000 events loaded (went on after 300)" in answer.out
    queries = [record.json()["query"] for record in await read_to_end(cluster, SHOP_EVENTS)]
    assert sorted(queries, key=int) == [str(n) for n in range(999)]


async def test_history_that_the_topic_would_delete_is_refused_with_the_cure(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    file = write(tmp_path / "old.jsonl", 3, now_ms() - 60 * DAY_MS)
    answer = (await nudge(cluster, "backfill", str(file))).failed()
    assert "keeps records for 35 d" in answer.err
    assert "--add-config retention.ms=-1" in answer.err
    assert await read_to_end(cluster, SHOP_EVENTS) == []
    for topic in (SHOP_EVENTS, SHOP_CATALOG):
        await configure(cluster, topic, retention_ms="-1")
    assert "Good to load" in (await nudge(cluster, "backfill", str(file), "--dry-run")).good().out
    (await nudge(cluster, "backfill", str(file))).good()
    assert len(await read_to_end(cluster, SHOP_EVENTS)) == 3
    checked = (await nudge(cluster, "topics", "check")).good()
    assert "as they should be" in checked.out


async def test_history_without_times_is_no_history(cluster: KafkaSettings, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"type": "search", "user_id": "a", "query": "x"}\n')
    answer = (await nudge(cluster, "backfill", str(file))).failed()
    assert "line 1: occurred_at: missing" in answer.err
    assert await read_to_end(cluster, SHOP_EVENTS) == []


async def test_what_is_too_far_ahead_for_kafka_is_a_bad_line_and_the_rest_is_loaded(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    file = write(tmp_path / "october.jsonl", 6, now_ms() - DAY_MS)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[2]["occurred_at"] = now_ms() + 2 * 3_600_000
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    dry = (await nudge(cluster, "backfill", str(file), "--dry-run")).failed()
    assert "october.jsonl, line 3: occurred_at: " in dry.err
    assert "ahead; Kafka takes 60 min at most" in dry.err
    loaded = await nudge(cluster, "backfill", str(file), "--skip-bad")
    assert loaded.code == 1
    assert "6 events loaded." in loaded.out
    queries = [record.json()["query"] for record in await read_to_end(cluster, SHOP_EVENTS)]
    assert sorted(queries) == ["0", "1", "3", "4", "5"]
    assert "loaded before" in (await nudge(cluster, "backfill", str(file), "--skip-bad")).out


async def test_seconds_and_packed_files_are_called_what_they_are(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    file = write(tmp_path / "october.jsonl", 3, (now_ms() - DAY_MS) // 1000)
    answer = (await nudge(cluster, "backfill", str(file))).failed()
    assert "epoch milliseconds are wanted, not seconds" in " ".join(answer.err.split())
    assert "4 bad lines; nothing was sent" in answer.err
    packed = tmp_path / "october.jsonl.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    answer = (await nudge(cluster, "backfill", str(packed))).failed()
    assert f"{packed} is packed by gzip" in answer.err.replace("\n       ", " ")
    assert "gunzip" in answer.err


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    answer = (await nudge(None, "backfill", str(tmp_path / "nowhere.jsonl"))).failed()
    assert "nowhere.jsonl cannot be read: No such file" in answer.err
