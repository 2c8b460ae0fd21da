"""``reorder``: something that is used up, bought so long ago that it may be running out."""

from collections.abc import Mapping
from itertools import pairwise
from statistics import median_low
from typing import Annotated, Any

from pydantic import Field

from processors.config import DAY, Priority, ScenarioConfig
from processors.copy_names import OF_PRODUCT
from processors.durations import Duration
from processors.moment import Moment
from processors.scenarios import product_news as news
from processors.scenarios.base import Scenario
from processors.scenarios.newest import told_before
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason

MOST_AN_ORDER = 5
"""Products of one order that are waited for."""


class ReorderConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    intervals: dict[str, Annotated[Duration, Field(gt=0)]] = {}
    """How long a product lasts, by its id or its category."""
    shortest: Duration = 7 * DAY
    longest: Duration = 180 * DAY
    """A user's own interval outside these bounds is no habit."""


class Reorder(Scenario):
    config: ReorderConfig
    priority = Priority.BROWSE
    speaks_of = OF_PRODUCT
    opens_on = frozenset({e.Purchase})
    ends_on = frozenset({e.Purchase})

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        assert isinstance(event, e.Purchase)
        if told_before(turn, event):
            return
        opened = 0
        for product_id in dict.fromkeys(item.product_id for item in event.items):
            interval = self._own(turn, product_id) or self._usual(turn, product_id)
            live = turn.live(self.name, product_id)
            if interval is None or (live is not None and live.opened_at > turn.at):
                continue
            if live is not None:
                turn.end(live, Reason.SUPERSEDED, turn.at)
            if turn.open(self, product_id, due=turn.at + interval, data={"after": interval}):
                opened += 1
            if opened == MOST_AN_ORDER:
                return

    def _own(self, turn: Turn, product_id: str) -> int | None:
        """The median gap (ms) between the user's orders of it, of those that are remembered."""
        at = [order.at for order in turn.profile.orders if product_id in order.product_ids]
        gaps = [after - before for before, after in pairwise(at)]
        if not gaps:
            return None
        usual = median_low(gaps)
        return usual if self.config.shortest <= usual <= self.config.longest else None

    def _usual(self, turn: Turn, product_id: str) -> int | None:
        """What the shop says of the product, or of its category."""
        facts = turn.desk.product(product_id, turn.at)
        category = None if facts is None else facts.category
        intervals = self.config.intervals
        return intervals.get(product_id) or intervals.get(category or "")

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        return None if told_before(turn, event) else news.ended_by(event, entity)

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        facts = turn.desk.product(moment.entity, turn.at)
        gone = facts is not None and facts.available(None) is False
        return Reason.OUT_OF_STOCK if gone else None

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        facts = turn.desk.product(moment.entity, turn.at)
        return {} if facts is None else {"product": news.product(facts, None)}
