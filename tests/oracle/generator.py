"""A shop's life, drawn by a seed: who comes, what they do, what the shop changes meanwhile.

Everything is planned ahead on one time line (epoch ms), so that a run can play it in real time and
the oracle can read it at leisure. No two records of one person share a millisecond.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from schemas.partitioner import partition_of

Record = dict[str, Any]

HUGE_NAME = "🛋" * 256
"""Four times over it is more than a push can hold."""

ZONES = ("Europe/Warsaw", "America/New_York", "Asia/Tokyo", "Europe/Istanbul")


@dataclass(frozen=True, slots=True)
class Plan:
    """What kind of life. Times and waits in ms; shares from 0 to 1."""

    seed: int
    start: int
    duration: int = 120_000
    people: int = 20
    events: int = 300
    products: int = 6
    news: int = 20
    partitions: int = 4
    cart_wait: int = 20_000
    checkout_wait: int = 10_000
    pace: int = 8_000
    """How long people rest between two things they do, on average."""
    out_of_order: float = 0.1
    disorder: int = 3_000
    late: float = 0.0
    late_by: int = 40_000
    ahead: float = 0.01
    duplicates: float = 0.02
    huge_names: float = 0.2
    logins: float = 0.7
    """How many anonymous visitors sign up or log in some time."""
    zones: tuple[str, ...] = ZONES
    pauses: tuple[tuple[int, int], ...] = ()
    """Stretches (from, to) in which nothing at all is recorded."""


@dataclass(slots=True)
class _Person:
    user: str
    visitors: list[str]
    known_from_start: bool
    zone: str
    used: set[int] = field(default_factory=set)
    recorded: set[int] = field(default_factory=set)
    logins: dict[str, int] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)


class Generator:
    """``Generator(plan).records()``: what Kafka would hold, in order of the records' time."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = Random(plan.seed)
        self.made: list[Record] = []
        self.count = 0
        self.variants = {
            f"p{n}": ["s", "l"] if self.random.random() < 0.3 else [None]
            for n in range(plan.products)
        }
        self.base = {product: self.random.randrange(2_000, 20_000) for product in self.variants}

    def records(self) -> list[Record]:
        self._catalogue()
        people = [self._person(number) for number in range(self.plan.people)]
        shares = [self.random.expovariate(1) for _ in people]
        total = sum(shares)
        for person, share in zip(people, shares, strict=True):
            self._live(person, max(2, round(self.plan.events * share / total)))
        return number_records(self.made, self.plan.partitions)

    # The shop's side.

    def _catalogue(self) -> None:
        plan, random = self.plan, self.random
        for product, variants in self.variants.items():
            for variant in variants:
                kind = random.random()
                at = plan.start + len(self.made)
                if kind < 0.8:
                    self._news(at, product, variant, "product_published", random.choice((0, 5, 9)))
                elif kind < 0.9:
                    self._news(at, product, variant, "price_change", 0)
        busy = sorted(
            random.sample(range(1_000, plan.duration), min(plan.news, plan.duration // 2))
        )
        for offset in busy:
            product = random.choice(list(self.variants))
            variant = random.choice(self.variants[product])
            change = random.choices(
                ("price_change", "stock_change", "product_unpublished", "product_published"),
                (10, 10, 1, 2),
            )[0]
            quantity = random.choice((0, 0, 0, 1, 2, 7))
            self._news(plan.start + offset, product, variant, change, quantity)

    def _news(self, at: int, product: str, variant: str | None, kind: str, quantity: int) -> None:
        at = self._outside_pauses(at)
        base = self.base[product]
        price = round(base * self.random.choice((0.5, 0.7, 0.8, 0.9, 0.96, 1.0, 1.1)))
        if self.random.random() < 0.4:
            self.base[product] = base = max(100, round(base * 0.93))
        event: dict[str, Any] = {"type": kind, "event_id": self._id(), "product_id": product}
        event["occurred_at"] = at - self.random.choice((0, 0, 0, 5, 400))
        if variant is not None:
            event["variant_id"] = variant
        if kind == "price_change":
            event.update(price=price, currency="PLN")
        elif kind == "stock_change":
            event.update(quantity=quantity)
        elif kind == "product_published":
            name = HUGE_NAME if self.random.random() < self.plan.huge_names else f"Thing {product}"
            event.update(name=name, category="things", url="https://shop.example/p")
            event.update(price=price, currency="PLN", quantity=quantity)
        self.made.append({"topic": "shop.catalog", "key": product, "value": event, "at": at})

    # The shoppers' side.

    def _person(self, number: int) -> _Person:
        random = self.random
        kind = random.random()
        user = f"u{self.plan.seed}-{number}"
        visitors = [] if kind < 0.35 else [f"a{self.plan.seed}-{number}"]
        if kind > 0.85:
            visitors.append(f"b{self.plan.seed}-{number}")
        person = _Person(user, visitors, random.random() < 0.3, random.choice(self.plan.zones))
        for visitor in visitors:
            if random.random() < self.plan.logins:
                person.logins[visitor] = self._any_time()
        self._subscribe(person)
        return person

    def _any_time(self) -> int:
        return self.plan.start + self.random.randrange(500, self.plan.duration)

    def _subscribe(self, person: _Person) -> None:
        random = self.random
        if random.random() < 0.1:
            return
        for owner in person.visitors or [person.user]:
            key = owner
            at = self.plan.start + random.randrange(0, 400)
            if random.random() < 0.15:
                at = self._any_time()
            if key in person.logins and at >= person.logins[key]:
                key = person.user
            name = f"s-{key}"
            self._subscription(person, key, name, at, ended=False)
            if random.random() < 0.1:
                end = at + random.randrange(1_000, self.plan.duration)
                if end < person.logins.get(key, end + 1) - self.plan.disorder:
                    self._subscription(person, key, name, end, ended=True)

    def _subscription(self, person: _Person, key: str, name: str, at: int, *, ended: bool) -> None:
        at = self._free(self._outside_pauses(at), person.recorded)
        value = {
            "subscription_id": name,
            "user_id": key,
            "endpoint": f"https://push.example/{name}",
            "p256dh": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA",
            "auth": "tBHItJI5svbpez7KI4CCXg",
            "created_at": at,
            "last_seen_at": at,
        }
        self.made.append(
            {
                "topic": "push.subscriptions",
                "key": key,
                "subscription_id": name,
                "value": None if ended else value,
                "at": at,
            }
        )

    def _live(self, person: _Person, events: int) -> None:
        for visitor, at in person.logins.items():
            kind = self.random.choice(("login", "sign_up"))
            self._act(person, visitor, at, {"type": kind, "user_id": person.user}, login=True)
            if self.random.random() < 0.1:
                later = at + self.random.randrange(1_000, 20_000)
                self._act(
                    person, visitor, later, {"type": "login", "user_id": person.user}, login=True
                )
        left = events
        at = self.plan.start + self.random.randrange(500, max(10_000, self.plan.duration // 2))
        end = self.plan.start + self.plan.duration
        while left > 0:
            if at >= end:
                at = self._any_time()
            key = self._who(person, at)
            for wait, event in self._scene(person):
                at += wait
                self._act(person, self._who_next(person, key, at), at, event)
                left -= 1
            at += int(self.random.expovariate(1 / self.plan.pace)) + 1

    def _who(self, person: _Person, at: int) -> str:
        keys = [v for v in person.visitors if at < person.logins.get(v, at + 1)]
        if not keys or person.known_from_start or self.random.random() < 0.2:
            keys.append(person.user)
        return self.random.choice(keys)

    def _who_next(self, person: _Person, key: str, at: int) -> str:
        if key in person.logins and at >= person.logins[key] and self.random.random() < 0.9:
            return person.user
        return key

    def _product(self) -> dict[str, Any]:
        product = self.random.choice(list(self.variants))
        variant = self.random.choice(self.variants[product])
        named: dict[str, Any] = {"product_id": product}
        if variant is not None and self.random.random() < 0.85:
            named["variant_id"] = variant
        return named

    def _price(self, named: dict[str, Any]) -> int:
        return round(self.base[named["product_id"]] * self.random.choice((0.9, 1.0, 1.2)))

    def _scene(self, person: _Person) -> list[tuple[int, dict[str, Any]]]:
        """(wait before it, event): something a shopper does in a row."""
        random = self.random
        named = self._product()
        add = {"type": "add_to_cart", **named, "quantity": random.randrange(1, 4)}
        add.update(price=self._price(named), currency="PLN")
        look = {"type": "page_view", "url": "https://shop.example/"}
        near = random.choice((-2_500, -800, -1, 0, 1, 800, 2_500))
        scene = random.randrange(20)
        pause = random.randrange(200, 3_000)
        if scene < 4:
            return [(0, add)]
        if scene < 6:
            return [(0, add), (self.plan.cart_wait + near, self._buy(person, [named]))]
        if scene < 8:
            checkout = {"type": "begin_checkout"}
            if random.random() < 0.4:
                return [(0, add), (pause, checkout)]
            wait = self.plan.checkout_wait + near
            return [(0, add), (pause, checkout), (wait, self._buy(person, [named]))]
        if scene == 8:
            return [(0, {"type": "begin_checkout"})]
        if scene == 9:
            return [
                (0, self._buy(person, [self._product() for _ in range(random.randrange(1, 3))]))
            ]
        if scene == 10:
            gone = {"type": "remove_from_cart", **named}
            if random.random() < 0.4:
                gone["quantity"] = random.randrange(1, 3)
            return [(0, add), (pause, gone)]
        if scene == 11:
            return [(0, self._snapshot())]
        if scene == 12:
            return [(0, look), (self.plan.cart_wait + near, look)]
        return [(0, self._interest(person, named))]

    def _snapshot(self) -> dict[str, Any]:
        lines = {}
        for _ in range(self.random.randrange(0, 3)):
            named = self._product()
            lines[named["product_id"], named.get("variant_id")] = named
        items = [
            {**named, "quantity": self.random.randrange(1, 3), "price": self._price(named)}
            for named in lines.values()
        ]
        return {"type": "cart_snapshot", "items": items, "currency": "PLN"}

    def _interest(self, person: _Person, named: dict[str, Any]) -> dict[str, Any]:
        random = self.random
        kind = random.randrange(16)
        priced = {"price": self._price(named)} if random.random() < 0.5 else {}
        if kind < 5:
            view = {"type": "view_item", **named, **priced}
            if random.random() < 0.3:
                view["available"] = random.random() < 0.5
            return view
        if kind < 8:
            return {"type": "add_to_wishlist", **named, **priced}
        if kind == 8:
            return {"type": "remove_from_wishlist", **named}
        if kind < 11:
            return {"type": "stock_alert_requested", **named}
        if kind == 11:
            granted = random.random() < 0.5
            purpose = random.choice(("marketing", "service", "profiling"))
            return {"type": "consent_change", "purpose": purpose, "granted": granted}
        order = random.choice(person.orders or ["o-none"])
        if kind == 12:
            status = random.choice(("packed", "dispatched", "delivered", "ready_for_pickup"))
            return {"type": "order_status", "order_id": order, "status": status}
        if kind == 13:
            return {"type": "refund", "order_id": order}
        if kind == 14:
            return {"type": "payment_failed", "order_id": order}
        if random.random() < 0.03:
            return {"type": "erasure_requested"}
        return {"type": "search", "query": "lamp"}

    def _buy(self, person: _Person, products: list[dict[str, Any]]) -> dict[str, Any]:
        order = f"o{self.plan.seed}-{self.count}"
        self.count += 1
        person.orders.append(order)
        items = [{**named, "quantity": 1, "price": self._price(named)} for named in products]
        return {
            "type": "purchase",
            "order_id": order,
            "items": items,
            "value": sum(item["price"] for item in items),
            "currency": "PLN",
        }

    def _act(
        self, person: _Person, key: str, at: int, event: dict[str, Any], *, login: bool = False
    ) -> None:
        plan, random = self.plan, self.random
        if at >= plan.start + plan.duration:
            return
        at = self._free(self._outside_pauses(at), person.used)
        recorded = at + random.randrange(0, 120)
        draw = random.random()
        if draw < plan.late:
            recorded += random.randrange(5_000, plan.late_by)
        elif draw < plan.late + plan.out_of_order:
            recorded += random.randrange(0, plan.disorder)
        elif draw > 1 - plan.ahead:
            recorded -= random.randrange(0, 400)
        recorded = self._free(self._outside_pauses(max(plan.start, recorded)), person.recorded)
        value: dict[str, Any] = {"event_id": self._id(), "occurred_at": at, **event}
        value["timezone"] = person.zone
        if key != person.user:
            value["anonymous_id"] = key
        else:
            value["user_id"] = key
        record = {"topic": "shop.events", "key": key, "value": value, "at": recorded}
        self.made.append(record)
        if random.random() < plan.duplicates:
            again = self._free(
                self._outside_pauses(recorded + random.randrange(1, 900)), person.recorded
            )
            self.made.append({**record, "at": again})

    def _free(self, at: int, used: set[int]) -> int:
        while at in used:
            at += 1
        used.add(at)
        return at

    def _outside_pauses(self, at: int) -> int:
        for since, until in self.plan.pauses:
            if since <= at < until:
                return until + (at - since) % 997
        return at

    def _id(self) -> str:
        self.count += 1
        return f"e{self.plan.seed}-{self.count}"


def moved(records: list[Record], by: int) -> list[Record]:
    """The same life ``by`` ms later."""
    return [
        {
            **record,
            "at": record["at"] + by,
            "value": record["value"]
            and {
                field: value + by if field in _TIMES else value
                for field, value in record["value"].items()
            },
        }
        for record in records
    ]


_TIMES = ("occurred_at", "created_at", "last_seen_at")


def number_records(records: list[Record], partitions: int) -> list[Record]:
    """Gives each its partition and its place there."""
    ordered = sorted(records, key=lambda record: record["at"])
    for offset, record in enumerate(ordered):
        record["partition"] = partition_of(record["key"], partitions)
        record["offset"] = offset
    return ordered


def with_interactions(
    records: list[Record], decisions: list[dict[str, Any]], seed: int, partitions: int
) -> list[Record]:
    """Some of what was sent is shown, clicked or closed a little later."""
    random = Random(seed)
    more = []
    for decision in decisions:
        if decision["outcome"] != "sent" or random.random() > 0.3:
            continue
        at = decision["decided_at"] + random.randrange(100, 6_000)
        value = {
            "type": random.choice(("displayed", "clicked", "clicked", "dismissed")),
            "job_id": decision["decision_id"],
            "user_id": decision["user_id"],
            "subscription_id": "s-any",
            "scenario": decision["scenario"],
            "occurred_at": at,
        }
        record = {"topic": "push.interactions", "key": decision["user_id"], "value": value}
        more.append({**record, "at": at + random.randrange(0, 50)})
    return number_records([*records, *more], partitions)
