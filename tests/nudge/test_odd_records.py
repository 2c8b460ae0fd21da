"""What strangers and other releases write into the topics: shown or left out, never a crash."""

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from runtime.settings import KafkaSettings
from schemas.base import EPOCH_MS_LIMIT
from schemas.topics import DEAD_LETTER, DECISIONS, SHOP_EVENTS, SUBSCRIPTIONS
from tests.harness.records import Sent, produce
from tests.nudge.commands import nudge
from tests.nudge.made_shop import DAY, HOUR, MadeShop

NOW = time.time_ns() // 1_000_000


def event(type_: str, **fields: Any) -> bytes:
    said = {"type": type_, "event_id": "e-1", "user_id": "anna", "occurred_at": NOW}
    return orjson.dumps(said | fields)


async def tap(cluster: KafkaSettings, *words: str) -> list[Any]:
    said = await nudge(cluster, "tap", *words, "--json")
    return said.good().json_lines()


async def test_a_header_without_a_value_is_shown_and_written(cluster: KafkaSettings) -> None:
    seen = Sent("anna", event("page_view", url="x"), headers=(("trace", None),))  # type: ignore[arg-type]
    await produce(cluster, SHOP_EVENTS, [seen])
    (record,) = await tap(cluster, "events", "--from-start")
    assert record["headers"] == {"trace": None}
    words = ("tap", "events", "--from-start", "--format")
    assert "trace" in (await nudge(cluster, *words, "csv")).good().out
    for command in (("report", "--since", "1d", "--json"), ("explain", "anna", "--json")):
        (await nudge(cluster, *command)).good()


async def test_a_number_that_has_no_room_is_refused_and_counted_and_breaks_no_report(
    cluster: KafkaSettings,
) -> None:
    huge = event("profile_update", traits={"card": 1}).replace(b":1}", b":%d}" % 10**29)
    lead = event("reminder_set", reminder_id="r", at=NOW, title="t", lead=[1]).replace(
        b"[1]", b"[%d]" % 10**22
    )
    await produce(cluster, SHOP_EVENTS, [Sent("anna", huge), Sent("anna", lead)])
    told = (await nudge(cluster, "report", "--since", "1d", "--json")).good().json()
    assert any("2 records could not be read" in note for note in told["notes"])


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "America/New_York", "UTC"])
async def test_the_last_millisecond_that_can_be_said_is_shown_everywhere(
    cluster: KafkaSettings, zone: str
) -> None:
    last = event("voucher_issued", code="X", expires_at=EPOCH_MS_LIMIT, occurred_at=EPOCH_MS_LIMIT)
    await produce(cluster, SHOP_EVENTS, [Sent("anna", last)])
    for command in (("tap", "events", "--from-start"), ("explain", "anna", "--since", "1d")):
        answer = await nudge(cluster, *command, TZ=zone)
        assert "9999-12-31" in answer.good().out


async def test_another_releases_reasons_are_told_by_their_names(cluster: KafkaSettings) -> None:
    place = {"topic": "shop.events", "partition": "0", "offset": "0"}
    named = {"nudge-reason": "brand_new", "nudge-error": "e"}
    named |= {f"nudge-{name}": value for name, value in place.items()}
    headers = tuple((name, value.encode()) for name, value in named.items())
    await produce(cluster, DEAD_LETTER, [Sent("anna", b"x", headers=headers)])
    for command in (("tap", "dead-letter", "--from-start"), ("explain", "anna")):
        assert "brand_new" in (await nudge(cluster, *command)).good().out


async def test_a_report_of_the_topics_says_how_many_records_it_could_not_read(
    cluster: KafkaSettings,
) -> None:
    made = MadeShop()
    for number, reason in enumerate(("ok", "brand_new", "brand_new")):
        made.decide(f"u-{number}", "cart_abandoned", NOW - HOUR, "sent", reason)
    records = [Sent(r.key.decode(), r.value, r.timestamp) for r in made.records[DECISIONS]]
    await produce(cluster, DECISIONS, records)
    told = (await nudge(cluster, "report", "--since", "1d", "--json")).good().json()
    assert "2 records could not be read" in " ".join(told["notes"])


async def test_since_goes_by_the_records_time_wherever_they_stand(cluster: KafkaSettings) -> None:
    await produce(
        cluster,
        SHOP_EVENTS,
        [Sent("anna", event("page_view", url="x"), NOW - at) for at in (60_000, 5 * HOUR)],
    )
    (record,) = await tap(cluster, "events", "--since", "1h")
    assert record["timestamp"] == NOW - 60_000


async def test_tables_of_all_topics_hold_browsers_that_subscribed_long_before(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    made = MadeShop()
    made.subscribe("anna", "b", NOW - 70 * DAY, "Firefox/140.0")
    job = made.decide("anna", "cart_abandoned", NOW - 2 * HOUR, "sent", "ok")
    made.result("anna", "b", job, NOW - 2 * HOUR, "delivered")
    for topic, records in made.records.items():
        await produce(cluster, topic, [Sent(r.key.decode(), r.value, r.timestamp) for r in records])
    words = ("--since", "60d", "--format", "jsonl", "--out", str(tmp_path))
    (await nudge(cluster, "tap", "all", *words)).good()
    told = (await nudge(None, "report", str(tmp_path), "--since", "1d", "--json")).good().json()
    assert [row["browser"] for row in told["browsers"]] == ["Firefox"]
    assert len(await tap(cluster, "subscriptions", "--since", "60d")) == 0
    assert (tmp_path / f"{SUBSCRIPTIONS.name}.jsonl").stat().st_size
