"""``new_user_popular``: a first visit is over and nothing held it; what sells best is shown."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.config import Priority, ScenarioConfig
from processors.copy_names import OF_PRODUCTS
from processors.moment import Moment
from processors.scenarios import tastes
from processors.scenarios.base import Scenario
from processors.session import SESSION_END
from processors.turn import Turn
from schemas import structs as e


class NewUserPopularConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None


class NewUserPopular(Scenario):
    config: NewUserPopularConfig
    family = "first_session"
    priority = Priority.BROWSE
    speaks_of = OF_PRODUCTS
    opens_on = frozenset({SESSION_END})

    def awaits(self, number: int, away: int | None) -> bool:
        return number == 1

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        profile = turn.profile
        if profile.sessions != 1 or profile.again or profile.cart or profile.orders:
            return
        if tastes.popular(turn, tastes.favourite(turn)):
            turn.open(self, tastes.USER, due=turn.at)

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        found = tastes.popular(turn, tastes.favourite(turn))
        return {**found, "product": found["products"][0]} if found else {}
