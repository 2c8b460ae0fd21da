"""A shop of one partition, told things by hand: for tests of the core."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from processors.catalogue import Catalogue
from processors.desk import NEVER_QUIET
from processors.effects import Effects
from processors.fold import fold
from processors.inputs import (
    EVENT_RANK,
    HANDOVER_RANK,
    SUBSCRIPTION_RANK,
    FactRecord,
    Input,
    Source,
    Tick,
    UserRecord,
    UserValue,
)
from processors.partition import Partition
from processors.profile import Profile
from processors.rows import decode
from processors.rule_book import RuleBook
from processors.rules import Rules
from processors.scenario_file import load
from processors.table import ProfileTable
from schemas.adapters import SHOP_EVENT, dump, to_json
from schemas.decisions import Decision
from schemas.people import HandoverEvent, Subscription, subscription_id_of, subscription_key
from schemas.products import Product
from schemas.structs import ShopEvent, key_of, read_catalog_event, struct_of
from tests.timelines.stories import ALWAYS, SHIPPED

NOON = 1_781_085_600_000
"""2026-06-10 12:00 in Warsaw."""
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def shipped_rules() -> Rules:
    return load(SHIPPED.read_text(), str(SHIPPED))


def first_rules(text: str = "") -> Rules:
    """Of the shipped file (or ``text``) those scenarios that take part in every story."""
    return only(load(text or SHIPPED.read_text()), ALWAYS)


def only(rules: Rules, names: Iterable[str]) -> Rules:
    """The rules with these scenarios alone, and nobody in the holdout."""
    kept = {name: rules.scenarios[name] for name in names}
    opening = {
        kind: tuple(scenario for scenario in scenarios if scenario.name in kept)
        for kind, scenarios in rules.opening.items()
    }
    news = tuple(scenario for scenario in rules.news if scenario.name in kept)
    quiet = tuple(scenario for scenario in rules.quiet if scenario.name in kept)
    policy = rules.policy.model_copy(update={"holdout": 0})
    return replace(
        rules,
        policy=policy,
        scenarios=kept,
        opening=opening,
        news=news,
        quiet=quiet,
        first_quiet=min((scenario.earliest for scenario in quiet), default=NEVER_QUIET),
    )


def book_of(rules: Rules) -> RuleBook:
    book = RuleBook()
    book.add(rules, 0)
    return book


def event(type_: str, at: int, user: str | None = "ann", **fields: Any) -> ShopEvent:
    """A valid event; its id is its type and time unless given."""
    plain = {"type": type_, "event_id": f"{type_}/{at}", "occurred_at": at, **fields}
    if user is not None:
        plain.setdefault("user_id", user)
    return struct_of(SHOP_EVENT.validate_python(plain))


def cart(at: int, user: str = "ann", product: str = "lamp", price: int = 4999) -> ShopEvent:
    fields = {"product_id": product, "price": price, "currency": "PLN"}
    return event("add_to_cart", at, user, **fields)


def browser(user: str, name: str, at: int) -> Subscription:
    endpoint = f"https://push.example/{name}"
    return Subscription(
        subscription_id=subscription_id_of(endpoint, "key", "secret"), user_id=user,
        endpoint=endpoint, p256dh="key", auth="secret", created_at=at, last_seen_at=at,
    )  # fmt: skip


class Shop:
    """Collects what is decided. Everything counts as recorded when it occurred, unless told."""

    def __init__(
        self,
        rules: Rules | None = None,
        *,
        reachable: bool = True,
        table: ProfileTable | None = None,
        catalogue: Catalogue | None = None,
        slice_size: int = 500,
        write_after: int = 0,
    ) -> None:
        self.catalogue = Catalogue() if catalogue is None else catalogue
        rows = ProfileTable() if table is None else table
        self.core = Partition(
            0, 1, book_of(rules or first_rules()), self.catalogue, rows,
            slice_size=slice_size, assume_reachable=reachable, write_after=write_after,
        )  # fmt: skip
        self.products: dict[str, Product] = {}
        self.offset = 0
        self.decisions: list[Decision] = []
        self.effects: list[Effects] = []

    def step(self, *inputs: Input, tick: Tick | None = None) -> Effects:
        effects = self.core.step(inputs, tick)
        self.effects.append(effects)
        self.decisions += [made.decision for made in effects.decisions]
        return effects

    def record(self, value: ShopEvent, recorded_at: int | None = None) -> UserRecord:
        key = key_of(value)
        assert key is not None
        at = value.occurred_at if recorded_at is None else recorded_at
        return self.user_record(EVENT_RANK, key, value, at)

    def user_record(self, rank: int, key: str, value: UserValue | None, at: int) -> UserRecord:
        self.offset += 1
        return UserRecord(
            rank=rank, key=key, value=value, recorded_at=at, arrived_at=at,
            source=Source("told", 0, self.offset),
        )  # fmt: skip

    def tell(self, *events: ShopEvent) -> Effects:
        """One step with these events, and no tick."""
        return self.step(*(self.record(event) for event in events))

    def subscribe(self, user: str, name: str, at: int) -> Effects:
        value = browser(user, name, at)
        key = subscription_key(user, value.subscription_id)
        return self.step(self.user_record(SUBSCRIPTION_RANK, key, value, at))

    def tick(self, clock: int, now: int = 0) -> Effects:
        return self.step(tick=Tick(clock, now))

    def fact(self, type_: str, at: int, product: str = "lamp", **fields: Any) -> FactRecord:
        """A catalogue event, folded; it must change something."""
        plain = {"type": type_, "event_id": f"{type_}/{at}", "occurred_at": at, **fields}
        known = self.products.get(product)
        folded = fold(known, read_catalog_event(to_json(plain | {"product_id": product})))
        assert folded is not None
        self.products[product] = folded
        self.offset += 1
        self.catalogue.append(product, 0, self.offset, at, dump(folded))
        return FactRecord(product, at, Source("nudge-products", 0, self.offset))

    def hand_on(self, effects: Effects) -> Effects:
        """Tells the core the handovers and subscriptions that it wrote, as its inputs do."""
        inputs: list[UserRecord] = []
        for moved in effects.subscriptions:
            key = subscription_key(moved.user_id, moved.subscription_id)
            inputs.append(self.user_record(SUBSCRIPTION_RANK, key, moved.subscription, 0))
        for sent in effects.handovers:
            handover = sent.handover
            at = handover.recorded_at if isinstance(handover, HandoverEvent) else sent.place
            inputs.append(self.user_record(HANDOVER_RANK, handover.user_id, handover, at))
        return self.step(*inputs)

    def profile(self, user: str) -> Profile:
        row = self.core.table.get(user.encode())
        assert row is not None
        return decode(row)

    def said(self) -> list[tuple[str, str, str, str]]:
        """(user, scenario, outcome, reason) of every decision so far."""
        return [(d.user_id, d.scenario, d.outcome.value, d.reason.value) for d in self.decisions]
