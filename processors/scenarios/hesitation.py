"""``hesitation``: somebody comes back to one product, dwells on it, or has a coupon refused."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.config import Priority, ScenarioConfig
from processors.copy_names import OF_PRODUCT
from processors.durations import Duration
from processors.moment import Moment
from processors.profile import Profile
from processors.reduce import SESSION_GAP_MS
from processors.scenarios import product_news as news
from processors.scenarios import tastes
from processors.scenarios.base import Scenario
from processors.scenarios.newest import is_newest
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason


class HesitationConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    views: Annotated[int, Field(ge=2, le=8)] = 3
    dwell: Duration = 6 * 60_000
    """So long with the product's page in front."""


class Hesitation(Scenario):
    config: HesitationConfig
    family = "browsing"
    priority = Priority.BROWSE
    speaks_of = OF_PRODUCT
    needs_browser = True
    strength = 2
    opens_on = frozenset({
        e.ViewItem, e.Engagement, e.CouponAttempt, e.PageView, e.ViewItemList, e.Search,
    })  # fmt: skip
    ends_on = frozenset({e.AddToCart, e.CartSnapshot, e.Purchase, e.CouponAttempt})

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        profile = turn.profile
        match event:
            case e.ViewItem():
                self._viewed(turn, event.product_id)
            case e.Engagement():
                self._dwelt(turn, event.ms)
            case e.CouponAttempt():
                is_last = is_newest(turn, f"{self.name}\x1fcoupon")
                if is_last and not event.accepted:
                    self._open(turn, _newest(profile), "coupon")
            case _:
                if profile.dwell is not None:
                    profile.dwell = (*profile.dwell[:2], False)

    def _viewed(self, turn: Turn, product_id: str) -> None:
        profile = turn.profile
        before = profile.dwell
        so_far = before[1] if before is not None and before[0] == product_id else 0
        profile.dwell = (product_id, so_far, True)
        if not profile.cart and profile.again.count(product_id) >= self.config.views - 1:
            self._open(turn, product_id, "views")

    def _dwelt(self, turn: Turn, ms: int) -> None:
        profile = turn.profile
        if profile.dwell is None or not profile.dwell[2]:
            return
        product_id, so_far, _ = profile.dwell
        profile.dwell = (product_id, so_far + ms, True)
        if not profile.cart and so_far + ms >= self.config.dwell:
            self._open(turn, product_id, "dwell")

    def _open(self, turn: Turn, product_id: str | None, why: str) -> None:
        if turn.at <= turn.profile.bought_at:
            return
        if turn.live(self.name, tastes.USER) is None:
            data = {"why": why} if product_id is None else {"why": why, "product_id": product_id}
            turn.open(self, tastes.USER, wait=SESSION_GAP_MS, data=data)

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        if isinstance(event, e.Purchase):
            return Reason.PURCHASED
        if isinstance(event, e.CouponAttempt):
            return Reason.CANCELLED if event.accepted else None
        return Reason.CANCELLED if turn.item_added else None

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        if turn.profile.cart and moment.data["why"] != "coupon":
            return Reason.CANCELLED  # by what was told late
        facts = turn.desk.product(moment.data.get("product_id", ""), turn.at)
        out = facts is not None and facts.available(None) is False
        return Reason.OUT_OF_STOCK if out else None

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        facts = turn.desk.product(moment.data.get("product_id", ""), turn.at)
        return {} if facts is None else {"product": news.product(facts, None)}


def _newest(profile: Profile) -> str | None:
    """The product viewed last in this session."""
    viewed = profile.viewed
    return viewed.names[-1] if viewed and viewed.newest_at >= profile.session_at else None
