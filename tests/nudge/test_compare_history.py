"""``nudge replay --compare`` reads a history once: each file judges as if it were alone."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from nudge.comparison import Tally
from nudge.replay.replayer import Replayer
from nudge.replay.run import Plan, run_plan
from nudge.replay.several import Several
from processors.rule_book import RuleBook
from processors.scenario_file import load
from schemas.adapters import to_json
from tests.nudge.recorded import AT, MINUTE, as_tapped
from tests.oracle.generator import Generator
from tests.oracle.scenes import Plan as Life
from tests.oracle.worlds import BUSY

NOW = BUSY.read_text()
NEXT = NOW.replace("wait: 20s", "wait: 45s").replace("wait: 10s", "wait: 40s")


def judged(file: Path, *texts: str, reachable: bool = False) -> list[Tally]:
    books = []
    for text in texts:
        books.append(RuleBook())
        books[-1].add(load(text), 0)
    until = AT + 120 * MINUTE
    plan = Plan([file], books, until, None, 4, 5_000, reachable=reachable)
    return [run.tally for run in run_plan(plan, None)]


@pytest.mark.parametrize("reachable", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_two_files_over_one_history_judge_it_as_each_does_alone(
    tmp_path: Path, seed: int, reachable: bool
) -> None:
    life = Life(
        seed=seed, start=AT, duration=10 * MINUTE, people=80, events=2_500, products=12,
        news=60, late=0.05,
    )  # fmt: skip
    file = tmp_path / "history.jsonl"
    records = map(as_tapped, Generator(life).records())
    file.write_bytes(b"\n".join(map(to_json, records)) + b"\n")
    before, after = judged(file, NOW, NEXT, reachable=reachable)
    assert before.messages
    assert before.messages != after.messages
    assert before == judged(file, NOW, reachable=reachable)[0]
    assert after == judged(file, NEXT, reachable=reachable)[0]


def test_a_comparison_says_what_each_file_came_to_and_that_the_history_was_read_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "history.jsonl"
    file.write_bytes(b"?\n")
    before, after = judged(file, NOW, NEXT)
    said = capsys.readouterr().err
    assert "1 records, 1 unreadable" in said
    assert "each judged 2 times" in said
    assert said.count("history.jsonl:1: bad_json") == 1
    for tally in (before, after):
        assert f"{tally.version}: 0 final decisions, 0 late" in said


def test_both_are_told_whatever_was_recorded() -> None:
    first, second = Mock(spec=Replayer), Mock(spec=Replayer)
    both, event, news, click = Several([first, second]), Mock(), Mock(), Mock()
    both.shop_event(event, AT, historical=True)
    both.catalog_event(news, AT)
    both.interaction(click, AT)
    both.subscription("ann", "s1", None, AT)
    assert len(first.mock_calls) == 4
    assert first.mock_calls == second.mock_calls
    assert first.mock_calls[0].kwargs == {"historical": True}
