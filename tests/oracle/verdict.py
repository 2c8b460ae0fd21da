"""How the oracle judges one due moment: the list of ``docs/rules.md``, top to bottom."""

from typing import Any

from processors.ids import spread
from tests.oracle.reading import PRIORITIES, Settings, local, quiet_until
from tests.oracle.shelves import Shelves
from tests.oracle.shopper import Shopper, bought_since, matches

Moment = dict[str, Any]
Answer = tuple[str, str]
PAUSE_LOOK = 10 * 60_000
CART_SCENARIOS = ("cart_abandoned", "checkout_abandoned")
_INTEREST_RANK = {"asked": 0, "saved": 1, "cart": 2, "viewed": 3}


def look_at(shopper: Shopper, moment: Moment) -> int:
    """When the moment is judged next."""
    return max(_due_now(shopper, moment), int(moment["not_before"]))


def _due_now(shopper: Shopper, moment: Moment) -> int:
    due: int = shopper["active_at"] + moment["wait"] if moment["idle"] else moment["due"]
    return due


def due_of(shopper: Shopper, moment: Moment) -> int:
    """When it was due first; what its id is made of."""
    if moment["first_due"] is not None:
        first: int = moment["first_due"]
        return first
    return _due_now(shopper, moment)


def standing(shopper: Shopper, moment: Moment) -> tuple[Any, ...]:
    """Smaller goes first among moments that are due together."""
    interest = _INTEREST_RANK.get(moment.get("interest", ""), 0)
    look = look_at(shopper, moment)
    return rank(moment), look, interest, moment["scenario"], moment["entity"]


def rank(moment: Moment) -> int:
    return PRIORITIES.index(moment["priority"])


class Judge:
    """``pauses``: (at, paused) in order of time."""

    def __init__(
        self,
        settings: Settings,
        shelves: Shelves,
        pauses: list[tuple[int, bool]],
        reachable: bool,
    ) -> None:
        self.settings = settings
        self.shelves = shelves
        self.pauses = pauses
        self.reachable = reachable

    def answer(self, shopper: Shopper, moment: Moment, at: int) -> tuple[str, str, int]:
        """Outcome, reason, and for ``held`` when it is looked at again."""
        if at - due_of(shopper, moment) > self.settings["hold_at_most"]:
            return "dropped", "expired", 0
        stopped = self.blocked(shopper, moment, at)
        if stopped is not None:
            return stopped
        if moment["class"] == "marketing":
            if self._outshone(shopper, moment, at):
                return "dropped", "lower_priority", 0
            if self._capped(shopper, at):
                return "dropped", "frequency_cap", 0
        if moment["mode"] == "shadow":
            return "shadow", "ok", 0
        return "sent", "ok", 0

    def reaches(self, shopper: Shopper) -> bool:
        """Whether there is a browser to push to, or counts as one."""
        return bool(shopper["devices"]) or self.reachable

    def blocked(self, shopper: Shopper, moment: Moment, at: int) -> tuple[str, str, int] | None:
        """What of the points 2 to 7 speaks against it."""
        gone = self._own_look(shopper, moment, at)
        if gone is not None:
            return "dropped", gone, 0
        if not self.reaches(shopper):
            return "dropped", "not_subscribed", 0
        purpose = "marketing" if moment["class"] == "marketing" else "service"
        granted = shopper["consent"].get(purpose, (0, None))[1]
        if granted is False or (granted is None and self.settings["consent"] == "explicit"):
            return "dropped", "no_consent", 0
        if [paused for since, paused in self.pauses if since <= at][-1:] == [True]:
            return "held", "paused", at + PAUSE_LOOK
        once = moment["config"]["once"]
        for sent in shopper["sent"]:
            same = sent["scenario"] == moment["scenario"] and sent["step"] == moment["step"]
            if once and same and at - sent["at"] < once:
                return "dropped", "already_sent", 0
        if not moment["config"]["passes"]:
            zone = shopper["zone"] or self.settings["timezone"]
            end = quiet_until(self.settings, at, zone)
            if end is not None:
                return "held", "quiet_hours", end + spread(shopper["key"], self.settings["spread"])
        return None

    def _own_look(self, shopper: Shopper, moment: Moment, at: int) -> str | None:
        use = moment["config"]["use"]
        if use in CART_SCENARIOS:
            return self._look_at_cart(shopper, moment, at)
        if use == "price_drop":
            return self._look_at_price(shopper, moment, at)
        if use == "back_in_stock":
            return self._look_at_stock(shopper, moment, at)
        return None

    def _look_at_cart(self, shopper: Shopper, moment: Moment, at: int) -> str | None:
        cart = shopper["cart"]
        if not cart:
            return "purchased" if shopper["bought_at"] >= moment["opened_at"] else "cart_empty"
        if all(self.shelves.out(product, variant, at) for product, variant in cart):
            return "out_of_stock"
        return None

    def _look_at_price(self, shopper: Shopper, moment: Moment, at: int) -> str | None:
        product, variant = moment["entity"], moment["variant"]
        if self.shelves.out(product, variant or None, at):
            return "out_of_stock"
        price = self.shelves.price(product, variant or None, at)
        if price is not None and price > moment["price"]:
            return "price_back_up"
        if _interested(shopper, product, variant):
            return None
        bought = bought_since(shopper, product, moment["opened_at"])
        return "purchased" if bought else "interest_gone"

    def _look_at_stock(self, shopper: Shopper, moment: Moment, at: int) -> str | None:
        product, variant = moment["entity"], moment["variant"]
        if self.shelves.out(product, variant or None, at):
            return "out_of_stock"
        if bought_since(shopper, product, moment["interest_at"]):
            return "purchased"
        return None if _interested(shopper, product, variant) else "interest_gone"

    def _outshone(self, shopper: Shopper, moment: Moment, at: int) -> bool:
        width = self.settings["look_ahead"]
        if any(0 <= at - sent["at"] < width for sent in shopper["sent"]):
            return True
        mine = standing(shopper, moment)
        for other in shopper["moments"]:
            if other is moment or other["mode"] == "shadow":
                continue
            when = look_at(shopper, other)
            if not at <= when <= at + width:
                continue
            if standing(shopper, other) >= mine:
                continue
            if self.blocked(shopper, other, at) is None:
                return True
        return False

    def _capped(self, shopper: Shopper, at: int) -> bool:
        settings = self.settings
        sent = [s["at"] for s in shopper["sent"] if s["class"] == "marketing" and s["at"] <= at]
        if any(at - s < settings["gap"] for s in sent):
            return True
        zone = shopper["zone"] or settings["timezone"]
        today = local(at, zone)
        days = [local(s, zone) for s in sent]
        on_day = sum(day.date() == today.date() for day in days)
        in_week = sum(day.isocalendar()[:2] == today.isocalendar()[:2] for day in days)
        return bool(on_day >= settings["day"] or in_week >= settings["week"])


def _interested(shopper: Shopper, product: str, variant: str) -> bool:
    kinds = (shopper["asked"], shopper["saved"], shopper["cart"], shopper["viewed"])
    lines = [line for kind in kinds for line in kind]
    return any(matches(line, product, variant) for line in lines)
