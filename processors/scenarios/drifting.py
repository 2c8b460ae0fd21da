"""``drifting``: a regular visitor has been away for much longer than is their habit."""

from collections.abc import Mapping
from itertools import pairwise
from statistics import median_low
from typing import Annotated, Any

from pydantic import Field

from processors.config import DAY, Priority, ScenarioConfig
from processors.copy_names import OF_PRODUCTS
from processors.durations import Duration
from processors.moment import Moment
from processors.profile import Profile
from processors.scenarios import tastes
from processors.scenarios.base import QuietScenario
from processors.turn import Turn
from processors.vocabulary import GROUPS
from schemas import structs as e
from schemas.decisions import Reason


class DriftingConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    visits: Annotated[int, Field(ge=2, le=30)] = 4
    """Days with a visit, of the 30 before the last, that make a habit."""
    factor: Annotated[float, Field(ge=1, le=20)] = 2
    """So many times the usual gap."""
    at_least: Duration = 4 * DAY


class Drifting(QuietScenario):
    config: DriftingConfig
    family = "lifecycle"
    priority = Priority.WINBACK
    speaks_of = OF_PRODUCTS
    strength = 1
    ends_on = GROUPS["activity"]

    @property
    def earliest(self) -> int:
        return self.config.at_least

    def quiet_due(self, profile: Profile) -> int:
        days = [bucket[0] for bucket in profile.days]
        if len(days) < self.config.visits:
            return 0
        usual = median_low([after - before for before, after in pairwise(days)])
        return profile.active_at + max(
            self.config.at_least, round(self.config.factor * usual * DAY)
        )

    def on_quiet(self, turn: Turn) -> None:
        if turn.live(self.name, tastes.USER) is None:
            turn.open(self, tastes.USER, wait=turn.at - turn.profile.active_at)

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        return Reason.RETURNED

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        return tastes.viewed(turn)
