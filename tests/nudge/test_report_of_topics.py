"""``nudge report`` over the topics themselves."""

import time
from typing import Any

from runtime.settings import KafkaSettings
from tests.harness.records import Sent, produce
from tests.nudge.commands import nudge
from tests.nudge.made_shop import DAY, HOUR, MadeShop


async def told(cluster: KafkaSettings, made: MadeShop, since: str) -> Any:
    """What the report says of a shop whose records stand in the topics."""
    for topic, records in made.records.items():
        await produce(cluster, topic, [Sent(r.key.decode(), r.value, r.timestamp) for r in records])
    return (await nudge(cluster, "report", "--since", since, "--json")).good().json()


async def test_who_bought_long_before_the_period_is_known(cluster: KafkaSettings) -> None:
    now, made = time.time_ns() // 1_000_000, MadeShop()
    made.order("anna", "A-1", now - 20 * DAY, 5_000)
    made.order("anna", "A-2", now - HOUR, 7_500)
    assert [row["ltv"] for row in (await told(cluster, made, "7d"))["lifetime"]] == [12_500]


async def test_a_message_is_followed_from_its_decision_to_its_order(cluster: KafkaSettings) -> None:
    now, made = time.time_ns() // 1_000_000, MadeShop()
    made.subscribe("anna", "b", now - 3 * HOUR, "Firefox/140.0")
    job = made.decide("anna", "cart_abandoned", now - 2 * HOUR, "sent", "ok")
    made.result("anna", "b", job, now - 2 * HOUR, "delivered")
    made.react("anna", "b", job, now - HOUR, "clicked")
    made.order("anna", "A-1", now - HOUR, 1990)
    made.credit("anna", "A-1", job, now - HOUR, 1990)
    report = await told(cluster, made, "1d")
    (row,) = report["funnel"]
    assert [row[name] for name in ("sent", "delivered", "clicked", "bought")] == [1, 1, 1, 1]
    assert report["revenue"][0]["net"] == 1990
    assert report["browsers"][0]["browser"] == "Firefox"
    assert report["notes"], "the topics hold no preceding period"
