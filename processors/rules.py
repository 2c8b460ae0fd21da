"""The scenario file, compiled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processors.config import Policy, Priority, Shop
from processors.copy import Copy
from processors.localtime import QuietHours
from processors.scenarios.base import NewsScenario, QuietScenario, Scenario
from processors.segments import Segment
from schemas.structs import Envelope

_STRENGTHS = 10
_RANKS = {priority: _STRENGTHS * rank for rank, priority in enumerate(Priority)}
ASKED_FOR_RANK = _RANKS[Priority.ASKED_FOR]


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
    ending: Mapping[type[Envelope], frozenset[str]] = field(init=False)
    """The scenarios whose moments an event may end, by name."""

    def __post_init__(self) -> None:
        ending: dict[type[Envelope], set[str]] = {}
        for name, scenario in self.scenarios.items():
            for kind in scenario.ends_on:
                ending.setdefault(kind, set()).add(name)
        object.__setattr__(self, "ending", {k: frozenset(names) for k, names in ending.items()})

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
