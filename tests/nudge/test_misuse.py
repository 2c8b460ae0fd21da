"""What people give commands by mistake: answered in words, not by a traceback or by silence."""

import asyncio
import importlib
import socket
from pathlib import Path

import orjson
import pytest

from nudge.events import ready
from nudge.problem import _KNOWN, problem_of
from nudge.process import LoggedProcess
from nudge.publishing import as_they_are, publish
from runtime.settings import KafkaSettings
from schemas.examples import example
from tests.harness.waiting import eventually
from tests.nudge.commands import nudge


def test_every_error_that_is_told_in_words_is_still_where_it_is_looked_for() -> None:
    for module, name, _ in _KNOWN:
        assert isinstance(getattr(importlib.import_module(module), name), type), name


def test_a_port_that_is_taken_and_a_cluster_that_is_silent_are_causes_with_a_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError, match="in use") as error:
            socket.create_server(taken.getsockname())
        found = problem_of(error.value)
    assert found is not None
    assert "in use" in found.cause
    assert "NUDGE_GATEWAY_PORT" in found.cure
    assert problem_of(TimeoutError()) is not None


@pytest.mark.parametrize(
    "words",
    [("publish", "--file"), ("replay",), ("backfill", "--dry-run")],
    ids=lambda words: str(words[0]),
)
async def test_a_pipe_in_a_files_place_is_refused(words: tuple[str, ...]) -> None:
    event = orjson.dumps(example("search"))
    answer = await nudge(None, *words, "/dev/stdin", stdin=event)
    assert "is a pipe, and can be read only once" in answer.failed().err


@pytest.mark.parametrize(
    "words",
    [
        ("segments", "list", "--scenarios"),
        ("scenarios", "check"),
        ("replay", "events.jsonl", "--scenarios"),
        ("campaign", "check", "spring.yaml", "--file-only", "--scenarios"),
    ],
    ids=lambda words: str(words[0]),
)
async def test_a_scenario_file_in_another_encoding_is_named(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_bytes("shop: {name: Żółw}".encode("iso-8859-2"))
    (tmp_path / "events.jsonl").write_bytes(orjson.dumps(example("search")))
    (tmp_path / "spring.yaml").write_text("id: spring")
    answer = await nudge(None, *words, "mine.yaml", cwd=tmp_path)
    assert "mine.yaml is not in UTF-8" in answer.failed().err


async def test_what_is_not_heeded_is_refused(tmp_path: Path) -> None:
    event = orjson.dumps(example("search")).decode()
    answer = await nudge(None, "publish", event, "query=lamp", "--dry-run")
    assert "goes with a TYPE only" in answer.failed(2).err
    spring = tmp_path / "spring.yaml"
    spring.write_text("id: spring")
    words = ("campaign", "check", str(spring), "--file-only", "--user", "ann")
    assert "looks at no users" in (await nudge(None, *words)).failed(2).err


async def test_an_event_is_printed_as_it_is_whatever_the_terminal_can_show() -> None:
    words = ("publish", "search", "--user", "anna", "query=żółw", "--dry-run", "--json")
    answer = await nudge(None, *words, PYTHONIOENCODING="latin-1")
    assert answer.good().json()["query"] == "żółw"


async def test_a_campaign_whose_time_the_history_never_reaches_is_named(
    tmp_path: Path,
) -> None:
    (tmp_path / "events.jsonl").write_bytes(orjson.dumps(example("search")))
    (tmp_path / "spring.yaml").write_text(
        "id: spring\nsegment: all\nat: 2099-06-01T10:00:00Z\n"
        "copy: {en: [{title: Spring, body: It is here., url: https://shop.example}]}\n"
    )
    words = ("replay", "events.jsonl", "--campaign", "spring.yaml", "--out", "none")
    answer = (await nudge(None, *words, cwd=tmp_path)).good()
    assert "spring begins at 2099-06-01" in answer.err


@pytest.mark.parametrize("enough", [1, 1_500])
async def test_who_asks_for_no_more_answers_is_not_held_up(
    cluster: KafkaSettings, enough: int
) -> None:
    events = (ready(example("search") | {"event_id": f"e{number}"}) for number in range(4_000))

    async def some() -> int:
        answered = 0
        async for _ in publish(cluster, as_they_are(events)):
            answered += 1
            if answered == enough:
                raise BrokenPipeError
        return answered

    async with asyncio.timeout(30):
        with pytest.raises(BrokenPipeError):
            await some()


async def test_a_process_of_ours_reads_no_settings_file_of_whoever_starts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("NUDGE_NAMESPACE=shop1\n")
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "logs" / "it.log"
    log.parent.mkdir()
    process = LoggedProcess("it", ["sh", "-c", "pwd; ls -A"], log, {})
    await eventually(lambda: b"it.log" in log.read_bytes())
    process.stop()
    assert b".env" not in log.read_bytes()


async def test_a_topic_with_users_keeps_its_number_of_partitions(cluster: KafkaSettings) -> None:
    refused = (await nudge(cluster, "topics", "create", "--partitions", "24")).failed()
    assert "have 4 partitions each, not 24" in refused.err
    assert "every topic is there" in (await nudge(cluster, "topics", "create")).good().out.lower()
