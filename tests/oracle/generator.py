"""A shop's life, drawn by a seed: who comes, what they do, what the shop changes meanwhile.

Everything is planned ahead on one time line (epoch ms), so that a run can play it in real time and
the oracle can read it at leisure. No two records of one person share a millisecond.
"""

from random import Random
from typing import Any

from schemas.partitioner import partition_of
from tests.oracle.scenes import Person, Plan, Scenes

Record = dict[str, Any]

HUGE_NAME = "🛋" * 256
"""Four times over it is more than a push can hold."""


class Generator:
    """``Generator(plan).records()``: what Kafka would hold, in order of the records' time."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = Random(plan.seed)
        self.made: list[Record] = []
        self.scenes = Scenes(plan, self.random)

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
        for product, variants in self.scenes.variants.items():
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
            product = random.choice(list(self.scenes.variants))
            variant = random.choice(self.scenes.variants[product])
            change = random.choices(
                ("price_change", "stock_change", "product_unpublished", "product_published"),
                (10, 10, 1, 2),
            )[0]
            quantity = random.choice((0, 0, 0, 1, 2, 7))
            self._news(plan.start + offset, product, variant, change, quantity)

    def _news(self, at: int, product: str, variant: str | None, kind: str, quantity: int) -> None:
        at = self._outside_pauses(at)
        base = self.scenes.base[product]
        price = round(base * self.random.choice((0.5, 0.7, 0.8, 0.9, 0.96, 1.0, 1.1)))
        if self.random.random() < 0.4:
            self.scenes.base[product] = base = max(100, round(base * 0.93))
        event: dict[str, Any] = {
            "type": kind,
            "event_id": self.scenes.event_id(),
            "product_id": product,
        }
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

    def _person(self, number: int) -> Person:
        random = self.random
        kind = random.random()
        user = f"u{self.plan.seed}-{number}"
        visitors = [] if kind < 0.35 else [f"a{self.plan.seed}-{number}"]
        if kind > 0.85:
            visitors.append(f"b{self.plan.seed}-{number}")
        person = Person(user, visitors, random.random() < 0.3, random.choice(self.plan.zones))
        for visitor in visitors:
            if random.random() < self.plan.logins:
                person.logins[visitor] = self._any_time()
        self._subscribe(person)
        return person

    def _any_time(self) -> int:
        return self.plan.start + self.random.randrange(500, self.plan.duration)

    def _subscribe(self, person: Person) -> None:
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

    def _subscription(self, person: Person, key: str, name: str, at: int, *, ended: bool) -> None:
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

    def _live(self, person: Person, events: int) -> None:
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
            for wait, event in self.scenes.play(person):
                at += wait
                self._act(person, self._who_next(person, key, at), at, event)
                left -= 1
            at += int(self.random.expovariate(1 / self.plan.pace)) + 1

    def _who(self, person: Person, at: int) -> str:
        keys = [v for v in person.visitors if at < person.logins.get(v, at + 1)]
        if not keys or person.known_from_start or self.random.random() < 0.2:
            keys.append(person.user)
        return self.random.choice(keys)

    def _who_next(self, person: Person, key: str, at: int) -> str:
        if key in person.logins and at >= person.logins[key] and self.random.random() < 0.9:
            return person.user
        return key

    def _act(
        self, person: Person, key: str, at: int, event: dict[str, Any], *, login: bool = False
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
        value: dict[str, Any] = {"event_id": self.scenes.event_id(), "occurred_at": at, **event}
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
