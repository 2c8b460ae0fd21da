"""The shipped core in the engine: what a shopper does becomes jobs and decisions."""

import sys
from datetime import UTC, datetime

import pytest

from runtime.settings import KafkaSettings
from schemas.partitioner import partition_of
from schemas.people import Subscription, subscription_key
from schemas.topics import DECISIONS, JOBS, SHOP_CATALOG, SHOP_EVENTS, SUBSCRIPTIONS
from tests.harness.records import Sent, produce, read_to_end
from tests.harness.waiting import eventually
from tests.streams.conftest import SHIPPED, apply_scenarios
from tests.streams.shoppers import now_ms
from tests.streams.workers import workers

pytestmark = pytest.mark.timeout(300)

REAL = (
    sys.executable, "-c",
    "from streams.settings import StreamsSettings; from streams.worker import run_worker;"
    " run_worker(StreamsSettings())",
)  # fmt: skip
QUICK_CART = SHIPPED.read_text().replace(
    "- {wait: 20m, copy: cart_abandoned}", "- {wait: 3s, copy: cart_abandoned}"
)


def at_noon() -> str:
    """A timezone in which it is about noon, so that no test falls into quiet hours."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}"


def event(user: str, kind: str, **fields: object) -> Sent:
    at = now_ms()
    value = {
        "type": kind, "event_id": f"{user}-{kind}", "user_id": user, "occurred_at": at,
        "timezone": at_noon(), **fields,
    }  # fmt: skip
    return Sent(user, value, at=at)


def carted(user: str) -> Sent:
    return event(user, "add_to_cart", product_id="p-1", price=19_900, currency="PLN")


def subscribed(user: str) -> Sent:
    at = now_ms()
    subscription = Subscription(
        subscription_id=f"s-{user}", user_id=user, endpoint="https://push.example/abcdef",
        p256dh="p" * 87, auth="a" * 22, created_at=at, last_seen_at=at,
    )  # fmt: skip
    return Sent(subscription_key(user, f"s-{user}"), subscription, at=at)


async def place(settings: KafkaSettings, users: list[str]) -> None:
    """Subscriptions go to their user's partition, not to that of their own key."""
    records = []
    for user in users:
        sent = subscribed(user)
        records.append(Sent(sent.key, sent.value, sent.at, partition=partition_of(user, 4)))
    await produce(settings, SUBSCRIPTIONS, records)


async def test_an_abandoned_cart_becomes_a_job_and_a_bought_one_stays_silent(
    cluster: KafkaSettings,
) -> None:
    await apply_scenarios(cluster, QUICK_CART)
    with workers(cluster) as crew:
        worker = crew.start(REAL)
        await eventually(lambda: "partitions_taken" in worker.log, 90)
        await place(cluster, ["leaver", "buyer"])
        item = {"product_id": "p-1", "quantity": 1, "price": 19_900}
        published = {
            "type": "product_published", "event_id": "p", "product_id": "p-1",
            "occurred_at": now_ms(), "name": "Lamp", "category": "light",
            "url": "https://shop.example/p-1", "price": 19_900, "currency": "PLN",
        }  # fmt: skip
        await produce(cluster, SHOP_CATALOG, [Sent("p-1", published, at=now_ms())])
        await produce(
            cluster,
            SHOP_EVENTS,
            [
                carted("leaver"),
                carted("buyer"),
                event("buyer", "purchase", order_id="o-1", items=[item], value=19_900,
                      currency="PLN"),
            ],
        )  # fmt: skip
        await eventually(lambda: _decided(cluster), 90)
        jobs = [job.json() for job in await read_to_end(cluster, JOBS)]
    spoken = sorted((job["user_id"], job["scenario"]) for job in jobs)
    assert spoken == [("buyer", "order_confirmed"), ("leaver", "cart_abandoned")]


async def _decided(settings: KafkaSettings) -> bool:
    finals = {
        (d["user_id"], d["scenario"]): (d["outcome"], d["reason"])
        for record in await read_to_end(settings, DECISIONS)
        if (d := record.json())["final"]
    }
    assert finals == {
        ("leaver", "cart_abandoned"): ("sent", "ok"),
        ("buyer", "cart_abandoned"): ("dropped", "purchased"),
        ("buyer", "order_confirmed"): ("sent", "ok"),
    }
    return True
