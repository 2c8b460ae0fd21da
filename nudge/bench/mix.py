"""The traffic of the benchmarks: a shop's shoppers and its catalogue, drawn by a seed.

At any time some thousands of visits are under way; each event is the next step of one of them.
So an event seldom meets a profile that the same step has touched, as in a shop, and a user's
events lie about forty seconds apart.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from nudge.bench.visits import (
    CURRENCY,
    Visit,
    Visits,
    category_name,
    product_name,
    user_name,
)
from schemas.adapters import dump
from schemas.partitioner import partition_of
from schemas.people import Subscription, subscription_key
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS, SUBSCRIPTIONS, Topic

_START_STOCK = 40


@dataclass(frozen=True, slots=True)
class Mix:
    """What kind of traffic. Shares from 0 to 1.

    ``events`` counts user and catalogue events. ``per_second``: of the shop's own time, which
    tells how close the events lie; how fast they are processed is what is measured.
    """

    events: int = 1_000_000
    users: int = 50_000
    products: int = 20_000
    per_second: int = 100
    catalogue_share: float = 0.01
    late_share: float = 0.005
    reachable_share: float = 0.10
    anonymous_share: float = 0.10
    seed: int = 1

    @property
    def duration_ms(self) -> int:
        """How long the shop's own time is."""
        return self.events * 1000 // self.per_second


class Wire(NamedTuple):
    """A record as a producer gives it to Kafka; ``at``: its time in ms.

    ``placed_by``: what its partition follows from; empty: the key.
    """

    topic: Topic
    key: str
    value: bytes
    at: int
    placed_by: str = ""

    def partition(self, partitions: int) -> int:
        return partition_of(self.placed_by or self.key, partitions)


class Traffic:
    """``mix`` from ``start`` (ms) on."""

    def __init__(self, mix: Mix, start: int) -> None:
        self.mix = mix
        self.start = start
        self.end = start + mix.duration_ms
        self._random = Random(mix.seed)
        self._prices = [self._random.randrange(900, 90_000) for _ in range(mix.products)]
        self._stock = [_START_STOCK] * mix.products
        self.counts: dict[str, int] = {}
        """How many of each type have been drawn."""

    def reachable(self) -> Iterator[str]:
        """The users with a browser that can be pushed to."""
        every = round(1 / self.mix.reachable_share) if self.mix.reachable_share else 0
        return (user_name(number) for number in range(0, self.mix.users if every else 0, every))

    def subscriptions(self) -> Iterator[Wire]:
        """A browser for each of them, subscribed before ``start``. Nobody listens behind it."""
        at = self.start - 60_000
        for user in self.reachable():
            number = hashlib.sha256(user.encode()).hexdigest()
            record = Subscription(
                subscription_id=number[:32],
                user_id=user,
                endpoint=f"https://fcm.googleapis.com/fcm/send/{number}:APA91b{number}",
                p256dh=f"B{number}{number[:22]}",
                auth=number[:22],
                created_at=at,
                last_seen_at=at,
                user_agent="Chrome/140.0.0.0 Safari/537.36",
            )
            key = subscription_key(user, record.subscription_id)
            yield Wire(SUBSCRIPTIONS, key, dump(record), at, user)

    def shelves(self) -> Iterator[Wire]:
        """Every product, published before ``start``."""
        at = self.start - 3_600_000
        return (self.shelf(number, at) for number in range(self.mix.products))

    def shelf(self, number: int, at: int, percent: int = 100) -> Wire:
        """One product, published at ``at`` (ms) for so many per cent of its price."""
        product_id = product_name(number)
        event = {
            "type": "product_published",
            "event_id": f"shelf-{number}-{at}",
            "occurred_at": at,
            "product_id": product_id,
            "name": f"Thing number {number}",
            "category": category_name(number),
            "url": f"https://shop.example/p/{product_id}",
            "image": f"https://shop.example/p/{product_id}.jpg",
            "price": self._prices[number] * percent // 100,
            "currency": CURRENCY,
            "quantity": _START_STOCK,
        }
        return Wire(SHOP_CATALOG, product_id, orjson.dumps(event), at)

    def records(self) -> Iterator[Wire]:
        """All events in order of their records' time."""
        mix, random = self.mix, self._random
        visits = Visits(mix.users, mix.products, mix.anonymous_share, random)
        for number in range(mix.events):
            at = self.start + number * 1000 // mix.per_second
            if random.random() < mix.catalogue_share:
                yield self._catalogue_event(at)
            else:
                yield self._user_event(at, visits.next())

    def _user_event(self, at: int, visit: Visit) -> Wire:
        random = self._random
        late = random.random() < self.mix.late_share
        behind = random.randrange(120_000, 900_000) if late else random.randrange(1_500)
        event: dict[str, Any] = {
            "type": visit.type,
            "event_id": _event_id(random),
            "occurred_at": at - behind,
            "session_id": visit.session,
        }
        if visit.user_id is not None:
            event["user_id"] = visit.user_id
        if visit.anonymous_id is not None:
            event["anonymous_id"] = visit.anonymous_id
        event |= visit.fields(self._prices)
        self._count(visit.type)
        return Wire(SHOP_EVENTS, visit.key, orjson.dumps(event), at)

    def _catalogue_event(self, at: int) -> Wire:
        """Mostly pieces sold; now and then sold out, restocked, or another price."""
        random = self._random
        product = random.randrange(self.mix.products)
        product_id = product_name(product)
        event: dict[str, Any] = {
            "event_id": _event_id(random),
            "occurred_at": at - random.randrange(1_500),
            "product_id": product_id,
        }
        kind = random.random()
        if kind < 0.7:
            if kind < 0.1:
                self._stock[product] = 0
            elif self._stock[product] == 0:
                self._stock[product] = _START_STOCK
            else:
                self._stock[product] -= 1
            event |= {"type": "stock_change", "quantity": self._stock[product]}
        else:
            price = self._prices[product]
            self._prices[product] = price = max(100, round(price * random.choice((0.8, 0.9, 1.15))))
            event |= {"type": "price_change", "price": price, "currency": CURRENCY}
        self._count(event["type"])
        return Wire(SHOP_CATALOG, product_id, orjson.dumps(event), at)

    def _count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1


def _event_id(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))
