"""Events from pages and servers, into Kafka, acknowledged."""

import orjson
import pytest

from schemas.base import EPOCH_MS_LIMIT as END
from schemas.partitioner import partition_of
from schemas.topics import SHOP_EVENTS
from tests.gateway.stage import ORIGIN, PAGE_KEY, SERVER_KEY, Stage, event, identity, now_ms
from tests.harness.clusters import PARTITIONS


async def test_what_was_taken_stands_in_its_shoppers_partition(stage: Stage) -> None:
    page = await stage.page()
    answer = await page.send(
        event(anonymous_id=page.anonymous_id),
        event("search", query="green tea", anonymous_id=page.anonymous_id),
    )
    assert (answer.status, answer.json()) == (202, {"accepted": 2})
    records = await stage.read(SHOP_EVENTS)
    assert [record.json()["type"] for record in records] == ["view_item", "search"]
    for record in records:
        assert record.key == page.anonymous_id
        assert record.partition == partition_of(page.anonymous_id, PARTITIONS)


async def test_a_server_writes_one_event_about_anybody(stage: Stage) -> None:
    body = event("order_status", user_id="ada", order_id="A-1", status="dispatched")
    headers = {"Authorization": f"Bearer {SERVER_KEY}", "Content-Type": "application/json"}
    answer = await stage.post("/v1/events", body, headers)
    assert answer.status == 202, answer
    (record,) = await stage.read(SHOP_EVENTS)
    assert record.key == "ada"


async def test_a_login_goes_to_the_visitors_partition(stage: Stage) -> None:
    page = await stage.page()
    page.identity = identity("ada")
    answer = await page.send(event("login", user_id="ada", anonymous_id=page.anonymous_id))
    assert answer.status == 202, answer
    (record,) = await stage.read(SHOP_EVENTS)
    assert record.key == page.anonymous_id


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"type": "view_item", "product_id": ""}, "invalid", "events.1.product_id"),
        ({"type": "view_itm"}, "unknown_type", "events.1.type"),
        ({"type": "add_to_cart", "product_id": "x", "price": -1, "currency": "PLN"},
         "invalid", "events.1.price"),
        ({"type": "purchase", "order_id": "o", "value": 1, "currency": "PLN",
          "items": [{"product_id": "x", "price": "dear"}]}, "invalid", "events.1.items.0.price"),
        ({"type": "page_view", "url": "/", "occurred_at": "yesterday"},
         "invalid", "events.1.occurred_at"),
    ],
)  # fmt: skip
async def test_the_field_at_fault_is_named_and_nothing_of_the_batch_is_taken(
    stage: Stage, wrong: dict[str, object], code: str, field: str
) -> None:
    page = await stage.page()
    good = event(anonymous_id=page.anonymous_id)
    answer = await page.send(good, {**good, **wrong})
    assert answer.status == 400
    assert answer.json()["code"] == code
    assert answer.json()["field"].startswith(field)
    assert await stage.read(SHOP_EVENTS) == []


async def test_the_field_at_fault_is_named_however_long_its_name(stage: Stage) -> None:
    page, name = await stage.page(), "x" * 1_100
    wrong = {"anonymous_id": page.anonymous_id, "traits": {name: {"a": "b"}}}
    answer = await page.send(event("profile_update", **wrong))
    assert answer.status == 400
    assert answer.json()["field"] == f"events.0.traits.{name}"[:1_024]
    assert answer.json()["message"]


async def test_the_field_of_a_single_event_is_named_as_the_caller_wrote_it(stage: Stage) -> None:
    headers = {"Authorization": f"Bearer {SERVER_KEY}"}
    answer = await stage.post("/v1/events", event(product_id=""), headers)
    assert answer.json()["field"] == "product_id"


