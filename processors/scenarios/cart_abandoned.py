"""``cart_abandoned``: the cart holds something and its owner has gone quiet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processors.config import CartConfig, Priority
from processors.profile import Moment
from processors.reduce import PASSIVE
from processors.scenarios import cart_family
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason
from schemas.push import MessageClass


@dataclass(frozen=True, slots=True)
class CartAbandoned:
    name: str
    config: CartConfig
    family: str = "abandonment"
    priority: Priority = Priority.CART
    opens_on: frozenset[type[e.Envelope]] = e.SHOP_EVENT_TYPES - PASSIVE
    ends_on: frozenset[type[e.Envelope]] = cart_family.ENDS_ON

    def copy_names(self) -> tuple[str, ...]:
        return tuple(step.copy_name for step in self.config.steps)

    def class_of(self, moment: Moment) -> MessageClass:
        return MessageClass.MARKETING

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        profile = turn.profile
        added = turn.item_added
        if added:
            profile.spent = 0
        if not profile.cart or profile.spent & cart_family.CART_SPENT:
            return
        moment = turn.live(self.name, cart_family.ENTITY)
        if moment is not None:
            if not added or moment.step == 1:
                return
            if moment.first_due:
                turn.end(moment, Reason.SUPERSEDED, turn.at)
            else:
                profile.moments.remove(moment)
        turn.open(self, cart_family.ENTITY, wait=self.config.steps[0].wait)

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        return cart_family.ended_by(turn, event)

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        return cart_family.look(turn, moment, self.config.min_value)

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        return cart_family.context(turn)

    def judged(self, turn: Turn, moment: Moment) -> None:
        turn.profile.spent |= cart_family.CART_SPENT

    def sent(self, turn: Turn, moment: Moment) -> None:
        """Nothing more to remember."""

    def next_wait(self, step: int) -> int | None:
        steps = self.config.steps
        return steps[step].wait if step < len(steps) else None
