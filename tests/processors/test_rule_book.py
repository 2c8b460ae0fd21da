"""Which rules hold when, and when sending is paused."""

from dataclasses import replace

import pytest

from processors.rule_book import NoRulesError, RuleBook
from processors.scenario_file import ScenarioFileError
from schemas.control import Pause, ScenarioVersion
from tests.processors.shop import NOON, shipped_rules
from tests.timelines.stories import SHIPPED

FIRST = shipped_rules()
SECOND, THIRD = replace(FIRST, version="second"), replace(FIRST, version="third")


def pause(at: int, paused: bool) -> Pause:
    return Pause(type="pause", paused=paused, at=at)


def test_without_a_version_the_cure_is_named() -> None:
    book = RuleBook()
    assert not book
    with pytest.raises(NoRulesError, match="nudge scenarios apply FILE"):
        book.at(NOON)


def test_a_version_holds_from_its_time_until_the_next() -> None:
    book = RuleBook()
    book.add(SECOND, NOON)
    book.add(FIRST, 0)
    book.add(THIRD, NOON + 10)
    assert [book.at(at).version for at in (NOON - 1, NOON, NOON + 9, NOON + 10)] == [
        FIRST.version, "second", "second", "third",
    ]  # fmt: skip
    assert [version for _, version in book.versions()] == [FIRST.version, "second", "third"]


def test_before_the_first_version_the_first_holds() -> None:
    book = RuleBook()
    book.add(FIRST, NOON)
    assert book.at(0) is FIRST


def test_the_same_version_told_twice_is_there_once() -> None:
    book = RuleBook()
    book.add(FIRST, NOON)
    book.add(FIRST, NOON)
    assert book.versions() == ((NOON, FIRST.version),)


def test_a_version_applied_again_later_holds_again() -> None:
    """Back to the first file after the second: the book reads one record a version, the newest."""
    book = RuleBook()
    book.add(FIRST, 0)
    book.add(SECOND, NOON)
    book.add(FIRST, NOON + 10)
    assert book.at(NOON + 5).version == "second"
    assert book.at(NOON + 10).version == FIRST.version


def test_two_versions_of_one_time_the_one_told_last_holds() -> None:
    book = RuleBook()
    book.add(FIRST, NOON)
    book.add(SECOND, NOON)
    assert book.at(NOON).version == "second"


def test_a_version_record_is_compiled_and_a_broken_one_refused() -> None:
    book = RuleBook()
    told = ScenarioVersion(type="version", version="v1", effective_at=0, yaml=SHIPPED.read_text())
    book.add_version(told)
    assert book.at(NOON).version == "v1"
    with pytest.raises(ScenarioFileError, match="version v2"):
        book.add_version(told.model_copy(update={"version": "v2", "yaml": "shop: 1"}))
    assert book.at(NOON).version == "v1"


def test_a_pause_holds_from_its_time_to_its_end_in_whatever_order_it_is_told() -> None:
    book = RuleBook()
    book.set_pause(pause(NOON + 10, False))
    book.set_pause(pause(NOON, True))
    assert [book.paused(at) for at in (0, NOON - 1, NOON, NOON + 9, NOON + 10)] == [
        False, False, True, True, False,
    ]  # fmt: skip
