"""What Nudge must decide, worked out again from ``docs/rules.md`` by a plain walk over a list.

Written apart from ``processors``: it shares the ids' hash, which is the wire contract, and
nothing else. Every shopper is a dict; a moment is looked for by going through all of them.
"""

from collections import defaultdict
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

from processors.ids import decision_id
from schemas.partitioner import partition_of
from tests.oracle.moments import Moments
from tests.oracle.news import hear_of_missed, open_by_news, products_named
from tests.oracle.reading import Settings
from tests.oracle.shelves import Shelves
from tests.oracle.shopper import (
    EVENTS_KEPT,
    NOT_ACTIVITY,
    Shopper,
    apply,
    knows,
    new_shopper,
    touch,
)
from tests.oracle.union import join

Record = dict[str, Any]
"""``topic, key, value, at`` (the record's time in ms), ``partition, offset``."""
Decision = dict[str, Any]

MAX_FUTURE = 5 * 60_000
_CARED = ("cart", "saved", "asked", "viewed")
ON_THE_WAY = 2_000
"""How long after its cause (ms) a handover is told."""
RANKS = {
    "shop.catalog": 0,
    "push.subscriptions": 1,
    "nudge.handovers": 2,
    "shop.events": 3,
    "push.interactions": 4,
}

__all__ = ["Decision", "Record", "decide", "decision_id"]


def decide(
    records: Iterable[Record],
    settings: Settings,
    *,
    partitions: int,
    until: int,
    grace: int = 5000,
    reachable: bool = False,
    pauses: Iterable[tuple[int, bool]] = (),
) -> list[Decision]:
    """Every decision up to the clock ``until`` (ms), final or not, by user and time."""
    world = _World(settings, partitions, grace, reachable, sorted(pauses))
    for record in sorted(records, key=_place):
        world.tell(record)
    return world.finish(until)


def _place(record: Record) -> tuple[int, int, int, int]:
    return record["at"], RANKS[record["topic"]], record["partition"], record["offset"]


