"""``price_drop``: a product costs less than when the user viewed, saved or carted it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.catalogue import Change, ProductFacts
from processors.config import DAY, Priority, ScenarioConfig
from processors.copy import without_nothing
from processors.copy_names import OF_PRODUCT, of
from processors.durations import Duration
from processors.interests import same_money
from processors.moment import Moment
from processors.profile import Profile
from processors.scenarios import product_news as news
from processors.scenarios.base import (
    KIND_NAMES,
    SAVED,
    VIEWED,
    Caring,
    NewsScenario,
    bought_since,
)
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason


class PriceDropConfig(ScenarioConfig):
    copy_name: Annotated[str, Field(alias="copy")] = "price_drop"
    min_percent: Annotated[float, Field(gt=0, le=100)] = 5
    below_30_day_low: bool = True
    settle: Duration = 5 * 60_000
    interest_max_age: Duration = 90 * DAY


class PriceDrop(NewsScenario):
    config: PriceDropConfig
    family = "price"
    priority = Priority.PRICE
    speaks_of = {**OF_PRODUCT, **of("price")}
    ends_on = news.ENDS_ON

    def wants(self, facts: ProductFacts, change: Change) -> bool:
        """A price below the one before; the first known price is no drop (EU Omnibus: low_30d)."""
        price, before = change.price, change.price_before
        if price is None or before is None or price >= before:
            return False
        return not self.config.below_30_day_low or change.low_30d is None or price < change.low_30d

    def interest(
        self, profile: Profile, facts: ProductFacts, change: Change, at: int
    ) -> Caring | None:
        oldest = max(at - self.config.interest_max_age, facts.currency_at or 0)
        ties = (facts.product_id, change.variant_id, at, oldest)
        for caring in (
            news.newest(SAVED, profile.saved, *ties),
            news.carted(profile, *ties) if self._comparable(profile, facts) else None,
            news.newest(VIEWED, profile.viewed, *ties),
        ):
            if caring is None or bought_since(profile, facts.product_id, caring.at):
                continue
            if self._is_drop(change, caring):
                return caring
        return None

    def _comparable(self, profile: Profile, facts: ProductFacts) -> bool:
        """Whether the prices in the cart are in the money of the catalogue."""
        return not profile.mixed and same_money(profile.currency, facts)

    def _is_drop(self, change: Change, caring: Caring) -> bool:
        if caring.price is None or change.price is None:
            return False
        return change.price * 100 <= caring.price * (100 - self.config.min_percent)

    def on_fact(
        self, turn: Turn, facts: ProductFacts, change: Change, caring: Caring
    ) -> Moment | None:
        if turn.live(self.name, facts.product_id) is not None:
            return None
        return turn.open(
            self,
            facts.product_id,
            due=turn.at + self.config.settle,
            data=without_nothing({
                "variant_id": change.variant_id,
                "price": change.price,
                "price_before": change.price_before,
                "price_seen": caring.price,
                "low_30d": change.low_30d,
                "interest": KIND_NAMES[caring.kind],
            }),
        )  # fmt: skip

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        return news.ended_by(event, entity)

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        variant_id = moment.data.get("variant_id")
        facts = turn.desk.product(moment.entity, turn.at)
        if facts is None or facts.available(variant_id) is False:
            return Reason.OUT_OF_STOCK
        price = facts.offer(variant_id).price
        other_money = (facts.currency_at or 0) > moment.opened_at
        if price is None or price > moment.data["price"] or other_money:
            return Reason.PRICE_BACK_UP
        return news.gone(turn, moment.entity, variant_id, moment.opened_at)

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        facts = turn.desk.product(moment.entity, turn.at)
        if facts is None:
            return {}
        product = news.product(facts, moment.data.get("variant_id"))
        seen, now = moment.data["price_seen"], product.get("price")
        return {
            "product": product,
            "price": without_nothing({
                "now": now,
                "seen": seen,
                "saved": None if now is None else seen - now,
                "low_30d": moment.data.get("low_30d"),
                "currency": product.get("currency"),
            }),
        }  # fmt: skip
