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
from processors.traces import Order
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
        crossed = self._crossed(turn, event)
        if crossed is not None and turn.live(self.name, tastes.USER) is None:
            why, at = crossed
            turn.open(self, tastes.USER, due=at + self.config.wait, data={"why": why})

    def _crossed(self, turn: Turn, event: e.ShopEvent) -> tuple[str, int] | None:
        """Which bound the event has taken the user over, and when (ms)."""
        config, profile = self.config, turn.profile
        if isinstance(event, e.ProfileUpdate):
            loyalty = event.traits.get("loyalty")
            is_loyal = loyalty is not None and str(loyalty) in config.loyalty
            return ("loyalty", turn.at) if is_loyal else None
        assert isinstance(event, e.Purchase)
        if told_before(turn, event):
            return None
        if config.orders is not None and profile.order_count == config.orders:
            return "orders", turn.at
        at = None if config.spend is None else self._spent_by(config.spend, profile, event)
        return None if at is None else ("spend", at)

    def _spent_by(self, bound: int, profile: Profile, event: e.Purchase) -> int | None:
        """When (ms) ``bound`` was reached with this order and not without it: by the order itself,
        or by one after it that was told before."""
        orders = [order for order in profile.orders if order.currency == event.currency]
        others = [order for order in orders if order.order_id != event.order_id]
        times = [order.at for order in orders if order.at >= event.occurred_at]
        if any(self._spent(others, at) >= bound for at in times):
            return None
        return next((at for at in times if self._spent(orders, at) >= bound), None)

    def _spent(self, orders: list[Order], at: int) -> int:
        since = at - self.config.window
        return sum(order.value for order in orders if since < order.at <= at)