class _World:
    def __init__(
        self,
        settings: Settings,
        partitions: int,
        grace: int,
        reachable: bool,
        pauses: list[tuple[int, bool]],
    ) -> None:
        self.partitions = partitions
        self.grace = grace
        self.newest = 0
        self.on_the_way: list[tuple[int, int, int, Record]] = []
        self.sent = 0
        self.shelves = Shelves()
        self.shoppers: dict[str, Shopper] = {}
        self.concerned: dict[str, set[str]] = defaultdict(set)
        self.moments = Moments(settings, self.shelves, pauses, reachable)

    def shopper(self, key: str) -> Shopper:
        return self.shoppers.setdefault(key, new_shopper(key))

    @property
    def clock(self) -> int:
        return self.newest - self.grace

    def tell(self, record: Record) -> None:
        """One record, in its place; before it, what was handed over for an earlier one."""
        while self.on_the_way and self.on_the_way[0][:2] <= _place(record)[:2]:
            self._arrive(record["at"])
        self.newest = max(self.newest, record["at"])
        if record["topic"] == "shop.catalog":
            self._news(record)
        else:
            self._send(self._user_record(record))

    def _send(self, handed: list[Record]) -> None:
        for record in handed:
            self.sent += 1
            place = self.newest + ON_THE_WAY
            heappush(
                self.on_the_way, (place, RANKS[record["topic"]], self.sent, {**record, "at": place})
            )

    def _arrive(self, until: int) -> None:
        place, _, _, record = heappop(self.on_the_way)
        self.newest = max(self.newest, min(place, until))
        self._send(self._user_record(record))

    def finish(self, until: int) -> list[Decision]:
        while self.on_the_way:
            self._arrive(max(until, self.newest))
        for shopper in self.shoppers.values():
            self.moments.judge(shopper, max(until, self.newest))
        return self.moments.decisions

    def _user_record(self, record: Record) -> list[Record]:
        """Answers what it hands over to another user."""
        shopper = self.shopper(record["key"])
        self.moments.judge(shopper, self.clock)
        topic, value = record["topic"], record["value"]
        moved = shopper["moved_to"] is not None and not _erases(record)
        if moved and topic in ("shop.events", "push.subscriptions"):
            if topic == "shop.events" and value["event_id"] in shopper["seen"]:
                return []
            return [self._forwarded(record, shopper["moved_to"])]
        if topic == "push.subscriptions":
            self._subscription(shopper, record)
        elif topic == "push.interactions":
            self._interaction(shopper, value)
        elif topic == "nudge.handovers" and record["handed"] is not None:
            self._handover(shopper, record)
        elif "subscription_id" in record:
            self._subscription(shopper, record)
        elif _moves({**record, "topic": "shop.events"}):
            return [self._hand_over(shopper, record)]
        else:
            self._shop_event(shopper, value, record["at"])
        return []

    def _forwarded(self, record: Record, user: str) -> Record:
        return {**record, "topic": "nudge.handovers", "key": user, "handed": None}

    def _own_time(self, value: dict[str, Any], recorded_at: int) -> int:
        occurred: int = value["occurred_at"]
        return min(occurred, recorded_at + MAX_FUTURE)

    def _shop_event(self, shopper: Shopper, event: dict[str, Any], recorded_at: int) -> None:
        at = self._own_time(event, recorded_at)
        if event["event_id"] in shopper["seen"] or at <= shopper["erased_at"]:
            return
        shopper["seen"].append(event["event_id"])
        late = at < self.clock
        self.moments.judge(shopper, at)
        if event["type"] == "erasure_requested":
            self._erase(shopper, at)
            return
        known = knows(shopper, event)
        told = apply(shopper, event, at, self.shelves)
        counts = max(self.clock, self.newest) if late else at
        self.moments.end_by_event(shopper, event, at, told, counts, known=known)
        _, agrees = shopper["consent"].get("marketing", (-1, True))
        if event["type"] == "consent_change" and not agrees:
            self.moments.take_all_back(shopper, at, "no_consent", counts)
        if event["type"] not in NOT_ACTIVITY:
            self.moments.make_way(shopper, event, at, told)
            touch(shopper, counts)
            self.moments.open_by_activity(shopper, at)
        if "product_id" in event:
            self.concerned[event["product_id"]].add(shopper["key"])
        for item in event.get("items", ()):
            self.concerned[item["product_id"]].add(shopper["key"])
        if not known:
            self.moments.open_by_event(shopper, event, at, self.clock, counts)
        self._hear_of_missed(shopper, products_named(event), at, at)
        self.moments.tell_apart(shopper)
        self.moments.judge(shopper, at)

    def _hear_of_missed(
        self, shopper: Shopper, products: set[str], since: int, at: int | None
    ) -> None:
        now = max(self.clock, self.newest)
        hear_of_missed(self.moments, shopper, products, since, self.clock, now, at=at)

    def _erase(self, shopper: Shopper, at: int) -> None:
        self.moments.end_all(shopper, "erased", at)
        self.moments.take_all_back(shopper, at, "erased", at)
        fresh = new_shopper(shopper["key"])
        fresh["erased_at"] = at
        shopper.update(fresh)

    def _subscription(self, shopper: Shopper, record: Record) -> None:
        number, devices = record["subscription_id"], shopper["devices"]
        if (number in devices) == (record["value"] is not None):
            return
        self.moments.judge(shopper, record["at"])
        if record["value"] is None:
            devices.discard(number)
        else:
            devices.add(number)

    def _interaction(self, shopper: Shopper, value: dict[str, Any]) -> None:
        at = value["occurred_at"]
        late = at < self.clock
        self.moments.judge(shopper, at)
        if value["type"] in ("clicked", "dismissed"):
            self.moments.end_by_interaction(shopper, value, at)
        if value["type"] == "clicked":
            counts = max(self.clock, self.newest) if late else at
            touch(shopper, counts)
            self.moments.open_by_activity(shopper, at)
        self.moments.tell_apart(shopper)
        self.moments.judge(shopper, at)

    def _hand_over(self, shopper: Shopper, record: Record) -> Record:
        at = self._own_time(record["value"], record["at"])
        self.moments.judge(shopper, at)
        touch(shopper, max(self.clock, self.newest) if at < self.clock else at)
        user = record["value"]["user_id"]
        handed = dict(shopper)
        fresh = new_shopper(shopper["key"])
        fresh["moved_to"] = user
        fresh["seen"] = shopper["seen"]
        fresh["seen"].append(record["value"]["event_id"])
        shopper.update(fresh)
        return {**record, "topic": "nudge.handovers", "key": user, "handed": handed}

    def _handover(self, shopper: Shopper, record: Record) -> None:
        login, handed = record["value"], record["handed"]
        at = self._own_time(login, record["at"])
        self.moments.judge(shopper, at)
        if at <= shopper["erased_at"]:
            return
        counts = max(self.clock, self.newest) if at < self.clock else at
        join(self.moments, shopper, handed, at, counts)
        if login.get("timezone"):
            shopper["zone"] = login["timezone"]
        shopper["seen"] = type(shopper["seen"])(
            [*shopper["seen"], login["event_id"]], maxlen=EVENTS_KEPT
        )
        for kind in _CARED:
            for product, _ in shopper[kind]:
                self.concerned[product].add(shopper["key"])
        touch(shopper, counts)
        cared = {product for kind in _CARED for product, _ in shopper[kind]}
        self._hear_of_missed(shopper, cared, at, None)
        self.moments.open_by_activity(shopper, at)
        self.moments.open_by_event(shopper, login, at, self.clock, counts)
        self.moments.tell_apart(shopper)
        self.moments.judge(shopper, at)

    def _news(self, record: Record) -> None:
        event = {**record["value"]}
        if event["type"] == "content_published":
            return
        event["occurred_at"] = self._own_time(event, record["at"])
        change = self.shelves.put(event, record["at"])
        if change is None:
            return
        at = max(record["at"], self.clock)
        homes: dict[int, list[Shopper]] = defaultdict(list)
        for key in sorted(self.concerned[event["product_id"]]):
            shopper = self.shoppers[key]
            self.moments.judge(shopper, self.clock)
            homes[partition_of(key, self.partitions)].append(shopper)
        for home in homes.values():
            open_by_news(self.moments, home, change, at, self.partitions)


def _erases(record: Record) -> bool:
    """Who asks under an id to be forgotten means that id."""
    return bool(record["value"]) and record["value"].get("type") == "erasure_requested"


def _moves(record: Record) -> bool:
    value = record["value"]
    return (
        record["topic"] == "shop.events"
        and value["type"] in ("login", "sign_up")
        and value["user_id"] != record["key"]
    )
