"""``browse_abandoned``: several products were looked at and none was put into the cart."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.config import Priority, StepsConfig
from processors.copy_names import OF_PRODUCTS
from processors.moment import Moment
from processors.scenarios import tastes
from processors.scenarios.base import Scenario
from processors.session import viewed_in_session
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason


class BrowseAbandonedConfig(StepsConfig):
    views: Annotated[int, Field(ge=1, le=20)] = 3
    """Product views in one session."""


class BrowseAbandoned(Scenario):
    config: BrowseAbandonedConfig
    family = "browsing"
    priority = Priority.BROWSE
    speaks_of = OF_PRODUCTS
    needs_browser = True
    strength = 1
    opens_on = frozenset({e.ViewItem})
    ends_on = frozenset({e.AddToCart, e.CartSnapshot, e.BeginCheckout, e.Purchase})

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        profile = turn.profile
        if profile.cart:
            return
        live = turn.live(self.name, tastes.USER)
        if live is not None and live.step == 1:
            return
        if len(viewed_in_session(profile)) + len(profile.again) < self.config.views:
            return
        if live is not None:
            self.begin_again(turn, live)
        turn.open(self, tastes.USER, wait=self.config.steps[0].wait)

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        if isinstance(event, e.Purchase):
            return Reason.PURCHASED
        return Reason.CANCELLED if turn.profile.cart else None

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        if turn.profile.cart:
            return Reason.CANCELLED  # by what was told late
        return None if tastes.wanted(turn) else tastes.why_none(turn)

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        return tastes.viewed(turn)
