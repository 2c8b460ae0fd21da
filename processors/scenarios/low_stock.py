"""``low_stock``: the last pieces of something in the cart or on the wishlist."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.catalogue import Change, ProductFacts
from processors.config import DAY, Priority, ScenarioConfig
from processors.copy import without_nothing
from processors.copy_names import OF_PRODUCT
from processors.durations import Duration
from processors.moment import Moment
from processors.profile import Profile
from processors.scenarios import product_news as news
from processors.scenarios.base import KIND_NAMES, SAVED, Caring, NewsScenario, bought_since
from processors.scenarios.newest import is_newest, last_marked
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason


class LowStockConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    threshold: Annotated[int, Field(ge=1)] = 3
    once_each: Duration = 7 * DAY
    """Of one product a user hears at most once in this time."""
    settle: Duration = 5 * 60_000
    """The stock must stay so low for this long."""
    per_unit: Annotated[int, Field(ge=1)] = 20
    """People told for each piece that is left, at most."""
    interest_max_age: Duration = 90 * DAY


class LowStock(NewsScenario):
    config: LowStockConfig
    family = "stock"
    priority = Priority.STOCK
    speaks_of = OF_PRODUCT
    ends_on = news.ENDS_ON

    def wants(self, facts: ProductFacts, change: Change) -> bool:
        before, now = change.quantity_before, change.quantity
        return before is not None and now is not None and 0 < now <= self.config.threshold < before

    def interest(
        self, profile: Profile, facts: ProductFacts, change: Change, at: int
    ) -> Caring | None:
        oldest = at - self.config.interest_max_age
        ties = (facts.product_id, change.variant_id, at, oldest)
        for caring in news.newest(SAVED, profile.saved, *ties), news.carted(profile, *ties):
            if caring and not bought_since(profile, facts.product_id, caring.at):
                return caring
        return None

    def wave_limit(self, change: Change, partitions: int) -> int | None:
        return -(-(change.quantity or 0) * self.config.per_unit // partitions)

    def on_fact(
        self, turn: Turn, facts: ProductFacts, change: Change, caring: Caring
    ) -> Moment | None:
        if turn.live(self.name, facts.product_id) is not None:
            return None
        data = {"variant_id": change.variant_id, "quantity": change.quantity,
                "interest": KIND_NAMES[caring.kind]}  # fmt: skip
        due = turn.at + self.config.settle
        return turn.open(self, facts.product_id, due=due, data=without_nothing(data))

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        return news.ended_by(event, entity)

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        variant_id = moment.data.get("variant_id")
        facts = turn.desk.product(moment.entity, turn.at)
        if facts is None or not facts.available(variant_id):
            return Reason.OUT_OF_STOCK
        if (facts.offer(variant_id).quantity or 0) > self.config.threshold:
            return Reason.RESTOCKED
        if turn.at - last_marked(turn, self._mark(moment)) < self.config.once_each:
            return Reason.ALREADY_SENT
        cared = news.newest(SAVED, turn.profile.saved, moment.entity, variant_id, turn.at, 0)
        carted = news.carted(turn.profile, moment.entity, variant_id, turn.at, 0)
        return None if cared or carted else Reason.INTEREST_GONE

    def sent(self, turn: Turn, moment: Moment) -> None:
        is_newest(turn, self._mark(moment))

    def _mark(self, moment: Moment) -> str:
        return f"{self.name}\x1f{moment.entity}"

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        facts = turn.desk.product(moment.entity, turn.at)
        if facts is None:
            return {}
        return {"product": news.product(facts, moment.data.get("variant_id"))}
