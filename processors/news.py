"""A product changed: who cares is visited, in slices, so that nobody else waits.

A walk is one change of one product on its way through the partition. Small ones are done at once.
A large one goes on by a slice a step; whoever has input of their own meanwhile is visited first,
so that nobody is judged by news that was due to them and had not arrived.
"""

from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from processors.catalogue import Change, ProductFacts, Version, category_subject
from processors.desk import Desk
from processors.heard import hear, mark_of
from processors.judge import judge_due
from processors.profile import Profile
from processors.scenarios.base import CARTED, SAVED, Caring, NewsScenario
from processors.turn import Turn
from schemas.decisions import Reason

if TYPE_CHECKING:
    from processors.rule_book import RuleBook


class Walk(msgspec.Struct, omit_defaults=True):
    """A change under way, as it is kept at rest."""

    number: int
    product_id: str
    partition: int
    offset: int
    at: int
    """When the change counts (ms)."""
    told: dict[str, int] = {}
    """How many were told so far, by scenario and change."""


class Interested(NamedTuple):
    """The scenarios that a version's changes could move, each with the change and its place."""

    scenarios: tuple[tuple[NewsScenario, int, Change], ...]
    subjects: tuple[str, ...]
    """Who cares for one of these could be concerned."""


class UnderWay:
    """A walk with what a restart finds again by itself: ``cursor`` is a place in ``waiting``."""

    __slots__ = ("cursor", "facts", "scenarios", "waiting", "walk")

    def __init__(
        self,
        walk: Walk,
        facts: ProductFacts,
        interested: Interested,
        waiting: list[int],
    ) -> None:
        self.walk = walk
        self.facts = facts
        self.scenarios = interested.scenarios
        self.waiting = waiting
        self.cursor = 0

    def ties(self, profile: Profile) -> "list[Tie]":
        """How the user cares for what changed; empty: not at all."""
        facts, at = self.facts, self.walk.at
        return [
            Tie(scenario, place, change, caring)
            for scenario, place, change in self.scenarios
            if (caring := scenario.interest(profile, facts, change, at))
        ]


class Tie(NamedTuple):
    """What a change is to one user by one scenario."""

    scenario: NewsScenario
    place: int
    change: Change
    caring: Caring


def interested(book: "RuleBook", version: Version, at: int) -> Interested:
    """Whom a version's changes could move by the rules at ``at`` (ms): asked once for them all."""
    news = (book.only or book.at(at)).news
    if version.asked is not news:
        version.asked, version.moves = news, _interested(news, version.facts)
    return cast("Interested", version.moves)


def _interested(news: tuple[NewsScenario, ...], facts: ProductFacts | None) -> Interested:
    if facts is None or not (facts.changes or facts.is_news):
        return _NOBODY
    moved = tuple(
        (scenario, place, change)
        for scenario in news
        for place, change in enumerate(facts.changes or (_PUBLISHED,))
        if scenario.wants(facts, change)
    )
    subjects = [facts.subject] if moved else []
    if facts.category is not None and any(one[0].by_category for one in moved):
        subjects.append(category_subject(facts.category))
    return Interested(moved, tuple(subjects))


_NOBODY = Interested((), ())
_PUBLISHED = Change()
"""Content has no offers that could change: it is news as a whole."""


def judged_first(
    desk: Desk, key: str, profile: Profile, under_way: UnderWay, ties: list[Tie]
) -> list[Tie]:
    """The ties of a user whom the change concerns, once what was due before it is judged.

    So nothing hangs on how far the clock had come when the change was read. It may end the ties.
    """
    judged = judge_due(desk, key, profile, under_way.walk.at)
    return under_way.ties(profile) if judged else ties


def place_of(ties: list[Tie]) -> tuple[int, int]:
    """Who is told first within a slice: the stronger tie, then the older (ms)."""
    return min(
        (SAVED if caring.kind == CARTED else caring.kind, caring.at) for _, _, _, caring in ties
    )


def tell(desk: Desk, key: str, profile: Profile, under_way: UnderWay, ties: list[Tie]) -> None:
    """Opens what the change opens for one user."""
    turn = Turn(desk, key, profile, under_way.walk.at)
    for tie in ties:
        _tell(turn, under_way, *tie)


def _tell(
    turn: Turn, under_way: UnderWay, scenario: NewsScenario, place: int, change: Change,
    caring: Caring,
) -> None:  # fmt: skip
    if not scenario.by_category:
        hear(turn.profile, mark_of(scenario, under_way.facts, change), under_way.walk.at)
    moment = scenario.on_fact(turn, under_way.facts, change, caring)
    if moment is None or not (turn.reachable or scenario.config.handoff):
        return  # who cannot be told takes no place in the wave
    told, name = under_way.walk.told, f"{scenario.name}/{place}"
    told[name] = told.get(name, 0) + 1
    limit = scenario.wave_limit(change, turn.desk.partitions)
    if limit is not None and told[name] > limit and moment in turn.profile.moments:
        turn.end(moment, Reason.WAVE_LIMIT, turn.at)
