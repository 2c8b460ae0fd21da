"""``nudge replay --compare``: what another scenario file would change, before it is switched on."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from nudge.compare_view import page, show
from nudge.comparison import Comparison, Tally
from nudge.pages.charts import Series, columns
from nudge.replay.run import Plan, run_plan
from nudge.terminal import console
from processors.rule_book import RuleBook
from processors.scenario_file import load
from runtime.settings import KafkaSettings
from schemas.decisions import Decision
from schemas.push import MessageClass, Payload, PushJob
from schemas.topics import SHOP_EVENTS
from tests.harness.records import Sent, produce
from tests.nudge.commands import nudge

MINUTE, HOUR = 60_000, 3_600_000
NOON = 1_772_362_800_000
"""2026-03-01, 12:00 in Warsaw."""


def decision(user: str, outcome: str = "sent", reason: str = "ok", **more: Any) -> Decision:
    said = {"decision_id": f"{user}-{outcome}", "user_id": user, "scenario": "cart_abandoned",
            "step": 1, "entity": "cart", "due_at": NOON, "decided_at": NOON, "outcome": outcome,
            "reason": reason, "final": True, "scenario_version": "v"}  # fmt: skip
    return Decision.model_validate(said | more)


def tally(version: str, *decisions: Decision) -> Tally:
    made = Tally(version, ZoneInfo("Europe/Warsaw"))
    for one in decisions:
        made.add(one)
    return made


def test_who_newly_gets_a_message_and_who_loses_one() -> None:
    capped = decision("berta", "dropped", "frequency_cap", evidence={"cap": "gap"})
    found = Comparison(
        tally("a", decision("anna"), capped), tally("b", decision("berta"), decision("carl"))
    )
    cart, everything = found.audiences()
    assert (cart.messages, cart.people, cart.newly, cart.no_longer) == ((1, 2), (1, 2), 2, 1)
    assert everything.scenario == "all"
    assert found.people(found.newly) == {"cart_abandoned": ["berta", "carl"]}
    assert found.people(found.no_longer) == {"cart_abandoned": ["anna"]}
    assert found.caps() == [("frequency_cap: gap", 1, 0)]
    assert found.kinds()[0] == ("cart_abandoned", "dropped", "frequency_cap", 1, 0)


def test_hours_are_the_shops() -> None:
    assert tally("a", decision("anna")).hours == {12: 1}


def test_each_scenarios_hours_are_told_before_and_after() -> None:
    evening = decision("berta", scenario="price_drop", decided_at=NOON + 7 * HOUR)
    found = Comparison(tally("a", decision("anna")), tally("b", decision("anna"), evening))
    hours = dict(found.by_hour())
    assert hours["cart_abandoned"][12] == (1, 1)
    assert hours["price_drop"][19] == (0, 1)
    assert sum(sum(pair) for of_one in hours.values() for pair in of_one) == 3
    assert "Messages by hour and scenario" in page(found)


def test_the_terminal_names_who_newly_gets_a_message_and_who_no_longer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.cache_clear()
    show(Comparison(tally("a", decision("anna")), tally("b", decision("berta"))))
    console.cache_clear()
    told = capsys.readouterr().out
    assert "Newly get a message (some of them)\n  cart_abandoned berta" in told
    assert "No longer get one (some of them)\n  cart_abandoned anna" in told


def test_a_code_that_nobody_has_used_stands_on_no_page() -> None:
    code = "10 % AAA"
    said = Payload(title="For you", body=f"With {code}", url=f"https://s.example/?c={quote(code)}",
                   tag="cart", scenario="cart_abandoned", job_id="j")  # fmt: skip
    job = PushJob(
        job_id="j", user_id="anna", scenario="cart_abandoned", message_class=MessageClass.MARKETING,
        created_at=NOON, expires_at=NOON + HOUR, tag="cart", topic="cart", devices=("d",),
        payload=said,
    )  # fmt: skip
    made = tally("b", decision("anna", job_id="j", evidence={"pool": "p", "code": code}))
    made.add_job(job)
    written = page(Comparison(tally("a"), made))
    assert "With ••••••" in written
    assert "AAA" not in written


def test_a_moment_that_is_only_held_is_not_counted() -> None:
    assert not tally("a", decision("anna", "held", "quiet_hours", final=False)).kinds


def test_the_page_is_harmless_whatever_users_are_called() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    written = page(Comparison(tally("a"), tally("b", decision(hostile))))
    assert "&lt;img src=x" in written
    assert "<img" not in written


async def test_a_wait_cut_short_reaches_who_came_back_too_soon(tmp_path: Path) -> None:
    shipped = (files("processors.scenarios") / "default.yaml").read_text(encoding="utf-8")
    other = tmp_path / "sooner.yaml"
    assert "{wait: 20m, copy: cart_abandoned}" in shipped
    other.write_text(
        shipped.replace("{wait: 20m, copy: cart_abandoned}", "{wait: 10m, copy: cart_abandoned}")
    )
    cart = {"type": "add_to_cart", "event_id": "1", "user_id": "anna", "occurred_at": NOON,
            "product_id": "tea", "price": 1990, "currency": "PLN"}  # fmt: skip
    bought = {"type": "purchase", "event_id": "2", "user_id": "anna", "order_id": "A-1",
              "occurred_at": NOON + 15 * MINUTE, "value": 1990, "currency": "PLN",
              "items": [{"product_id": "tea", "price": 1990}]}  # fmt: skip
    # No moment of the holdout's: the same history for a handful of people.
    events = [
        json.dumps(event | {"user_id": user, "event_id": f"{user}-{event['event_id']}"}
                   | ({"order_id": user} if event is bought else {}))
        for event in (cart, bought) for user in ("anna", "berta", "carl", "dora")
    ]  # fmt: skip
    history = tmp_path / "history.jsonl"
    history.write_text("\n".join(events) + "\n")
    html = tmp_path / "dry.html"
    answer = await nudge(
        None, "replay", str(history), "--compare", str(other), "--out", "none",
        "--until", str(NOON + HOUR), "--html", str(html), deadline_s=120.0,
    )  # fmt: skip
    (row,) = [line.split() for line in answer.good().out.splitlines()
              if line.startswith("cart_abandoned") and line.split()[1].isdigit()]  # fmt: skip
    _, before, after, _, people, newly, lost = row
    assert (before, lost) == ("0", "0")
    assert int(after) == int(people) == int(newly) > 0
    assert "Your cart is waiting" in answer.out
    assert "decision_id" not in answer.out
    written = html.read_text(encoding="utf-8")
    assert "sooner.yaml" in written
    assert "Your cart is waiting" in written


async def test_a_page_needs_something_to_compare(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").touch()
    history = str(tmp_path / "history.jsonl")
    (await nudge(None, "replay", history, "--html", str(tmp_path / "x.html"))).failed(2)


async def test_an_order_that_comes_while_topics_are_compared_is_for_neither_file(
    cluster: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUDGE_KAFKA_BOOTSTRAP", cluster.kafka_bootstrap)
    monkeypatch.setenv("NUDGE_NAMESPACE", cluster.namespace)
    await produce(cluster, SHOP_EVENTS, [_order("anna", 1)])

    def order_meanwhile(_line: bytes) -> None:
        with ThreadPoolExecutor(1) as aside:
            aside.submit(asyncio.run, produce(cluster, SHOP_EVENTS, [_order("anna", 2)])).result()

    plan = Plan([], [_shipped(), _shipped()], until=None, since=None, partitions=4, grace_ms=5_000)
    before, after = (run.tally for run in await asyncio.to_thread(run_plan, plan, order_meanwhile))
    assert sum(before.kinds.values()) > 0
    assert before.kinds == after.kinds


def _order(user: str, number: int) -> Sent:
    event = {"type": "purchase", "event_id": f"e{number}", "user_id": user, "occurred_at": NOON,
             "order_id": f"A-{number}", "value": 4_999, "currency": "PLN",
             "items": [{"product_id": "lamp", "quantity": 1, "price": 4_999}]}  # fmt: skip
    return Sent(user, event, NOON + number)


def _shipped() -> RuleBook:
    book = RuleBook()
    text = (files("processors.scenarios") / "default.yaml").read_text(encoding="utf-8")
    book.add(load(text), 0)
    return book


def test_no_column_stands_in_front_of_the_figures_of_its_axis() -> None:
    written = columns([Series("sent", [7.0])], ["2026-03-01"], "Messages a day")
    figures = re.findall(r'<text class="end" x="(-?\d+)"', written)
    assert len(figures) == 3
    assert all(int(x) < 0 for x in figures), "left of the plot, where columns begin"
    assert 'class="chart plot"' in written
