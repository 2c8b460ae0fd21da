"""A replay of what ``nudge tap`` wrote: as from the topics; who has a browser is reached."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nudge.previewing import preview
from nudge.replay.run import Plan, run_plan
from processors.rule_book import RuleBook
from processors.scenario_file import load
from schemas.adapters import dump, to_json
from schemas.control import voucher_key
from tests.nudge.recorded import AT, MINUTE, SPRING, browser, cart, order, spring, tapped
from tests.timelines.stories import first_file

UNTIL = AT + 120 * MINUTE


def history(tmp_path: Path, *lines: Any) -> Path:
    file = tmp_path / "history.jsonl"
    written = [line if isinstance(line, bytes) else to_json(line) for line in lines]
    file.write_bytes(b"\n".join(written) + b"\n")
    return file


def rules(text: str | None = None) -> RuleBook:
    book = RuleBook()
    book.add(load(text or first_file()), 0)
    return book


def replayed(file: Path, text: str | None = None) -> list[dict[str, Any]]:
    """The final decisions."""
    out: list[bytes] = []
    plan = Plan([file], [rules(text)], until=UNTIL, since=None, partitions=4, grace_ms=5_000)
    run_plan(plan, out.append)
    return [decision for line in out if (decision := orjson.loads(line))["final"]]


def carts(file: Path) -> dict[str, str]:
    """What became of each user's cart."""
    return {
        decision["user_id"]: decision["reason"]
        for decision in replayed(file)
        if decision["scenario"] == "cart_abandoned" and decision["step"] == 1
    }


def test_only_who_has_a_browser_in_the_history_is_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = history(
        tmp_path,
        browser("ann"),
        tapped("shop.events", "ann", cart("ann")),
        tapped("shop.events", "bob", cart("bob")),
    )
    assert carts(file) == {"ann": "ok", "bob": "not_subscribed"}
    assert "Reachable: who has a subscription in the history." in capsys.readouterr().err


def test_without_a_subscription_in_the_history_everybody_is_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = {"type": "search", "event_id": "s1", "user_id": "eve", "occurred_at": AT,
              "query": 'push.subscriptions"'}  # fmt: skip
    file = history(tmp_path, tapped("shop.events", "ann", cart("ann")), cart("bob"), search)
    assert carts(file) == {"ann": "ok", "bob": "ok"}
    assert "Everybody counted as reachable" in capsys.readouterr().err


def test_who_unsubscribed_is_reached_no_more(tmp_path: Path) -> None:
    theirs = browser("ann")
    file = history(
        tmp_path,
        theirs,
        browser("bob"),
        tapped("shop.events", "ann", cart("ann")),
        tapped("shop.events", "bob", cart("bob")),
        tapped("push.subscriptions", theirs["key"], None, AT + MINUTE),
    )
    assert carts(file) == {"ann": "not_subscribed", "bob": "ok"}


def test_a_history_of_ended_subscriptions_alone_says_that_nobody_is_reached(tmp_path: Path) -> None:
    ended = tapped("push.subscriptions", browser("ann")["key"], None)
    assert carts(history(tmp_path, ended, cart("bob"))) == {"bob": "not_subscribed"}


def test_a_browser_counts_wherever_in_a_long_file_it_stands(tmp_path: Path) -> None:
    for nothing in ((1 << 20) - 400, (1 << 20) - 20, 3 << 20):
        file = history(tmp_path, b" " * nothing, browser("ann"), cart("ann"), cart("bob"))
        assert carts(file) == {"ann": "ok", "bob": "not_subscribed"}


@pytest.mark.parametrize("prefix", ["", "nordhus."])
def test_the_topics_of_a_namespace_are_known(tmp_path: Path, prefix: str) -> None:
    theirs = browser("ann")
    file = history(
        tmp_path,
        theirs | {"topic": f"{prefix}push.subscriptions"},
        tapped(f"{prefix}shop.events", "ann", cart("ann")),
        tapped(f"{prefix}shop.events", "bob", cart("bob")),
    )
    assert carts(file) == {"ann": "ok", "bob": "not_subscribed"}


def test_records_of_one_millisecond_are_told_as_a_worker_merges_them(tmp_path: Path) -> None:
    """The browser comes before the order that is confirmed, and what was put in the cart first
    before what was bought: whatever order the lines have."""
    placed = tapped("shop.events", "ann", order("ann"))
    begun = tapped("shop.events", "ann", cart("ann"), offset=placed["offset"] - 1)
    theirs = browser("ann", AT)
    result = tapped("push.results", "ann", {})
    for lines in ((theirs, begun, placed), (placed, result, begun, theirs)):
        decided = replayed(history(tmp_path, *lines))
        assert [(one["scenario"], one["reason"]) for one in decided] == [
            ("cart_abandoned", "purchased"),
            ("order_confirmed", "ok"),
        ]


def test_events_of_a_file_and_of_a_topic_may_stand_side_by_side(tmp_path: Path) -> None:
    lines = (
        browser("ann"),
        cart("ann"),
        tapped("shop.events", "bob", cart("bob")),
        browser("bob", AT),
        order("ann", AT + MINUTE),
        {"headers": {}, **tapped("shop.events", "carl", cart("carl"))},
    )
    spaced = [orjson.dumps(line).replace(b'":', b'": ') for line in lines]
    for file in (history(tmp_path, *lines), history(tmp_path, *spaced)):
        assert carts(file) == {"ann": "purchased", "bob": "ok", "carl": "not_subscribed"}


