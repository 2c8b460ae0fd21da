"""What the benchmarks build and reckon; what they measure is nobody's test."""

from pathlib import Path

import pytest

from nudge.bench import scenarios
from nudge.bench.beside import CAMPAIGN_FILE, nightly
from nudge.bench.core import CoreBench
from nudge.bench.dry_run import read_only, write_history, write_tapped
from nudge.bench.latency import LatencyResult, Plan
from nudge.bench.mix import Mix, Traffic
from nudge.bench.profiles import Written, copies
from nudge.bench.rate import Rate
from nudge.bench.recovered import MemoryResult
from nudge.bench.rules import EVERYBODY_ELSE, OUTSIDERS_TAG, daytime_file, quick_version_for
from nudge.replay.lines import feed_files
from nudge.replay.replayer import Replayer
from nudge.replay.survey import survey
from processors.campaign_file import read
from processors.fold import fold
from processors.profile import new_profile
from processors.rule_book import RuleBook
from processors.scenario_file import load
from schemas.structs import read_catalog_event

_NOON = 1_773_136_800_000
_MADE = [
    (b"user-000001", b'{"u":"user-000001","by":["browser-000001"],"p":"product-00001"}'),
    (b"browser-000002", b'{"u":"browser-000002","p":"product-00002"}'),
]


def test_a_copied_profile_is_somebody_elses_throughout_and_as_long() -> None:
    rows = list(copies(_MADE, 4, users=10))
    assert rows[:2] == _MADE
    assert rows[2] == (
        b"user-000011",
        b'{"u":"user-000011","by":["browser-000011"],"p":"product-00001"}',
    )
    assert rows[3] == (b"browser-000012", b'{"u":"browser-000012","p":"product-00002"}')
    assert [len(row) for _, row in rows[2:]] == [len(row) for _, row in _MADE]


def test_a_copied_profile_never_meets_another() -> None:
    keys = [key for key, _ in copies(_MADE, 200, users=10)]
    assert len(set(keys)) == 200


def test_memory_is_what_a_worker_holds_over_one_without_profiles() -> None:
    result = MemoryResult(Written(1_000, 800_000), 50_000_000, 51_200_000)
    assert (result.a_profile, result.json_a_profile) == (1_200, 800)


def test_all_but_one_push_in_a_hundred_are_no_later_than_the_99th_percentile() -> None:
    result = LatencyResult(list(range(1, 201)), 0, 1, 1.0, 5_000, 200, 0, 0)
    assert result.percentile(0.99) == 199
    assert sum(late <= result.percentile(0.99) for late in result.beyond_grace_ms) >= 198
    assert LatencyResult([7], 0, 1, 1.0, 5_000, 1, 0, 0).percentile(0.99) == 7


def test_pushes_are_looked_at_for_as_long_as_was_asked_or_a_campaign_takes() -> None:
    assert Plan(rate=500, seconds=10, users=100).looked_at_s == 10
    assert Plan(rate=500, seconds=10, users=100, campaign=30_000).looked_at_s == 90


def test_carts_of_the_latency_benchmark_are_due_at_once_whatever_page_is_in_front() -> None:
    text = quick_version_for(_NOON, 10).yaml
    assert load(text, "benchmark").policy.present == 0
    assert "{wait: 10s, copy: cart_abandoned}" in text


def test_the_campaign_beside_the_carts_is_for_everybody_but_the_shoppers() -> None:
    rules = load(quick_version_for(_NOON, 10).yaml, "benchmark")
    said = read(CAMPAIGN_FILE, "benchmark", rules)
    assert said.file.segment == EVERYBODY_ELSE
    segment = rules.segments[EVERYBODY_ELSE]
    assert segment.holds(new_profile(), _NOON)
    tagged = new_profile()
    tagged.traits = {"tags": [OUTSIDERS_TAG]}
    assert not segment.holds(tagged, _NOON)


def test_all_but_a_hundredth_of_the_feed_says_what_is_known() -> None:
    mix = Mix(events=1, products=300)
    known = {
        wire.key: fold(None, read_catalog_event(wire.value))
        for wire in Traffic(mix, _NOON).shelves()
    }
    again = list(nightly(Traffic(mix, _NOON), lambda: _NOON + 60_000))
    changed = [wire for wire in again if fold(known[wire.key], read_catalog_event(wire.value))]
    assert len(again) == 300
    assert len(changed) == 3


def test_the_same_traffic_is_worked_off_to_the_same_bytes() -> None:
    mix = Mix(events=600, users=100, products=50)
    first, again = CoreBench(mix).run(), CoreBench(mix).run()
    assert first.events == 600
    assert first.written["nudge-profiles-changelog"] > 0
    assert first.digest == again.digest


def test_what_a_scenario_costs_is_said_of_every_one_that_was_asked_or_spoke() -> None:
    result = scenarios.run(Mix(events=4_000, users=400, products=500))
    costs = result.costs
    assert costs["cart_abandoned"].asked > 0
    assert costs["order_confirmed"].judged > 0
    assert costs["welcome"].nanos == 0
    assert list(costs.values()) == sorted(costs.values(), key=lambda cost: -cost.nanos)
    said = sum(map(result.micros, costs.values())) + result.others_micros
    assert said == pytest.approx(result.core_micros)


def test_the_history_of_the_dry_run_benchmark_keeps_to_the_contract(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    lines = write_history(history, Mix(events=300, users=100, products=20), _NOON)
    assert lines == 320
    assert read_only(history, lines).count == lines


def test_the_tapped_history_of_the_benchmark_says_that_one_in_ten_has_a_browser(
    tmp_path: Path,
) -> None:
    history = tmp_path / "history.jsonl"
    lines = write_tapped(history, Mix(events=300, users=100, products=20), _NOON)
    assert lines == 330
    found = survey([history])
    assert (found.lines, found.names_browsers) == (lines, True)
    book = RuleBook()
    book.add(load(daytime_file(_NOON)), 0)
    replayer = Replayer(book, assume_reachable=False)
    (*_, read) = feed_files(replayer, [history])
    assert (read.records, read.passed_over, read.bad) == (lines, 0, [])
    replayer.finish()
    assert sum(bool(profile.devices) for _, profile in replayer.profiles()) == 10


def test_a_rate_is_reckoned_between_two_places_by_the_clock_and_by_the_core() -> None:
    between = Rate(1_500, 12.0, 3.0).since(Rate(500, 10.0, 2.5))
    assert (between.per_second, between.per_core_second) == (500, 2_000)
    assert Rate(0, 0.0, 0.0).per_second == 0
