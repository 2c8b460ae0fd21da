"""``back_in_stock``: a product can be bought again, for who asked, saved, carted or saw it gone."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.catalogue import Change, ProductFacts
from processors.config import DAY, Config, Priority, ScenarioConfig
from processors.copy import without_nothing
from processors.copy_names import OF_PRODUCT
from processors.durations import Duration
from processors.moment import Moment
from processors.profile import Profile
from processors.scenarios import product_news as news
from processors.scenarios.base import (
    ASKED,
    KIND_NAMES,
    SAVED,
    VIEWED,
    Caring,
    NewsScenario,
    matches,
)
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason
from schemas.push import MessageClass


class StockWaits(Config):
    asked: Duration = 0
    saved: Duration = 10 * 60_000
    viewed: Duration = 30 * 60_000


class BackInStockConfig(ScenarioConfig):
    copy_name: Annotated[str, Field(alias="copy")] = "back_in_stock"
    min_quantity: Annotated[int, Field(ge=1)] = 1
    waits: StockWaits = StockWaits()
    per_unit: Annotated[int, Field(ge=1)] = 20
    """People told for each piece in stock, at most."""
    interest_max_age: Duration = 90 * DAY


class BackInStock(NewsScenario):
    config: BackInStockConfig
    family = "stock"
    priority = Priority.STOCK
    speaks_of = OF_PRODUCT
    ends_on = news.ENDS_ON

    def class_of(self, moment: Moment) -> MessageClass:
        asked = moment.data["interest"] == KIND_NAMES[ASKED]
        return MessageClass.ASKED_FOR if asked else MessageClass.MARKETING

    def wants(self, facts: ProductFacts, change: Change) -> bool:
        before, now = change.quantity_before, change.quantity
        if before is None or now is None or not facts.published:
            return False
        return before < self.config.min_quantity <= now

    def interest(
        self, profile: Profile, facts: ProductFacts, change: Change, at: int
    ) -> Caring | None:
        oldest = at - self.config.interest_max_age
        ties = (facts.product_id, change.variant_id, at, oldest)
        missed = [interest for interest in profile.viewed if interest.out]
        return (
            news.newest(ASKED, profile.asked, *ties)
            or news.newest(SAVED, profile.saved, *ties)
            or news.carted(profile, *ties)
            or news.newest(VIEWED, missed, *ties)
        )

    def wave_limit(self, change: Change, partitions: int) -> int | None:
        units = change.quantity or 0
        return -(-units * self.config.per_unit // partitions)

    def on_fact(
        self, turn: Turn, facts: ProductFacts, change: Change, caring: Caring
    ) -> Moment | None:
        live = turn.live(self.name, facts.product_id)
        if live is not None:
            turn.end(live, Reason.SUPERSEDED, turn.at)
        waits = self.config.waits
        wait = (waits.asked, waits.saved, waits.saved, waits.viewed)[caring.kind]
        return turn.open(
            self,
            facts.product_id,
            due=turn.at + wait,
            data=without_nothing({
                "variant_id": change.variant_id,
                "quantity": change.quantity,
                "interest": KIND_NAMES[caring.kind],
                "interest_at": caring.at,
            }),
        )  # fmt: skip

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        return news.ended_by(event, entity)

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        variant_id = moment.data.get("variant_id")
        facts = turn.desk.product(moment.entity, turn.at)
        if facts is None or not facts.available(variant_id):
            return Reason.OUT_OF_STOCK
        since = moment.data.get("interest_at", moment.opened_at)
        return news.gone(turn, moment.entity, variant_id, since)

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        facts = turn.desk.product(moment.entity, turn.at)
        return (
            {} if facts is None else {"product": news.product(facts, moment.data.get("variant_id"))}
        )

    def sent(self, turn: Turn, moment: Moment) -> None:
        """An alert that was sent has done its work."""
        about = (moment.entity, moment.data.get("variant_id"))
        turn.profile.asked = [i for i in turn.profile.asked if not matches(i, *about)]
