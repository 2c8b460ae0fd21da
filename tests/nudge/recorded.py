"""What a shop recorded, as its topics hold it and as ``nudge tap`` writes it."""

from itertools import count
from typing import Any

import orjson

from schemas.adapters import dump
from schemas.campaigns import CampaignStart
from schemas.control import VoucherBatch
from tests.timelines.events import paper_browser

AT = 1_781_085_600_000
"""2026-06-10, 12:00 in Warsaw."""
MINUTE = 60_000
_offsets = count()


def cart(user: str, at: int = AT, **more: Any) -> dict[str, Any]:
    return {"type": "add_to_cart", "event_id": f"{user}-{at}", "user_id": user, "occurred_at": at,
            "product_id": "lamp", "price": 4_999, "currency": "PLN"} | more  # fmt: skip


def order(user: str, at: int = AT) -> dict[str, Any]:
    return {"type": "purchase", "event_id": f"{user}-bought-{at}", "user_id": user,
            "occurred_at": at, "order_id": f"{user}-{at}", "value": 4_999, "currency": "PLN",
            "items": [{"product_id": "lamp", "price": 4_999}]}  # fmt: skip


def tapped(topic: str, key: str | None, value: Any, at: int = AT, **more: Any) -> dict[str, Any]:
    """A record as ``nudge tap --json`` writes it."""
    return {"topic": topic, "partition": 0, "offset": next(_offsets), "timestamp": at, "key": key,
            "headers": {}, "value": value} | more  # fmt: skip


def browser(user: str, at: int = AT - MINUTE, **more: Any) -> dict[str, Any]:
    """A browser of the user's that subscribed."""
    said = orjson.loads(dump(paper_browser(user, user, at)))
    return tapped("push.subscriptions", f"{user}/{said['subscription_id']}", said, at, **more)


SPRING = """
id: spring
segment: all
at: now
copy:
  en: [{title: "Spring: {{ voucher.code }}", body: "Come.", url: "{{ shop.url }}"}]
voucher: spring
"""


def spring(at: int) -> tuple[CampaignStart, VoucherBatch]:
    """A campaign for everybody, started at ``at`` (ms), and the codes that it gives away.

    There are plenty: who gets the last of a stretch hangs on whom a step judges first.
    """
    start = CampaignStart(
        type="campaign_start", campaign_id="spring", at=at, audience=1, yaml=SPRING
    )
    codes = tuple(f"C-{number}" for number in range(4_000))
    return start, VoucherBatch(
        type="vouchers", pool="spring", batch="b1", effective_at=at, codes=codes, value=1_500,
        currency="PLN",
    )  # fmt: skip


def as_tapped(record: dict[str, Any]) -> dict[str, Any]:
    """A record of a life that the oracle's generator drew."""
    key = record["key"]
    if record["topic"] == "push.subscriptions":
        key = f"{key}/{record['subscription_id']}"
    line = tapped(record["topic"], key, None, record["at"], partition=record["partition"])
    value = record["value"]
    return line | {"value": orjson.loads(value) if isinstance(value, bytes) else value}
