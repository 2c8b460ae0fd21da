"""``viewed_reminder``: a product was looked at and not bought; others like it are named too."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.config import DAY, Priority, ScenarioConfig
from processors.copy_names import OF_PRODUCTS
from processors.durations import Duration
from processors.moment import Moment
from processors.scenarios import tastes
from processors.scenarios.base import Scenario
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason


class ViewedReminderConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    wait: Duration = 2 * DAY
    """After the last product that was viewed."""


class ViewedReminder(Scenario):
    config: ViewedReminderConfig
    family = "browsing"
    priority = Priority.BROWSE
    speaks_of = OF_PRODUCTS
    needs_browser = True
    opens_on = frozenset({e.ViewItem})
    ends_on = frozenset({e.Purchase})

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        due = turn.at + self.config.wait
        live = turn.live(self.name, tastes.USER)
        if live is None:
            turn.open(self, tastes.USER, due=due)
        elif not live.first_due:
            live.due = max(live.due, due)

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        return None if tastes.wanted(turn) else Reason.PURCHASED

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        return None if tastes.wanted(turn) else tastes.why_none(turn)

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        return tastes.viewed(turn)
