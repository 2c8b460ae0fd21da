"""What shoppers do in a row, drawn by a seed: how a life is planned, and its single scenes."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

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
class Person:
    user: str
    visitors: list[str]
    known_from_start: bool
    zone: str
    used: set[int] = field(default_factory=set)
    recorded: set[int] = field(default_factory=set)
    logins: dict[str, int] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)


class Scenes:
    """``variants`` and ``base``: the products, and what each costs just now (minor units)."""

    def __init__(self, plan: Plan, random: Random) -> None:
        self.plan = plan
        self.random = random
        self.count = 0
        self.variants = {
            f"p{n}": ["s", "l"] if random.random() < 0.3 else [None] for n in range(plan.products)
        }
        self.base = {product: random.randrange(2_000, 20_000) for product in self.variants}

    def event_id(self) -> str:
        self.count += 1
        return f"e{self.plan.seed}-{self.count}"

    def _product(self) -> dict[str, Any]:
        product = self.random.choice(list(self.variants))
        variant = self.random.choice(self.variants[product])
        named: dict[str, Any] = {"product_id": product}
        if variant is not None and self.random.random() < 0.85:
            named["variant_id"] = variant
        return named

    def _price(self, named: dict[str, Any]) -> int:
        return round(self.base[named["product_id"]] * self.random.choice((0.9, 1.0, 1.2)))

    def play(self, person: Person) -> list[tuple[int, dict[str, Any]]]:
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

    def _interest(self, person: Person, named: dict[str, Any]) -> dict[str, Any]:
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

    def _buy(self, person: Person, products: list[dict[str, Any]]) -> dict[str, Any]:
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
