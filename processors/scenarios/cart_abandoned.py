"""``cart_abandoned``: the cart holds something and its owner has gone quiet."""

from processors.config import Priority
from processors.moment import Moment
from processors.reduce import PASSIVE
from processors.scenarios import cart_family
from processors.turn import Turn
from schemas import structs as e


class CartAbandoned(cart_family.CartScenario):
    priority = Priority.CART
    opens_on = e.SHOP_EVENT_TYPES - PASSIVE

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        profile = turn.profile
        added = turn.item_added and turn.at >= profile.spent_at
        if added:
            profile.spent = 0
        if profile.spent & cart_family.CART_SPENT:
            return
        moment = turn.live(self.name, cart_family.ENTITY)
        if moment is not None:
            if not added or moment.step == 1:
                return
            self.begin_again(turn, moment)
        turn.open(self, cart_family.ENTITY, wait=self.config.steps[0].wait)

    def judged(self, turn: Turn, moment: Moment) -> None:
        turn.profile.spent |= cart_family.CART_SPENT
