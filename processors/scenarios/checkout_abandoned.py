"""``checkout_abandoned``: the checkout was begun and left. Takes the cart's place in its family."""

from processors.config import Priority
from processors.moment import Moment
from processors.scenarios import cart_family
from processors.turn import Turn
from schemas import structs as e


class CheckoutAbandoned(cart_family.CartScenario):
    priority = Priority.CHECKOUT
    opens_on = frozenset({e.BeginCheckout})

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        profile = turn.profile
        if profile.spent & cart_family.CHECKOUT_SPENT or turn.at <= profile.bought_at:
            return
        if turn.live(self.name, cart_family.ENTITY) is None:
            turn.open(self, cart_family.ENTITY, wait=self.config.steps[0].wait)

    def judged(self, turn: Turn, moment: Moment) -> None:
        turn.profile.spent |= cart_family.CART_SPENT | cart_family.CHECKOUT_SPENT
