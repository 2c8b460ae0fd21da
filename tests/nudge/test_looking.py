"""``nudge tap`` and ``nudge explain`` over topics written by hand."""

import asyncio
from typing import Any

from nudge.words import Kind, line_of
from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.aftermath import Handoff
from schemas.decisions import Decision, Reason
from schemas.people import HandoverProfile
from schemas.topics import (
    DECISIONS,
    HANDOVERS,
    SHOP_EVENTS,
    Topic,
)
from tests.harness.records import Sent, produce
from tests.harness.waiting import eventually
from tests.nudge.commands import nudge

MINUTE = 60_000


def event(type_: str, at: int, **fields: Any) -> dict[str, Any]:
    return {"type": type_, "event_id": f"{type_}-{at}", "occurred_at": at, **fields}


def decision(user: str, at: int, outcome: str, reason: Reason) -> Decision:
    return Decision.model_validate(
        {
            "decision_id": f"{user}-{at}", "user_id": user, "scenario": "cart_abandoned",
            "step": 1, "entity": "cart", "due_at": at, "decided_at": at, "outcome": outcome,
            "reason": reason, "final": True, "scenario_version": "v",
        }
    )  # fmt: skip


async def put(settings: KafkaSettings, topic: Topic, key: str, value: Any, at: int) -> None:
    await produce(settings, topic, [Sent(key, value, at=at)])


async def test_tap_shows_everything_of_a_user_in_order_of_time(cluster: KafkaSettings) -> None:
    now = now_ms()
    cart = event("add_to_cart", now - MINUTE, user_id="anna", product_id="tea", price=1990,
                 currency="PLN", quantity=2)  # fmt: skip
    await put(cluster, SHOP_EVENTS, "anna", cart, now - MINUTE)
    await put(cluster, SHOP_EVENTS, "berta", cart | {"user_id": "berta"}, now - MINUTE)
    await put(cluster, DECISIONS, "anna", decision("anna", now, "dropped", Reason.PURCHASED), now)
    answer = (await nudge(cluster, "tap", "all", "--user", "anna", "--since", "1h")).good()
    first, second = answer.out.splitlines()
    assert "anna  put 2 × tea in the cart at 19.90 PLN" in first
    assert "cart_abandoned: dropped. The user bought. (purchased)" in second
    (raw,) = (
        (await nudge(cluster, "tap", "decisions", "--from-start", "--json")).good().json_lines()
    )
    assert raw["value"]["reason"] == "purchased"
    assert (raw["topic"], raw["key"]) == (cluster.topic(DECISIONS), "anna")


async def test_tap_of_a_time_without_records_says_so(cluster: KafkaSettings) -> None:
    assert "Nothing" in (await nudge(cluster, "tap", "results", "--since", "1h")).good().err


async def test_tap_follows_what_comes(cluster: KafkaSettings) -> None:
    waiting = asyncio.create_task(
        nudge(cluster, "tap", "events", "--from-start", "--follow", "--limit", "2", "--json")
    )
    search = event("search", now_ms(), user_id="anna", query="tea")
    await put(cluster, SHOP_EVENTS, "anna", search, now_ms())

    async def another() -> bool:
        await put(cluster, SHOP_EVENTS, "berta", search | {"user_id": "berta"}, now_ms())
        return waiting.done()

    await eventually(another, every_s=1.0)
    assert [raw["key"] for raw in (await waiting).good().json_lines()] == ["anna", "berta"]


async def test_tap_names_the_nearest_topic_and_refuses_contradictions() -> None:
    assert "decisions" in (await nudge(None, "tap", "decisons")).failed(2).err
    (await nudge(None, "tap", "all", "--since", "1h", "--from-start")).failed(2)
    (await nudge(None, "tap", "scenarios", "--user", "anna")).failed(2)
    (await nudge(None, "tap", "all", "--since", "soon")).failed(2)
    backwards = ("tap", "all", "--since", "1h", "--until", "2h")
    assert "ends before it begins" in (await nudge(None, *backwards)).failed(2).err


