"""Opening, moving, ending and judging of moments, as the oracle does it."""

from typing import Any

from tests.oracle.book import Book
from tests.oracle.moment import Moment, end_of, holds, looks_back, new_moment
from tests.oracle.reading import Settings
from tests.oracle.shelves import Shelves
from tests.oracle.shopper import Event, Shopper, matches
from tests.oracle.verdict import CART_SCENARIOS, Judge, due_of, look_at, standing

Change = dict[str, Any]
_STOCK_ORDER = {"asked": 0, "saved": 1, "cart": 1, "viewed": 2}


class Moments(Book):
    """Opens, moves, ends and judges."""

    def __init__(
        self,
        settings: Settings,
        shelves: Shelves,
        pauses: list[tuple[int, bool]],
        reachable: bool,
    ) -> None:
        self.settings = settings
        self.shelves = shelves
        self.arbiter = Judge(settings, shelves, pauses, reachable)
        super().__init__()
        scenarios = settings["scenarios"].values()
        self.on = [scenario for scenario in scenarios if scenario["enabled"] != "off"]

    def live(self, shopper: Shopper, family: str, entity: str) -> Moment | None:
        for moment in shopper["moments"]:
            if (moment["family"], moment["entity"]) == (family, entity):
                found: Moment = moment
                return found
        return None

    # Judging.

    def judge(self, shopper: Shopper, until: int) -> None:
        """What is due at or before ``until``, each at its own time."""
        while True:
            due = [moment for moment in shopper["moments"] if look_at(shopper, moment) <= until]
            if not due:
                return
            moment = min(due, key=lambda m: (look_at(shopper, m), standing(shopper, m)))
            self._judge_one(shopper, moment, look_at(shopper, moment))

    def _judge_one(self, shopper: Shopper, moment: Moment, at: int) -> None:
        outcome, reason, again = self.arbiter.answer(shopper, moment, at)
        if outcome == "held":
            moment["first_due"] = due_of(shopper, moment)
            moment["not_before"] = again
            self.write(shopper, moment, outcome, reason, at, due_of(shopper, moment))
            return
        due = due_of(shopper, moment)
        shopper["moments"].remove(moment)
        moment["first_due"] = due
        written = self.write(shopper, moment, outcome, reason, at, due)
        if written and outcome == "sent":
            self._remember(shopper, moment, at, due)
        if outcome in ("sent", "withheld") and moment["config"]["use"] in CART_SCENARIOS:
            shopper["spent_at"] = at
        self._judged_for_good(shopper, moment, at)

    def _remember(self, shopper: Shopper, moment: Moment, at: int, due: int) -> None:
        shopper["sent"].append(
            {
                "at": at,
                "class": moment["class"],
                "scenario": moment["scenario"],
                "step": moment["step"],
                "entity": moment["entity"],
                "config": moment["config"],
                "id": self.id_of(moment, due),
                "moment": moment,
            }
        )
        if moment["config"]["use"] == "back_in_stock":
            asked = shopper["asked"]
            for line in [n for n in asked if matches(n, moment["entity"], moment["variant"])]:
                del asked[line]

    def _judged_for_good(self, shopper: Shopper, moment: Moment, at: int) -> None:
        use = moment["config"]["use"]
        if use in CART_SCENARIOS:
            shopper["spent"] |= {"cart_abandoned", use}
        waits = moment["config"]["waits"]
        if moment["step"] < len(waits):
            shopper["moments"].append(
                {
                    **moment,
                    "step": moment["step"] + 1,
                    "wait": waits[moment["step"]],
                    "first_due": None,
                    "not_before": at,
                }
            )

    # Ending.

    def end(self, shopper: Shopper, moment: Moment, reason: str, at: int) -> None:
        shopper["moments"].remove(moment)
        self.write(shopper, moment, "dropped", reason, at, due_of(shopper, moment))

    def end_all(self, shopper: Shopper, reason: str, at: int) -> None:
        for moment in list(shopper["moments"]):
            self.end(shopper, moment, reason, at)

    def end_by_event(
        self, shopper: Shopper, event: Event, at: int, told: set[str], counts: int, *, known: bool
    ) -> None:
        """What the event ends, of moments opened at or before it; what it takes back.

        An order that is ``known`` ends what is about the order, and nothing else.
        """
        self._note_ended(shopper, event, at)
        for moment in list(shopper["moments"]):
            if known and moment["entity"] != event["order_id"]:
                continue
            if moment["opened_at"] - looks_back(moment) <= at:
                reason = end_of(moment, event, told)
                if reason is not None:
                    self.end(shopper, moment, reason, at)
        if event["type"] == "purchase" and not known:
            self.take_back(shopper, event, at, counts)

    def take_back(self, shopper: Shopper, event: Event, at: int, counts: int) -> None:
        out = [sent for sent in shopper["sent"] if sent["class"] == "marketing"][-4:]
        self.withdraw_bought(shopper, out, event, at, counts, told_at=at)

    def withdraw_bought(
        self,
        shopper: Shopper,
        out: list[dict[str, Any]],
        event: Event,
        at: int,
        counts: int,
        *,
        told_at: int,
    ) -> None:
        """Of what is out, what the purchase of ``at`` would have ended."""
        for sent in out:
            alive = counts < sent["at"] + sent["config"]["ttl"]
            ends = end_of(sent["moment"], event, {"bought"}) is not None
            if at <= sent["at"] and alive and ends and not _spared(shopper, sent["moment"], at):
                self.withdraw(shopper, sent, told_at, "purchased")

    def take_all_back(self, shopper: Shopper, at: int, reason: str, counts: int) -> None:
        for sent in [sent for sent in shopper["sent"] if sent["class"] == "marketing"][-4:]:
            if counts < sent["at"] + sent["config"]["ttl"]:
                self.withdraw(shopper, sent, at, reason)

    def end_by_interaction(self, shopper: Shopper, value: dict[str, Any], at: int) -> None:
        about = [sent["entity"] for sent in shopper["sent"] if sent["id"] == value["job_id"]]
        for moment in list(shopper["moments"]):
            same = moment["scenario"] == value["scenario"] and moment["entity"] in (
                about or [moment["entity"]]
            )
            if same and moment["step"] > 1 and moment["opened_at"] <= at:
                self.end(shopper, moment, value["type"], at)

    # Opening.

    def tell_apart(self, shopper: Shopper) -> None:
        """What has just been opened is due a millisecond later than what was ended unspoken."""
        for moment in shopper["moments"]:
            if moment.pop("fresh", False):
                while self._was_ended_unspoken(shopper, moment):
                    moment["due" if moment["due"] is not None else "wait"] += 1

    def _was_ended_unspoken(self, shopper: Shopper, moment: Moment) -> bool:
        due = due_of(shopper, moment)
        spoken = not moment["is_news"] and any(
            (sent["scenario"], sent["step"]) == (moment["scenario"], 1) and sent["at"] >= due
            for sent in shopper["sent"]
        )
        return self.id_of(moment, due) in self.final and not spoken

    def _note_ended(self, shopper: Shopper, event: Event, at: int) -> None:
        """What ends a matter may come before what opens it; purchases are known by themselves."""
        for scenario in self.on:
            follows = scenario["use"] == "after_event" and event["type"] in scenario["unless"]
            if follows and event["type"] != "purchase":
                entity = event.get(scenario["entity"] or "")
                if entity is not None:
                    ended = shopper["ended"]
                    matter = scenario["name"], entity
                    ended[matter] = max(at, ended.get(matter, -1))

    def _ended_at(self, shopper: Shopper, scenario: dict[str, Any], event: Event) -> int:
        """When the event's matter was ended last; -1 for never."""
        entity = event.get(scenario["entity"])
        ended = [shopper["ended"].get((scenario["name"], entity), -1)]
        if "purchase" in scenario["unless"]:
            ended += [at for at, _, order in shopper["purchases"] if order == entity]
        return int(max(ended))

    def make_way(self, shopper: Shopper, event: Event, at: int, told: set[str]) -> None:
        """Before the activity counts: what opens anew takes the place of what was there."""
        added = "added" in told and at >= shopper["spent_at"]
        if added:
            shopper["spent"].clear()
        live = self.live(shopper, "abandonment", "cart")
        for scenario in self.on:
            begun = event["type"] == "begin_checkout" and shopper["cart"]
            free = scenario["name"] not in shopper["spent"] and at > shopper["bought_at"]
            if scenario["use"] == "checkout_abandoned" and begun and free:
                self._begin_checkout(shopper, scenario, live, at)
                return
        if live is None or live["step"] == 1 or not added:
            return
        if live["config"]["use"] == "cart_abandoned":
            if live["first_due"] is not None:
                self.end(shopper, live, "superseded", at)
            else:
                shopper["moments"].remove(live)

    def _begin_checkout(
        self, shopper: Shopper, scenario: dict[str, Any], live: Moment | None, at: int
    ) -> None:
        if live is not None and live["config"]["use"] == "checkout_abandoned":
            return
        if live is not None:
            self.end(shopper, live, "family_taken", at)
        self._open_idle(shopper, scenario, at, "checkout", 2)

    def open_by_activity(self, shopper: Shopper, at: int) -> None:
        for scenario in self.on:
            if scenario["use"] == "cart_abandoned" and shopper["cart"]:
                taken = self.live(shopper, "abandonment", "cart") is not None
                if not taken and scenario["name"] not in shopper["spent"]:
                    self._open_idle(shopper, scenario, at, "cart", 1)

    def _open_idle(
        self, shopper: Shopper, scenario: dict[str, Any], at: int, priority: str, strength: int
    ) -> None:
        moment = new_moment(shopper, scenario, "abandonment", "cart", at, "marketing", priority)
        moment.update(idle=True, wait=scenario["waits"][0], strength=strength)
        shopper["moments"].append(moment)

    def open_by_event(
        self, shopper: Shopper, event: Event, at: int, clock: int, counts: int
    ) -> None:
        if event["type"] == "order_status":
            status = event["order_id"], event["status"]
            if status in shopper["told"]:
                return
            shopper["told"][status] = at
        for scenario in self.on:
            follows = scenario["use"] == "after_event" and scenario["on"] == event["type"]
            fits = follows and all(holds(event, *where) for where in scenario["where"].items())
            if fits and self._ended_at(shopper, scenario, event) < at:
                self._follow(shopper, scenario, event, at, clock, counts)

    def _follow(
        self,
        shopper: Shopper,
        scenario: dict[str, Any],
        event: Event,
        at: int,
        clock: int,
        counts: int,
    ) -> None:
        due = at + scenario["wait"]
        if at < clock and due <= clock:
            if scenario["class"] != "transactional":
                return
            due = counts
        entity = event[scenario["entity"]]
        live = self.live(shopper, scenario["name"], entity)
        if live is not None:
            if live["opened_at"] > at:
                return
            self.end(shopper, live, "superseded", at)
        kind = scenario["class"]
        priority = scenario["priority"] or ("mass" if kind == "marketing" else kind)
        moment = new_moment(shopper, scenario, scenario["name"], entity, at, kind, priority)
        moment.update(due=due, is_news=event["type"] == "order_status")
        shopper["moments"].append(moment)


def _spared(shopper: Shopper, moment: Moment, at: int) -> bool:
    """Whether a purchase that was made before the moment opened leaves what it said true."""
    use = moment["config"]["use"]
    if use in ("price_drop", "back_in_stock") or at >= moment["opened_at"]:
        return False
    return use not in CART_SCENARIOS or bool(shopper["cart"])
