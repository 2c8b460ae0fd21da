"""A shop's tables with known answers: what the figures and the sample queries are held against.

The period is 30 days from :data:`START`. Everything is counted by hand in ``test_report.py``.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from nudge.export.files import Format, TableFile
from nudge.export.tables import TABLES
from nudge.report.data import Period
from schemas.topics import (
    ATTRIBUTIONS,
    DECISIONS,
    INTERACTIONS,
    RESULTS,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
    Topic,
)

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = 1_775_001_600_000
"""2026-04-01, 00:00 UTC."""
PERIOD = Period(START, START + 30 * DAY)
AGENTS = (
    "Mozilla/5.0 (X11) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 Chrome/141.0 Safari/537.36",
)


@dataclass
class Raw:
    """As much of a Kafka record as a table looks at."""

    key: bytes
    value: bytes | None
    timestamp: int
    offset: int
    partition: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def scenario_of(job: str) -> str:
    """The first part of a made decision's id."""
    return job.partition("-")[0]


class MadeShop:
    """Gathers records and writes them as ``nudge tap all`` does."""

    def __init__(self) -> None:
        self.records: defaultdict[Topic, list[Raw]] = defaultdict(list)
        self._numbers = count()

    def tell(self, topic: Topic, key: str, at: int, value: dict[str, Any] | None) -> None:
        raw = None if value is None else orjson.dumps(value)
        self.records[topic].append(Raw(key.encode(), raw, at, next(self._numbers)))

    def event(self, type_: str, user: str | None, at: int, **more: Any) -> None:
        who = {"user_id": user} if user else {}
        said = {"type": type_, "event_id": f"e-{next(self._numbers)}", "occurred_at": at}
        key = more.get("anonymous_id") or user
        self.tell(SHOP_EVENTS, str(key if type_ == "login" else user or key), at, said | who | more)

    def order(self, user: str | None, order: str, at: int, value: int, **more: Any) -> None:
        items = [{"product_id": "tea", "price": value // 2, "quantity": 2}]
        self.event("purchase", user, at, order_id=order, items=items, value=value,
                   **{"currency": "PLN"} | more)  # fmt: skip

    def subscribe(self, user: str, subscription: str, at: int, agent: str) -> None:
        held = {"subscription_id": subscription, "user_id": user, "created_at": at,
                "endpoint": "https://push.example/x", "p256dh": "p", "auth": "a",
                "last_seen_at": at, "user_agent": agent}  # fmt: skip
        self.tell(SUBSCRIPTIONS, f"{user}/{subscription}", at, held)

    def unsubscribe(self, user: str, subscription: str, at: int) -> None:
        self.tell(SUBSCRIPTIONS, f"{user}/{subscription}", at, None)

    def decide(self, user: str, scenario: str, at: int, outcome: str, reason: str,
               **more: Any) -> str:  # fmt: skip
        number = f"{scenario}-{user}"
        job = {"job_id": number} if outcome == "sent" else {}
        said = {"decision_id": number, "user_id": user, "scenario": scenario, "step": 1,
                "due_at": at, "decided_at": at, "outcome": outcome, "reason": reason,
                "final": True, "scenario_version": "v1"}  # fmt: skip
        self.tell(DECISIONS, user, at, said | job | more)
        return number

    def result(self, user: str, subscription: str, job: str, at: int, outcome: str,
               kind: str = "marketing") -> None:  # fmt: skip
        said = {"job_id": job, "user_id": user, "subscription_id": subscription,
                "scenario": scenario_of(job), "message_class": kind, "outcome": outcome,
                "attempt": 1, "at": at, "origin": "https://push.example"}  # fmt: skip
        self.tell(RESULTS, user, at, said)

    def react(self, user: str, subscription: str, job: str, at: int, kind: str) -> None:
        said = {"type": kind, "job_id": job, "user_id": user, "subscription_id": subscription,
                "scenario": scenario_of(job), "occurred_at": at}  # fmt: skip
        self.tell(INTERACTIONS, user, at, said)

    def credit(self, user: str, order: str, job: str, at: int, value: int, touch: str = "click",
               cause: str = "order") -> None:  # fmt: skip
        said = {"user_id": user, "order_id": order, "job_id": job, "scenario": scenario_of(job),
                "touch": touch, "cause": cause, "value": value, "currency": "PLN", "at": at,
                "touched_at": at - MINUTE}  # fmt: skip
        self.tell(ATTRIBUTIONS, user, at, said)

    def write(self, directory: Path, format_: Format = Format.PARQUET) -> None:
        for topic, table in TABLES.items():
            path = directory / f"{topic.name}.{format_}"
            with TableFile(path, format_, table.columns) as file:
                for record in self.records[topic]:
                    file.write(table.row(record))


def made_shop() -> MadeShop:
    """The whole of it."""
    shop = MadeShop()
    _customers(shop)
    _messages(shop)
    _others(shop)
    _reach(shop)
    # What Kafka may hold twice, or an export hold in two files.
    shop.records[DECISIONS] += shop.records[DECISIONS][:3]
    shop.records[SHOP_EVENTS] += shop.records[SHOP_EVENTS][:3]
    return shop


def _customers(shop: MadeShop) -> None:
    """118 customers at the start, of whom 76 buy again; 12 of the others come and do not buy."""
    shop.event("page_view", "first", START - 30 * DAY, url="https://shop.example")
    for number in range(118):
        user = f"c{number:03}"
        shop.order(user, f"old-{user}", START - 10 * DAY, 10_000)
        if number < 76:
            shop.order(user, f"new-{user}", START + 20 * DAY, 20_000)
        elif number < 88:
            shop.event("page_view", user, START + DAY, url="https://shop.example")
        else:
            shop.event("email_ignored", user, START + DAY)  # what the shop says is no visit
    # Two orders of one person: as a guest, who logs in afterwards, and as themselves.
    shop.order(None, "new-guest", START + DAY, 20_000, anonymous_id="guest")
    shop.event("login", "known", START + DAY + HOUR, anonymous_id="guest")
    shop.order("known", "new-known", START + 2 * DAY, 20_000)


def _messages(shop: MadeShop) -> None:
    """100 messages of one scenario: 95 delivered, 80 seen, 20 clicked, 8 orders, one more seen."""
    at = START + 5 * DAY
    for number in range(100):
        user, browser = f"u{number:03}", f"b{number:03}"
        shop.subscribe(user, browser, START - DAY, AGENTS[number % 2])
        arm = {"arm": "short" if number < 40 else "long"}
        job = shop.decide(user, "cart_abandoned", at, "sent", "ok", **arm)
        outcome = "delivered" if number < 95 else "expired"
        shop.result(user, browser, job, at + 1000, outcome)
        if number < 80 and number != 3:  # the report of one display was lost
            shop.react(user, browser, job, at + 2000, "displayed")
        if number < 20:
            shop.react(user, browser, job, at + MINUTE, "clicked")
        if number < 9:
            order = f"u-{user}"
            shop.order(user, order, at + HOUR, 10_000)
            if number < 8:
                shop.credit(user, order, job, at + HOUR, 10_000)
            else:
                shop.credit(user, "u-u008", job, at + HOUR, 10_000, touch="view")
    # One order paid back in part, one whole.
    shop.event("refund", "u000", at + 2 * DAY, order_id="u-u000", value=2_500)
    shop.credit("u000", "u-u000", "cart_abandoned-u000", at + 2 * DAY, -2_500, cause="refund")
    shop.event("refund", "u001", at + 2 * DAY, order_id="u-u001")
    shop.credit("u001", "u-u001", "cart_abandoned-u001", at + 2 * DAY, -10_000, cause="refund")
    for number in range(40):
        user = f"h{number:03}"
        shop.decide(user, "cart_abandoned", at, "withheld", "holdout",
                    evidence={"would_have": "sent"})  # fmt: skip
        if number == 0:
            shop.order(user, f"h-{user}", at + HOUR, 10_000)
    shop.decide("h100", "cart_abandoned", at, "withheld", "holdout",
                evidence={"would_have": "frequency_cap"})  # fmt: skip


def _others(shop: MadeShop) -> None:
    """Silences, an order's confirmation, and messages outside the period."""
    at = START + 6 * DAY
    for number in range(5):
        shop.decide(f"q{number}", "price_drop", at, "dropped", "quiet_hours")
    job = shop.decide("known", "order_confirmed", START + 2 * DAY, "sent", "ok")
    shop.result("known", "b-known", job, START + 2 * DAY, "delivered", "transactional")
    shop.decide("q9", "price_drop", START - 1, "sent", "ok")
    shop.decide("q8", "price_drop", PERIOD.until, "sent", "ok")
    # The credit for an order that moved to a click which came to light later.
    first = shop.decide("m", "price_drop", at, "sent", "ok")
    second = shop.decide("m", "wishlist", at + HOUR, "sent", "ok")
    shop.order("m", "m-1", at + 2 * HOUR, 5_000, currency="EUR")
    for job, value, cause in ((first, 5_000, "order"), (first, -5_000, "corrected"),
                              (second, 5_000, "corrected")):  # fmt: skip
        shop.credit("m", "m-1", job, at + 2 * HOUR, value, cause=cause)
    shop.react("m", "b-m", second, at + HOUR + MINUTE, "clicked")
    for record in shop.records[ATTRIBUTIONS][-3:]:
        assert record.value is not None
        record.value = record.value.replace(b'"PLN"', b'"EUR"')


def _reach(shop: MadeShop) -> None:
    at = START + 5 * DAY
    shop.unsubscribe("u010", "b010", at + 2 * HOUR)  # after a message
    shop.result("u011", "b011", "price_drop-u011", at + 9 * DAY, "gone")
    shop.unsubscribe("u011", "b011", at + 9 * DAY)  # found gone, long after
    shop.event("consent_change", "u012", at + 3 * HOUR, purpose="marketing", granted=False)
    shop.subscribe("guest", "b-guest", START + DAY, AGENTS[0])  # a visitor, who logs in
    shop.unsubscribe("guest", "b-guest", START + DAY + HOUR)
    shop.subscribe("known", "b-guest", START + DAY + HOUR, AGENTS[0])
    shop.subscribe("u013", "b-second", at + 2 * HOUR, AGENTS[1])  # after a click
    _prompts(shop, at)


def _prompts(shop: MadeShop, at: int) -> None:
    """Four are asked in the cart, one of them twice: two agree; and one by a button of the shop."""
    answers = {
        "u014": ("shown", "accepted", "granted"),
        "u015": ("shown", "accepted", "denied"),
        "u016": ("shown", "declined", "shown", "accepted", "granted"),
        "u017": ("shown",),
    }
    for user, steps in answers.items():
        for step in steps:
            shop.event("push_prompt", user, at, prompt="cart", step=step)
    shop.event("push_prompt", "u018", at, prompt="button", step="dismissed")
    shop.event("push_prompt", "u019", START - DAY, prompt="button", step="granted")


def documents(page: str) -> Iterator[tuple[str, str]]:
    """(heading, SQL) of every query of a Markdown page."""
    heading, lines, inside = "", list[str](), False
    for line in page.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line == "```sql":
            inside, lines = True, []
        elif line == "```" and inside:
            inside = False
            yield heading, "\n".join(lines)
        elif inside:
            lines.append(line)
