"""The stories tell all of every shipped scenario: spoken, ended, silent, met by a late event."""

import json
from collections import defaultdict
from collections.abc import Iterable

import pytest

from processors.scenario_file import load
from schemas.decisions import Outcome, Reason
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS
from tests.timelines.stories import SHIPPED, Story
from tests.timelines.test_stories import TOLD

SPOKEN, ENDED, SILENT, LATE = "spoken", "ended", "silent", "late"

LATE_MS = 10 * 60_000

ENDS = frozenset({
    Reason.PURCHASED, Reason.CART_EMPTY, Reason.CANCELLED, Reason.SUPERSEDED, Reason.RETURNED,
    Reason.INTEREST_GONE, Reason.FAMILY_TAKEN, Reason.CLICKED, Reason.DISMISSED,
})  # fmt: skip
"""The doing of the shopper, or of something newer; every other reason is a silence."""

SCENARIOS = load(SHIPPED.read_text().replace("enabled: off", "enabled: shadow")).scenarios
CAMPAIGNS = ("campaign", "flash_sale", "recurring")


def has_late_event(story: Story) -> bool:
    """Whether something in it is heard of ten minutes after it happened, or later."""
    return any(
        record.recorded_at - json.loads(record.value)["occurred_at"] >= LATE_MS
        for record in story.records
        if record.value and record.topic in (SHOP_EVENTS, SHOP_CATALOG) and not record.historical
    )


def cells(stories: Iterable[Story]) -> dict[str, set[str]]:
    """What is told of each scenario, and of each kind of campaign."""
    told: defaultdict[str, set[str]] = defaultdict(set)
    for story in stories:
        late = {LATE} if has_late_event(story) else set()
        for wanted in story.expected:
            name = wanted.scenario.partition("/")[0]
            if wanted.outcome is Outcome.SENT:
                told[name] |= {SPOKEN} | late
            elif wanted.outcome is Outcome.DROPPED:
                told[name] |= {ENDED if wanted.reason in ENDS else SILENT} | late
    return told


CELLS = cells(story for _, story in TOLD)


@pytest.mark.parametrize("name", [*SCENARIOS, *CAMPAIGNS])
def test_stories_tell_the_whole_of_a_scenario(name: str) -> None:
    can_end = name not in SCENARIOS or SCENARIOS[name].ends_on
    assert CELLS[name] >= {SPOKEN, SILENT, LATE} | ({ENDED} if can_end else set())
