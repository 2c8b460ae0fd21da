"""``delivery_cost``: the checkout was left after it had shown what delivery costs."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.copy import without_nothing
from processors.copy_names import OF_CART, of
from processors.moment import Moment
from processors.scenarios import cart_family
from processors.scenarios.checkout_abandoned import CheckoutAbandoned
from processors.turn import Turn
from schemas import structs as e


class DeliveryCostConfig(cart_family.CartConfig):
    free_from: Annotated[int, Field(ge=1)]
    """Carts worth so much (minor units) are delivered free."""


class DeliveryCost(CheckoutAbandoned):
    config: DeliveryCostConfig
    speaks_of = {**OF_CART, **of("delivery")}
    strength = 1

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        assert isinstance(event, e.BeginCheckout)
        profile = turn.profile
        if (
            not event.delivery_cost
            or profile.spent & cart_family.CHECKOUT_SPENT
            or turn.at <= profile.bought_at
            or profile.currency != (turn.rules.shop.currency or profile.currency)
            or profile.mixed
            or cart_family.value(profile) >= self.config.free_from
            or turn.live(self.name, cart_family.ENTITY) is not None
        ):
            return
        data = {"delivery_cost": event.delivery_cost}
        turn.open(self, cart_family.ENTITY, wait=self.config.steps[0].wait, data=data)

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        missing = self.config.free_from - cart_family.value(turn.profile)
        delivery = without_nothing({
            "cost": moment.data.get("delivery_cost"),
            "free_from": self.config.free_from,
            "missing": missing if missing > 0 else None,
            "free": True if missing <= 0 else None,
        })  # fmt: skip
        return {**super().context(turn, moment), "delivery": delivery}
