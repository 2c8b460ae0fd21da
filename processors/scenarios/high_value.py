"""``high_value``: somebody has become one of the shop's best customers."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from processors.config import DAY, Mode, ScenarioConfig
from processors.copy_names import NONE
from processors.durations import Duration
from processors.profile import Profile
from processors.scenarios import tastes
from processors.scenarios.base import Scenario
from processors.scenarios.newest import told_before
from processors.turn import Turn
from schemas import structs as e


class HighValueConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    wait: Duration = DAY
    spend: Annotated[int, Field(ge=1)] | None = None
    """Spent (minor units) in the ten newest orders within ``window``."""
    window: Duration = 365 * DAY
    orders: Annotated[int, Field(ge=1)] | None = None
    loyalty: tuple[str, ...] = ()
    """Values of the trait ``loyalty``."""

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if self.enabled is not Mode.OFF and not (self.spend or self.orders or self.loyalty):
            raise ValueError("say `spend`, `orders` or `loyalty`: else nobody is a best customer")
        return self


class HighValue(Scenario):
    config: HighValueConfig
    opens_on = frozenset({e.Purchase, e.ProfileUpdate})
    speaks_of = NONE

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        why = self._crossed(turn, event)
        if why is not None and turn.live(self.name, tastes.USER) is None:
            turn.open(self, tastes.USER, due=turn.at + self.config.wait, data={"why": why})

    def _crossed(self, turn: Turn, event: e.ShopEvent) -> str | None:
        """Which bound the event has taken the user over."""
        config, profile = self.config, turn.profile
        if isinstance(event, e.ProfileUpdate):
            loyalty = event.traits.get("loyalty")
            return "loyalty" if loyalty is not None and str(loyalty) in config.loyalty else None
        assert isinstance(event, e.Purchase)
        if told_before(turn, event):
            return None
        if config.orders is not None and profile.order_count == config.orders:
            return "orders"
        if config.spend is not None:
            spent = self._spent(profile, event)
            if spent - event.value < config.spend <= spent:
                return "spend"
        return None

    def _spent(self, profile: Profile, event: e.Purchase) -> int:
        since = event.occurred_at - self.config.window
        return sum(
            order.value
            for order in profile.orders
            if since < order.at <= event.occurred_at and order.currency == event.currency
        )
