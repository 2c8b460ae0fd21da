"""The scenario file, compiled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from processors.config import Policy, Priority, Shop
from processors.copy import Copy
from processors.localtime import QuietHours
from processors.scenarios.base import NewsScenario, QuietScenario, Scenario
from processors.segments import Segment
from processors.turn import Turn
from schemas.structs import Envelope, ShopEvent

_STRENGTHS = 10
_RANKS = {priority: _STRENGTHS * rank for rank, priority in enumerate(Priority)}
ASKED_FOR_RANK = _RANKS[Priority.ASKED_FOR]


OnEvent = Callable[[Turn, ShopEvent], None]


class Followers(NamedTuple):
    """Who has to do with one type of event. There is one look-up an event."""

    ending: frozenset[str] = frozenset()
    """The scenarios whose moments it may end, by name."""
    asked: tuple[OnEvent, ...] = ()
    """Those to ask after it, strongest first."""
    asked_without_browser: tuple[OnEvent, ...] = ()
    """Those of them that are asked about a user to whom nothing can be pushed."""

    def of(self, turn: Turn) -> tuple[OnEvent, ...]:
        """Those to ask about the user in hand."""
        return self.asked if turn.reachable else self.asked_without_browser


NOBODY = Followers()


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the scenario file, ready to run."""

    version: str
    shop: Shop
    policy: Policy
    scenarios: Mapping[str, Scenario]
    copies: Mapping[str, Copy]
    segments: Mapping[str, Segment]
    published: tuple[Segment, ...]
    """Those whose comings and goings are told."""
    opening: Mapping[type[Envelope], tuple[Scenario, ...]]
    """The scenarios to ask after an event, strongest first."""
    news: tuple[NewsScenario, ...]
    quiet: tuple[QuietScenario, ...]
    first_quiet: int
    """How long (ms) after the last activity any of them could want to look at a user."""
    quiet_hours: QuietHours
    shop_data: Mapping[str, Any]
    """``shop`` as copy sees it."""
    followers: Mapping[type[Envelope], Followers] = field(init=False)
    """Of every type of event that anybody follows."""

    def __post_init__(self) -> None:
        ending: dict[type[Envelope], set[str]] = {}
        for name, scenario in self.scenarios.items():
            for kind in scenario.ends_on:
                ending.setdefault(kind, set()).add(name)
        followers = {
            kind: Followers(
                frozenset(ending.get(kind, ())),
                tuple(scenario.on_event for scenario in asked),
                tuple(scenario.on_event for scenario in asked if not scenario.needs_browser),
            )
            for kind in ending.keys() | self.opening.keys()
            for asked in (self.opening.get(kind, ()),)
        }
        object.__setattr__(self, "followers", followers)

    @property
    def by_category(self) -> bool:
        """Whether any scenario looks for users by the categories they view."""
        return any(scenario.by_category for scenario in self.news)

    def rank(self, scenario: Scenario) -> int:
        """The smaller, the stronger: by priority, within one by the scenario's strength."""
        return _RANKS[scenario.priority] - scenario.strength

    def rank_of(self, name: str) -> int:
        """The rank of a scenario by name; past the last for one that is not in the file."""
        scenario = self.scenarios.get(name)
        return _STRENGTHS * len(_RANKS) if scenario is None else self.rank(scenario)
