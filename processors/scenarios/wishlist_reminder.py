"""``wishlist_reminder``: what was put on the wishlist, can be had and was not bought."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.config import DAY, Priority, ScenarioConfig
from processors.copy_names import OF_PRODUCTS
from processors.durations import Duration
from processors.moment import Moment
from processors.scenarios import product_news as news
from processors.scenarios.base import Scenario, bought_since
from processors.traces import Interest
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason

ENTITY = "wishlist"


class WishlistReminderConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    wait: Duration = 7 * DAY
    """After the first thing was put on it that no reminder has spoken of."""


class WishlistReminder(Scenario):
    config: WishlistReminderConfig
    priority = Priority.WISHLIST
    speaks_of = OF_PRODUCTS
    opens_on = frozenset({e.AddToWishlist})
    ends_on = frozenset({e.RemoveFromWishlist, e.Purchase})

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        if turn.live(self.name, ENTITY) is None:
            turn.open(self, ENTITY, due=turn.at + self.config.wait)

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        if _unbought(turn):
            return None
        return Reason.PURCHASED if isinstance(event, e.Purchase) else Reason.INTEREST_GONE

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        if not turn.profile.saved:
            return Reason.INTEREST_GONE
        if not _unbought(turn):
            return Reason.PURCHASED
        return None if _wanted(turn) else Reason.OUT_OF_STOCK

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        known = [
            news.product(facts, interest.variant_id)
            for interest in reversed(_wanted(turn))
            if (facts := turn.desk.product(interest.product_id, turn.at)) is not None
        ]
        return {"product": known[0], "products": known} if known else {}


def _unbought(turn: Turn) -> list[Interest]:
    profile = turn.profile
    return [i for i in profile.saved if not bought_since(profile, i.product_id, i.at)]


def _wanted(turn: Turn) -> list[Interest]:
    """What is on the wishlist, was not bought since and is not known to be out; oldest first."""
    return [
        interest
        for interest in _unbought(turn)
        if (facts := turn.desk.product(interest.product_id, turn.at)) is None
        or facts.available(interest.variant_id) is not False
    ]
