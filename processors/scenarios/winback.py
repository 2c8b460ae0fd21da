"""``winback``: somebody has not been seen for long."""

from collections.abc import Mapping
from typing import Any

from processors.config import Priority, StepsConfig
from processors.copy_names import OF_PRODUCTS
from processors.moment import Moment
from processors.profile import Profile
from processors.scenarios import tastes
from processors.scenarios.base import QuietScenario
from processors.turn import Turn
from processors.vocabulary import GROUPS
from schemas import structs as e
from schemas.decisions import Reason


class WinbackConfig(StepsConfig):
    """Nothing of its own."""


class Winback(QuietScenario):
    config: WinbackConfig
    family = "lifecycle"
    priority = Priority.WINBACK
    speaks_of = OF_PRODUCTS
    ends_on = GROUPS["activity"]

    @property
    def earliest(self) -> int:
        return self.config.steps[0].wait

    def quiet_due(self, profile: Profile) -> int:
        return profile.active_at + self.earliest

    def on_quiet(self, turn: Turn) -> None:
        live = turn.live(self.name, tastes.USER)
        if live is not None:  # of a silence that ended elsewhere, under another id
            self.begin_again(turn, live)
        turn.open(self, tastes.USER, wait=self.earliest)

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        return Reason.RETURNED

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        return tastes.viewed(turn)
