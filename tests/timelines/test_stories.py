"""Every story of this folder, told to the core: what is decided is what it says, and no more."""

from pathlib import Path

import pytest

from nudge.replay.outcome import Outcome
from nudge.replay.replayer import Replayer
from schemas.adapters import adapter_of, parse, parse_shop_event
from schemas.decisions import Decision
from schemas.people import Interaction, Subscription, split_subscription_key
from schemas.structs import read_catalog_event
from schemas.topics import INTERACTIONS, SHOP_CATALOG, SHOP_EVENTS
from tests.timelines.events import WireRecord
from tests.timelines.expected import Expected, in_words
from tests.timelines.stories import Story, files, tell

_NO_BREAK = "\u00a0"
"""No line breaks there; a story writes a plain space."""

TOLD = [(f"{path.stem}: {story.title}", story) for path in files() for story in tell(path)]


@pytest.mark.parametrize("story", [story for _, story in TOLD], ids=[name for name, _ in TOLD])
def test_story(story: Story) -> None:
    for partitions in story.partitions:
        outcome = replayed(story, partitions)
        compare(story, outcome.decisions, f"with {partitions} partition(s)")
        hear(story, outcome)


WEEK_MS = 7 * 86_400_000


@pytest.mark.parametrize("path", [p for p in files() if p.stem != "nights"], ids=lambda p: p.stem)
def test_told_a_week_later_of_other_people_a_story_is_the_same(path: Path) -> None:
    """So that stories can be told side by side to one running pipeline."""
    for story in tell(path, prefix="s7~", shift=WEEK_MS):
        compare(story, replayed(story, story.partitions[-1]).decisions, "a week later")


def test_every_story_has_a_sentence_of_its_own() -> None:
    titles = [story.title for _, story in TOLD]
    assert len(titles) == len(set(titles))
    assert len(titles) >= 40


def test_what_is_taken_back_is_told_after_the_message_that_it_takes_back() -> None:
    (story,) = (story for _, story in TOLD if "ten minutes late takes the reminder" in story.title)
    outcomes = [decision.outcome.value for decision in replayed(story, 1).decisions]
    assert outcomes.index("sent") < outcomes.index("withdraw_requested")


def replayed(story: Story, partitions: int) -> Outcome:
    replayer = Replayer(story.book(), partitions=partitions, assume_reachable=False)
    for record in story.records:
        tell_replayer(replayer, record)
    return replayer.finish(story.until)


def tell_replayer(replayer: Replayer, record: WireRecord) -> None:
    """One wire record through its contract, as a worker reads it."""
    at = record.recorded_at
    if record.topic is SHOP_EVENTS:
        replayer.shop_event(parse_shop_event(record.value), at, historical=record.historical)
    elif record.topic is SHOP_CATALOG:
        replayer.catalog_event(read_catalog_event(record.value), at)
    elif record.topic is INTERACTIONS:
        replayer.interaction(parse(adapter_of(Interaction), record.value), at)
    else:
        user_id, subscription_id = split_subscription_key(record.key)
        value = record.value and parse(adapter_of(Subscription), record.value)
        replayer.subscription(user_id, subscription_id, value or None, at)


def compare(story: Story, decisions: list[Decision], where: str) -> None:
    """Every decision is one that the story expects, and every expected one was made."""
    unexpected, missing = list(decisions), list[Expected]()
    for wanted in story.expected:
        met = next((decision for decision in unexpected if wanted.is_met_by(decision)), None)
        if met is None:
            missing.append(wanted)
        else:
            unexpected.remove(met)
    said = [f"  decided: {in_words(d, story.calendar, story.prefix)}" for d in unexpected]
    wanted_said = [f"  wanted:  {wanted.sentence}" for wanted in missing]
    lines = "\n".join((*wanted_said, *said))
    assert not lines, f"{story.title}, {where}:\n{lines}"
    finals = [decision.decision_id for decision in decisions if decision.final]
    assert len(finals) == len(set(finals)), "one final decision an id"


def hear(story: Story, outcome: Outcome) -> None:
    """Every sent decision is one job, and it says what the story says it does."""
    jobs = {job.job_id: job for job in outcome.jobs}
    sent = {d.decision_id for d in outcome.decisions if d.outcome.value == "sent"}
    assert len(jobs) == len(outcome.jobs)
    assert set(jobs) == sent
    for wanted in story.expected:
        for field, text in wanted.message.items():
            said = getattr(jobs[wanted.decision_id].payload, field)
            assert said.replace(_NO_BREAK, " ") == text