async def test_explain_tells_what_was_done_before_the_login_and_by_nobody_else(
    cluster: KafkaSettings,
) -> None:
    now = now_ms()
    before, login, after = now - 30 * MINUTE, now - 20 * MINUTE, now - 10 * MINUTE
    view = event("view_item", before, anonymous_id="a-1", product_id="tea")
    await put(cluster, SHOP_EVENTS, "a-1", view, before)
    signed = event("login", login, user_id="anna", anonymous_id="a-1")
    await put(cluster, SHOP_EVENTS, "a-1", signed, login)
    moved = HandoverProfile.model_validate(
        {"type": "profile", "user_id": "anna", "anonymous_id": "a-1", "occurred_at": login,
         "event_type": "login", "profile": {}}
    )  # fmt: skip
    await put(cluster, HANDOVERS, "anna", moved, login)
    # The same browser, lent to somebody else.
    other = event("search", after, anonymous_id="a-1", query="a secret")
    await put(cluster, SHOP_EVENTS, "a-1", other, after)
    lent = event("login", after + 1, user_id="bob", anonymous_id="a-1")
    await put(cluster, SHOP_EVENTS, "a-1", lent, after + 1)
    bought = event("purchase", after, user_id="anna", order_id="A-1", value=1990, currency="PLN",
                   items=[{"product_id": "tea", "price": 1990}])  # fmt: skip
    await put(cluster, SHOP_EVENTS, "anna", bought, now)
    drop = decision("anna", after + 1, "dropped", Reason.PURCHASED)
    await put(cluster, DECISIONS, "anna", drop, now)

    answer = (await nudge(cluster, "explain", "anna")).good()
    told = [line for line in answer.out.splitlines() if "  " in line]
    assert [word for line in told for word in
            ("viewed", "logged in", "took over", "bought 1", "dropped") if word in line] == [
        "viewed", "logged in", "took over", "bought 1", "dropped",
    ]  # fmt: skip
    assert "secret" not in answer.out
    assert "(arrived 10 min later)" in answer.out
    assert "1 decision: 1 dropped (purchased)" in answer.out
    assert "Before the login: a-1" in answer.out

    kinds = [
        line["kind"] for line in (await nudge(cluster, "explain", "anna", "--json")).json_lines()
    ]
    assert kinds == ["did", "did", "identity", "did", "decided"]

    guest = (await nudge(cluster, "explain", "a-1")).good()
    assert "secret" in guest.out
    assert "nudge explain bob" in guest.err


async def test_explain_of_a_stranger_says_where_to_look(cluster: KafkaSettings) -> None:
    answer = (await nudge(cluster, "explain", "nobody", "--since", "30m")).good()
    assert "Nothing of nobody" in answer.err


def test_an_unreadable_record_is_a_line_of_its_own_and_harmless_on_a_terminal() -> None:
    class Raw:
        topic, key, value, timestamp, headers = "shop.events", b"anna", b"{oops", 5, ()

    line = line_of(Raw())
    assert line.kind is Kind.TROUBLE
    assert "unreadable" in line.words


def test_what_ends_and_what_is_handed_on_is_told_in_words() -> None:
    class Ended:
        topic, key, value = "shop.push.subscriptions", b"anna/0123456789abcdef", None
        timestamp, headers = 5, ()

    ended = line_of(Ended())
    assert (ended.who, ended.words) == ("anna", "can no longer be pushed to at device 01234567")

    class Handed:
        topic, key, timestamp, headers = "push.handoffs", b"anna", 5, ()
        value = dump(Handoff(decision_id="d", user_id="anna", scenario="welcome", step=1,
                             entity="", channel="email", reason="not_clicked", at=5))  # fmt: skip

    said = "It was delivered, and not clicked in time. (not_clicked)"
    assert line_of(Handed()).words == f"welcome is handed to email. {said}"


def now_ms() -> int:
    import time

    return time.time_ns() // 1_000_000
