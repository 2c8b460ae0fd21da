"""``new_in_category``: something new where a user likes to look, grouped."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.catalogue import Change, ProductFacts
from processors.config import DAY, HOUR, Priority, ScenarioConfig
from processors.copy_names import OF_PRODUCTS
from processors.durations import Duration
from processors.moment import Moment
from processors.profile import Profile
from processors.scenarios import product_news as news
from processors.scenarios import tastes
from processors.scenarios.base import VIEWED, Caring, NewsScenario
from processors.turn import Turn
from schemas.decisions import Reason

KEPT = 5
"""New products that a moment remembers; more are counted."""


class NewInCategoryConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    views: Annotated[int, Field(ge=2, le=50)] = 2
    """Of the category, the newest of them within ``within``."""
    within: Duration = 30 * DAY
    gather: Duration = 3 * HOUR
    """After the first new product; what follows until then goes into the same message."""


class NewInCategory(NewsScenario):
    config: NewInCategoryConfig
    by_category = True
    priority = Priority.BROWSE
    speaks_of = OF_PRODUCTS

    def wants(self, facts: ProductFacts, change: Change) -> bool:
        return change.published is True and facts.category is not None

    def interest(
        self, profile: Profile, facts: ProductFacts, change: Change, at: int
    ) -> Caring | None:
        views, newest = profile.categories.by_name().get(facts.category or "", (0, 0))
        if views < self.config.views or not at - self.config.within <= newest <= at:
            return None
        return Caring(VIEWED, newest, None, None)

    def on_fact(
        self, turn: Turn, facts: ProductFacts, change: Change, caring: Caring
    ) -> Moment | None:
        live = turn.live(self.name, tastes.USER)
        if live is None:
            data = {"product_ids": [facts.product_id], "count": 1}
            return turn.open(self, tastes.USER, due=turn.at + self.config.gather, data=data)
        if facts.product_id not in live.data["product_ids"]:
            known = [*live.data["product_ids"], facts.product_id][:KEPT]
            live.data = {"product_ids": known, "count": live.data["count"] + 1}
        return None

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        told = self._told(turn, moment)
        if any(facts.can_be_shown() for facts in told):
            return None
        return Reason.OUT_OF_STOCK if told or not moment.data["product_ids"] else Reason.PURCHASED

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        shown = [f for f in self._told(turn, moment) if f.can_be_shown()]
        products = [news.product(facts, None) for facts in shown]
        return {"product": products[0], "products": products} if products else {}

    def _told(self, turn: Turn, moment: Moment) -> list[ProductFacts]:
        """The new products in whose category the user has bought nothing since."""
        bought = {
            facts.category
            for order in turn.profile.orders
            if order.at >= moment.opened_at
            for product_id in order.product_ids
            if (facts := turn.desk.product(product_id, turn.at)) is not None
        }
        known = (turn.desk.product(other, turn.at) for other in moment.data["product_ids"])
        return [facts for facts in known if facts is not None and facts.category not in bought]
