"""A user's story with its evidence, on a terminal and as a page that is safe to open."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from nudge.explain_view import facts_of, now_facts, page, show, without_keys
from nudge.story import TOLD, Entry, Story
from nudge.terminal import plain
from nudge.words import line_of
from processors.moment import AWAITS_CLICK, Moment
from processors.profile import Profile
from processors.traces import Line
from schemas.control import ScenarioVersion
from schemas.topics import DECISIONS, JOBS, SHOP_EVENTS, Topic

AT = 1_775_001_600_000
MINUTE = 60_000
HOSTILE = '"><script>alert(1)</script>'


@dataclass
class Raw:
    """As much of a record as a story looks at."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = AT
    partition: int = 3
    offset: int = 40


def entry(topic: Topic, value: Any, **more: Any) -> Entry:
    record: Any = Raw(topic.name, b"anna", json.dumps(value).encode(), **more)
    return Entry(line_of(record), record, TOLD.index(topic))


def decided(**more: Any) -> Entry:
    said = {"decision_id": "d", "user_id": "anna", "scenario": "price_drop", "step": 1,
            "entity": "tea", "due_at": AT, "decided_at": AT, "outcome": "dropped",
            "reason": "frequency_cap", "final": True, "scenario_version": "v7", "arm": "short",
            "evidence": {"cap": "gap", "last_sent_at": AT - MINUTE, "lines": [1, 2]}}  # fmt: skip
    return entry(DECISIONS, said | more, headers=(("nudge-source", b"shop.catalog/0/12"),))


def story(*entries: Entry, user: str = "anna") -> Story:
    applied = ScenarioVersion(
        type="version", version="v7", effective_at=AT, yaml="", applied_by="ops"
    )
    return Story(user, AT - MINUTE, list(entries), rules={"v7": applied, "v6": None})


def test_a_decision_names_its_rules_its_cause_and_its_evidence() -> None:
    facts = dict(facts_of(decided(), AT))
    assert facts["rules"] == "v7"
    assert facts["caused by"] == "shop.catalog/0/12"
    assert facts["arm"] == "short"
    assert facts["cap"] == "gap"
    assert ":" in facts["last sent at"], "a time, not milliseconds"
    assert facts["lines"] == "1, 2"


def test_evidence_is_told_in_words_and_times_not_in_json() -> None:
    evidence = {"from": AT, "reminder": {"title": "Dentist", "at": AT}, "left": []}
    facts = dict(facts_of(decided(evidence=evidence), AT))
    assert ":" in facts["from"]
    assert facts["reminder"].startswith("title Dentist, at ")
    assert str(AT) not in facts["reminder"]
    assert facts["left"] == "none"
    order = {"order_id": "A-1", "value": 9000, "currency": "PLN", "expected_delivery": AT}
    told = dict(facts_of(decided(evidence={"event": order, "price": 1500}), AT))
    assert told["event"].startswith("order id A-1, value 90.00 PLN, currency PLN, expected")
    assert str(AT) not in told["event"]
    assert told["price"] == "1500 (minor units)"


def test_a_story_as_json_does_not_hand_on_what_lets_somebody_push() -> None:
    held = {"subscription_id": "b", "endpoint": "https://push.example/secret", "p256dh": "p",
            "auth": "a"}  # fmt: skip
    public = without_keys({"key": "anna/b", "value": held})
    assert public["value"] == {"subscription_id": "b", "origin": "https://push.example"}
    assert public["key"] == "anna/b"
    handed = without_keys({"value": {"subscription": held, "subscriptions": [held]}})["value"]
    assert handed == {"subscription": public["value"], "subscriptions": [public["value"]]}
    assert without_keys({"value": None}) == {"value": None}


def test_a_cart_of_two_currencies_is_not_told_in_one_of_them() -> None:
    lines = [Line("lamp", None, 1, 24900, AT), Line("cup", None, 1, 1000, AT)]
    told = Profile(schema=1, cart=lines, currency="EUR", mixed=True)
    assert "EUR" not in dict(now_facts(told, AT))["cart"]
    assert "several currencies" in dict(now_facts(told, AT))["cart"]
    one = Profile(schema=1, cart=lines[:1], currency="PLN")
    assert dict(now_facts(one, AT))["cart"] == "1 × lamp at 249.00 PLN"


def test_what_waits_for_a_click_is_told_by_its_message_and_the_next_channel() -> None:
    waiting = Moment(scenario=AWAITS_CLICK, entity="d", opened_at=AT, version="v7", due=AT,
                     data={"scenario": "cart_abandoned", "channel": "email"})  # fmt: skip
    said = dict(now_facts(Profile(schema=1, moments=[waiting]), AT))["waiting"]
    assert said.startswith("for a click on cart_abandoned, else email at ")


def test_the_terminal_keeps_the_spaces_within_an_amount_and_nothing_that_steers_it() -> None:
    assert plain("68,99\u00a0zł 4:55\u202fAM") == "68,99\u00a0zł 4:55\u202fAM"
    assert plain("a\x1b[2Jb\u202ec") == "a\ufffd[2Jb\ufffdc"


def test_the_terminal_tells_rules_and_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    from nudge.terminal import console

    console.cache_clear()
    show(story(decided()), AT)
    console.cache_clear()
    told = capsys.readouterr().out
    assert "caused by shop.catalog/0/12" in told
    assert "applied by ops" in told
    assert "no longer in nudge.scenarios" in told
    assert "1 decision: 1 dropped (frequency_cap)" in told


def test_a_page_runs_nothing_that_a_shopper_wrote() -> None:
    search = entry(SHOP_EVENTS, {"type": "search", "event_id": "1", "user_id": HOSTILE,
                                 "occurred_at": AT, "query": HOSTILE})  # fmt: skip
    job = entry(JOBS, {
        "job_id": "d", "user_id": HOSTILE, "scenario": HOSTILE, "message_class": "marketing",
        "created_at": AT, "expires_at": AT + MINUTE, "tag": "t", "topic": "t", "devices": ["x"],
        "payload": {"title": HOSTILE, "body": HOSTILE, "url": "javascript:alert(1)", "tag": "t",
                    "scenario": "s", "job_id": "d"},
    })  # fmt: skip
    evidence = decided(evidence={HOSTILE: HOSTILE}, scenario=HOSTILE, entity=HOSTILE, arm=HOSTILE)
    told = story(search, job, evidence, user=HOSTILE)
    told.aliases, told.became = (HOSTILE,), HOSTILE
    told.profile = Profile(schema=1, consents={HOSTILE: (True, AT)})
    written = page(told, AT)
    assert "<script" not in written
    assert "&lt;script&gt;" in written
    assert "href" not in written, "nothing to click on that a shopper named"
    assert "default-src &#39;none&#39;" in written or "default-src 'none'" in written


def test_the_page_holds_the_whole_story() -> None:
    written = page(story(decided()), AT)
    for said in ("price_drop about tea: dropped", "shop.catalog/0/12", "push.decisions/3/40", "v7",
                 "applied by ops", "1 dropped (frequency_cap)"):  # fmt: skip
        assert said in written
    assert "Nothing in this time" in page(Story("nobody", AT), AT)
