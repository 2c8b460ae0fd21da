"""What the scenarios about a cart left behind share: its end, its look, what the copy may say."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.catalogue import ProductFacts
from processors.config import StepsConfig
from processors.copy import without_nothing
from processors.copy_names import OF_CART
from processors.moment import Moment
from processors.profile import Profile
from processors.scenarios.base import Scenario
from processors.traces import Line
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason

ENTITY = "cart"
CART_SPENT = 1
CHECKOUT_SPENT = 2


class CartConfig(StepsConfig):
    min_value: Annotated[int, Field(ge=0)] = 0
    """Carts worth less (minor units) stay unmentioned."""


class CartScenario(Scenario):
    config: CartConfig
    family = "abandonment"
    needs_cart = True
    speaks_of = OF_CART
    ends_on = frozenset({e.Purchase, e.RemoveFromCart, e.CartSnapshot})

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        """Any purchase ends it, and so does an emptied cart."""
        if isinstance(event, e.Purchase):
            return Reason.PURCHASED
        return None if turn.profile.cart else Reason.CART_EMPTY

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        cart, min_value = turn.profile.cart, self.config.min_value
        if not cart:
            bought = turn.profile.bought_at >= moment.opened_at
            return Reason.PURCHASED if bought else Reason.CART_EMPTY
        if all(_unavailable(_facts(turn, line), line) for line in cart):
            return Reason.OUT_OF_STOCK
        if min_value and turn.profile.mixed:
            return Reason.MISSING_DATA
        if min_value and value(turn.profile) < min_value:
            return Reason.NOT_IN_SEGMENT
        return None

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        return context(turn)

    def sent(self, turn: Turn, moment: Moment) -> None:
        turn.profile.spent_at = turn.at

    def spares(self, turn: Turn, opened_at: int, purchase_at: int) -> bool:
        """A cart that was begun after the purchase is left still."""
        return purchase_at < opened_at and bool(turn.profile.cart)


def value(profile: Profile) -> int:
    """What the cart is worth, in minor units."""
    return sum(line.quantity * line.price for line in profile.cart)


def _facts(turn: Turn, line: Line) -> ProductFacts | None:
    return turn.desk.product(line.product_id, turn.at)


def _unavailable(facts: ProductFacts | None, line: Line) -> bool:
    return facts is not None and facts.available(line.variant_id) is False


def context(turn: Turn) -> Mapping[str, Any]:
    """``cart`` (lines with names where known, count, value); ``product``: its dearest to be had."""
    profile = turn.profile
    known = [(line, _facts(turn, line)) for line in profile.cart]
    lines = [_line(line, facts) for line, facts in known]
    can_be_had = [n for n, (line, facts) in enumerate(known) if not _unavailable(facts, line)]
    dearest = max(can_be_had, key=lambda n: (profile.cart[n].price, -n), default=None)
    return without_nothing({
        "cart": without_nothing({
            "lines": lines,
            "count": sum(line.quantity for line in profile.cart),
            "value": None if profile.mixed else value(profile),
            "currency": None if profile.mixed else profile.currency,
        }),
        "product": None if dearest is None else lines[dearest],
    })  # fmt: skip


def _line(line: Line, facts: ProductFacts | None) -> dict[str, Any]:
    """``in_stock`` only where its pieces are counted: of others nobody knows."""
    said: dict[str, Any] = {
        "id": line.product_id, "quantity": line.quantity, "price": line.price,
    }  # fmt: skip
    if facts is not None:
        said |= {"name": facts.name, "url": facts.url, "image": facts.image,
                 "in_stock": facts.available(line.variant_id) or None}  # fmt: skip
    return without_nothing(said)
