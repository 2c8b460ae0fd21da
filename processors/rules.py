"""The scenario file, compiled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from processors.config import Policy, Priority, Shop
from processors.copy import Copy
from processors.desk import Desk
from processors.localtime import QuietHours
from processors.profile import Profile
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
    asked: tuple[tuple[OnEvent, ...], ...] = ((),) * 4
    """Those to ask after it, strongest first: of whom nothing can be pushed to and whose cart is
    empty, whose cart is not, who can be pushed to and whose cart is empty, and who is not."""

    def asked_about(self, profile: Profile, desk: Desk) -> tuple[OnEvent, ...]:
        """Those to ask about this user."""
        reachable = profile.devices or desk.assume_reachable
        return self.asked[(2 if reachable else 0) + (1 if profile.cart else 0)]


NOBODY = Followers()


def _asked(scenarios: tuple[Scenario, ...]) -> tuple[tuple[OnEvent, ...], ...]:
    return tuple(
        tuple(
            scenario.on_event
            for scenario in scenarios
            if (reachable or not scenario.needs_browser) and (cart or not scenario.needs_cart)
        )
        for reachable in (False, True)
        for cart in (False, True)
    )


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
    once: frozenset[str] = field(init=False)
    """The scenarios that speak to a user at most once in a time."""

    def __post_init__(self) -> None:
        ending: dict[type[Envelope], set[str]] = {}
        for name, scenario in self.scenarios.items():
            for kind in scenario.ends_on:
                ending.setdefault(kind, set()).add(name)
        followers = {
            kind: Followers(frozenset(ending.get(kind, ())), _asked(self.opening.get(kind, ())))
            for kind in ending.keys() | self.opening.keys()
        }
        object.__setattr__(self, "followers", followers)
        once = frozenset(name for name, one in self.scenarios.items() if one.config.once)
        object.__setattr__(self, "once", once)

    @property
    def by_category(self) -> bool:
        """Whether any scenario looks for users by the categories they view."""
        return any(scenario.by_category for scenario in self.news)

    def holds_for(self, scenario: Scenario, profile: Profile, at: int) -> bool:
        """Whether the user is in the scenario's segment at ``at`` (ms), if it has one.

        A segment that the file has no more holds nobody.
        """
        name = scenario.config.segment
        if name is None:
            return True
        segment = self.segments.get(name)
        return segment is not None and segment.holds(profile, at)

    def rank(self, scenario: Scenario) -> int:
        """The smaller, the stronger: by priority, within one by the scenario's strength."""
        return _RANKS[scenario.priority] - scenario.strength

    def rank_of(self, name: str) -> int:
        """The rank of a scenario by name; past the last for one that is not in the file."""
        scenario = self.scenarios.get(name)
        return _STRENGTHS * len(_RANKS) if scenario is None else self.rank(scenario)