async def test_an_event_about_nobody_is_refused(stage: Stage) -> None:
    answer = await (await stage.page()).send(event())
    assert (answer.status, answer.json()["field"]) == (400, "events.0.user_id")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b"null", b'{"events": []}', b"[" * 50_000]
)
async def test_what_is_no_event_is_a_400(stage: Stage, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {PAGE_KEY}", "Origin": ORIGIN}
    answer = await stage.ask("POST", "/v1/events", headers, body)
    assert answer.status == 400, answer
    assert answer.json()["code"] in ("bad_json", "invalid", "unknown_type")


async def test_a_page_cannot_speak_for_another_visitor(stage: Stage) -> None:
    mine, yours = await stage.page(), await stage.page()
    answer = await mine.send(event(anonymous_id=yours.anonymous_id))
    assert (answer.status, answer.json()["field"]) == (403, "events.0.anonymous_id")
    assert await stage.read(SHOP_EVENTS) == []


async def test_a_bare_user_id_proves_nothing(stage: Stage) -> None:
    page = await stage.page()
    answer = await page.send(event(user_id="ada", anonymous_id=page.anonymous_id))
    assert (answer.status, answer.json()["field"]) == (403, "events.0.user_id")


async def test_a_page_may_not_tell_what_only_the_shop_knows(stage: Stage) -> None:
    page = await stage.page()
    page.identity = identity("ada")
    for type_, more in (
        ("erasure_requested", {}),
        ("refund", {"order_id": "A-1"}),
        ("voucher_issued", {"code": "FREE"}),
    ):
        answer = await page.send(event(type_, user_id="ada", **more))
        assert (answer.status, answer.json()["field"]) == (403, "events.0.type")


async def test_a_page_whose_clock_is_wrong_is_put_right(stage: Stage) -> None:
    page = await stage.page()
    behind = now_ms() - 3_600_000
    before = now_ms()
    answer = await page.send(
        event(anonymous_id=page.anonymous_id, occurred_at=behind - 5_000), sent_at=behind
    )
    assert answer.status == 202
    (record,) = await stage.read(SHOP_EVENTS)
    assert before - 6_000 <= record.json()["occurred_at"] <= now_ms() - 4_000


async def test_an_event_that_sent_at_would_move_out_of_history_is_refused(stage: Stage) -> None:
    page = await stage.page()
    events = [event(anonymous_id=page.anonymous_id, occurred_at=at) for at in (END, now_ms())]
    answer = await page.send(*events, sent_at=END)
    assert (answer.status, answer.json()["field"]) == (400, "events.1.occurred_at")
    assert await stage.read(SHOP_EVENTS) == []


async def test_a_page_of_somebody_elses_is_refused(stage: Stage) -> None:
    page = await stage.page()
    body = {**page.credentials(), "events": [event(anonymous_id=page.anonymous_id)]}
    answer = await stage.post("/v1/events", body, {"Origin": "https://evil.example"})
    assert (answer.status, answer.json()["code"]) == (403, "origin")


async def test_the_shops_page_is_told_that_it_may_ask(stage: Stage) -> None:
    asks = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization,x-nudge-visitor",
    }
    answer = await stage.ask("OPTIONS", "/v1/subscriptions/x", asks)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    foreign = await stage.ask(
        "OPTIONS", "/v1/subscriptions/x", {**asks, "Origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in foreign.headers


async def test_without_a_write_key_nothing_is_taken(stage: Stage) -> None:
    page = await stage.page()
    for key in (None, "", "page-key-for-test", SERVER_KEY[:-1]):
        body = {**page.credentials(), "key": key, "events": [event(anonymous_id="a")]}
        answer = await stage.post("/v1/events", body)
        assert (answer.status, answer.json()["code"]) == (401, "unknown_key")
    forged = {**page.credentials(), "visitor": "a.forged", "events": [event(anonymous_id="a")]}
    answer = await stage.post("/v1/events", forged)
    assert (answer.status, answer.json()["code"]) == (401, "unauthorized")


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(stage: Stage) -> None:
    body = orjson.dumps({"key": PAGE_KEY, "events": ["x" * 70_000]})
    answer = await stage.ask("POST", "/v1/events", {"Origin": ORIGIN}, body)
    assert (answer.status, answer.json()["code"]) == (413, "too_large")


async def test_more_events_than_a_batch_may_hold_are_refused(stage: Stage) -> None:
    page = await stage.page()
    answer = await page.send(*(event(anonymous_id=page.anonymous_id) for _ in range(101)))
    assert (answer.status, answer.json()["field"]) == (400, "events")