def test_an_event_comes_after_what_stands_before_it_in_the_very_millisecond(tmp_path: Path) -> None:
    put = tapped("shop.events", "ann", cart("ann"))
    assert carts(history(tmp_path, put, order("ann"))) == {"ann": "purchased"}
    assert carts(history(tmp_path, order("ann"), put)) == {}


def test_what_was_loaded_as_history_opens_no_moment(tmp_path: Path) -> None:
    old = tapped("shop.events", "ann", cart("ann"), headers={"nudge-historical": "1"})
    assert carts(history(tmp_path, old, tapped("shop.events", "bob", cart("bob")))) == {"bob": "ok"}


def test_what_a_replay_decides_itself_is_passed_over_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = history(
        tmp_path,
        tapped("shop.events", "ann", cart("ann")),
        tapped("push.decisions", "ann", {"final": True}),
        tapped("nordhus.push.jobs", "ann", "no JSON"),
        tapped("crm.letters", None, None),
    )
    assert carts(file) == {"ann": "ok"}
    said = capsys.readouterr().err
    assert "4 records, 1 final decisions, 0 late, 0 unreadable" in said
    assert "3 records of topics that a replay does not read: passed over." in said


def test_campaigns_and_codes_that_were_tapped_too_are_heeded(tmp_path: Path) -> None:
    start, codes = spring(AT + 30 * MINUTE)
    pause = {"type": "pause", "paused": True, "at": AT}
    view = {"type": "view_item", "event_id": "v1", "user_id": "ann", "occurred_at": AT,
            "product_id": "lamp"}  # fmt: skip
    file = history(
        tmp_path,
        browser("ann"),
        tapped("shop.events", "ann", view),
        tapped("push.campaigns", "spring", orjson.loads(dump(start)), AT + 100 * MINUTE),
        tapped(
            "nudge.scenarios",
            voucher_key(codes.batch),
            orjson.loads(dump(codes)),
            AT + 101 * MINUTE,
        ),
        tapped("nudge.scenarios", "pause", pause),
    )
    (said,) = replayed(file)
    assert (said["scenario"], said["outcome"]) == ("campaign/spring", "sent")
    assert said["evidence"]["title"].startswith("Spring: C-")


NOT_READ = [
    (tapped("shop.events", "ann", "{oops"), "invalid: "),
    (tapped("shop.events", "ann", None), "invalid: the record has no value"),
    (tapped("shop.catalog", "lamp", None), "invalid: the record has no value"),
    (tapped("push.interactions", "ann", None), "invalid: the record has no value"),
    (tapped("shop.events", "ann", cart("bob")), "wrong_key: the key is 'ann'"),
    (tapped("shop.catalog", "sofa", {"type": "price_change", "event_id": "p1", "occurred_at": AT,
            "product_id": "lamp", "price": 1, "currency": "PLN"}), "wrong_key: the key is 'sofa'"),
    (tapped("shop.events", None, cart("ann")), "no_key: the record has no key"),
    (tapped("shop.events", "ann", cart("ann") | {"price": "dear"}), "invalid: "),
    (tapped("push.subscriptions", "ann", None), "wrong_key: not a subscription key: 'ann'"),
    (browser("ann") | {"key": "bob/1"}, "wrong_key: the key is 'bob/1'"),
    (tapped("shop.events", "ann", cart("ann"), at=-1), "invalid: timestamp: -1 is no time"),
    (tapped("shop.events", "ann", cart("ann"), at=253_402_300_799_999), "so far off"),
    (tapped("shop.events", "ann", cart("ann"), timestamp="noon"), "invalid: Expected `int`"),
    ({"topic": "shop.events", "key": "ann", "value": cart("ann")}, "required field `partition`"),
    (tapped("push.campaigns", "spring", {"type": "campaign_start", "campaign_id": "spring",
            "at": AT, "yaml": "id: spring"}), "invalid: "),
    (tapped("nudge.scenarios", "vouchers/1", {"type": "vouchers"}), "invalid: "),
]  # fmt: skip


def test_lines_that_no_worker_would_take_are_named_and_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line, said in NOT_READ:
        assert carts(history(tmp_path, cart("eve"), line, browser("eve")))["eve"] == "ok"
        told = capsys.readouterr().err
        assert "1 unreadable" in told
        (named,) = [row for row in told.splitlines() if "history.jsonl:2: " in row]
        assert said in named


def test_half_of_a_character_in_a_key_is_no_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = to_json(tapped("shop.events", "KEY", cart("ann"))).replace(b"KEY", rb"\ud800x")
    assert carts(history(tmp_path, line, cart("eve"))) == {"eve": "ok"}
    assert "history.jsonl:1: " in capsys.readouterr().err


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**19) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
GOOD = [browser("ann"), tapped("shop.events", "ann", cart("ann")),
        tapped("push.campaigns", "spring", {"type": "campaign_start", "campaign_id": "spring",
               "at": AT, "audience": 1, "yaml": SPRING})]  # fmt: skip


@given(st.sampled_from(GOOD), st.sampled_from(sorted(GOOD[0])), ANYTHING)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_stands_in_a_field_no_line_ends_a_replay(
    tmp_path: Path, line: dict[str, Any], field: str, value: Any
) -> None:
    try:
        odd = to_json(line | {field: value})
    except TypeError:
        return
    assert carts(history(tmp_path, odd, cart("eve"), browser("eve")))["eve"] == "ok"


def test_a_scenario_is_previewed_for_those_whom_the_history_reaches(tmp_path: Path) -> None:
    file = history(tmp_path, browser("ann"), cart("ann"), cart("bob"))
    found = preview(load(first_file()), "cart_abandoned", [file], None, UNTIL)
    assert {one.user_id for one in found.decisions if one.outcome == "sent"} == {"ann"}
