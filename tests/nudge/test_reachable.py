"""``nudge replay --reachable``: who never has a browser is not judged; all else stays as it is."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nudge.compare_view import page
from nudge.comparison import Comparison
from nudge.replay.reach import Reach
from nudge.replay.run import Plan, run_plan
from processors.rule_book import RuleBook
from processors.scenario_file import load
from schemas.adapters import to_json
from tests.nudge.commands import nudge
from tests.nudge.recorded import AT, MINUTE, as_tapped, browser, cart, order, tapped
from tests.oracle.generator import Generator
from tests.oracle.scenes import Plan as Life
from tests.oracle.worlds import BUSY
from tests.timelines.stories import first_file

Decided = list[dict[str, Any]]


def history(tmp_path: Path, *lines: Any) -> Path:
    file = tmp_path / "history.jsonl"
    written = [line if isinstance(line, bytes) else to_json(line) for line in lines]
    file.write_bytes(b"\n".join(written) + b"\n")
    return file


def decided(file: Path, *, reachable: bool, text: str | None = None) -> Decided:
    book, out = RuleBook(), []  # type: ignore[var-annotated]
    book.add(load(text or first_file()), 0)
    plan = Plan(
        [file], [book], until=AT + 120 * MINUTE, since=None, partitions=4, grace_ms=5_000,
        reachable=reachable,
    )  # fmt: skip
    run_plan(plan, out.append)
    return [orjson.loads(line) for line in out]


def users_of(decisions: Decided) -> set[str]:
    return {decision["user_id"] for decision in decisions}


def naming(kind: str, visitor: str | None, user: str, at: int) -> dict[str, Any]:
    """The event that says whose browser it is, keyed as a shop keys it."""
    event = {"type": kind, "event_id": f"{kind}-{at}", "user_id": user, "occurred_at": at}
    if visitor is not None:
        event["anonymous_id"] = visitor
    return tapped("shop.events", user if kind == "logout" else visitor or user, event, at)


def visitors_cart(visitor: str, at: int = AT) -> dict[str, Any]:
    event = cart(visitor, at) | {"anonymous_id": visitor}
    del event["user_id"]
    return tapped("shop.events", visitor, event, at)


@pytest.mark.parametrize("seed", range(6))
def test_whoever_has_a_browser_is_told_the_same_whether_the_others_are_judged_or_not(
    tmp_path: Path, seed: int
) -> None:
    life = Life(
        seed=seed, start=AT, duration=10 * MINUTE, people=120, events=4_000, products=12,
        news=80, late=0.05,
    )  # fmt: skip
    file = history(tmp_path, *map(as_tapped, Generator(life).records()))
    everybody = decided(file, reachable=False, text=BUSY.read_text())
    some = decided(file, reachable=True, text=BUSY.read_text())
    theirs = users_of(some)
    assert [decision for decision in everybody if decision["user_id"] in theirs] == some
    left_out = [decision for decision in everybody if decision["user_id"] not in theirs]
    assert left_out
    assert some
    assert "sent" not in {decision["outcome"] for decision in left_out}


def test_what_was_put_in_a_cart_before_the_login_is_remembered(tmp_path: Path) -> None:
    file = history(
        tmp_path,
        browser("ann"),
        visitors_cart("visitor"),
        tapped("shop.events", "bob", cart("bob")),
        naming("login", "visitor", "ann", AT + MINUTE),
        tapped("shop.events", "bob", cart("bob", AT + 50 * MINUTE), AT + 50 * MINUTE),
    )
    (said, *_) = anns = decided(file, reachable=True)
    assert (said["user_id"], said["scenario"], said["outcome"]) == ("ann", "cart_abandoned", "sent")
    everybody = decided(file, reachable=False)
    assert users_of(everybody) == {"ann", "bob"}
    assert anns == [one for one in everybody if one["user_id"] == "ann"]


def test_a_browser_that_comes_with_a_login_reaches_all_of_the_persons_ids(tmp_path: Path) -> None:
    file = history(
        tmp_path,
        visitors_cart("at work"),
        naming("login", "at work", "ann", AT + MINUTE),
        browser("phone", AT + 2 * MINUTE),
        naming("login", "phone", "ann", AT + 3 * MINUTE),
    )
    (said, *_) = decided(file, reachable=True)
    assert (said["user_id"], said["outcome"]) == ("ann", "sent")


def test_a_visitor_whose_browser_stays_after_the_logout_is_reached(tmp_path: Path) -> None:
    """It came with the visitor, before the history begins."""
    anns = browser("ann", AT - 9 * MINUTE)
    anns["value"]["anonymous_id"] = "visitor"
    file = history(
        tmp_path,
        anns,
        naming("logout", "visitor", "ann", AT - MINUTE),
        visitors_cart("visitor"),
    )
    (said, *_) = decided(file, reachable=True)
    assert (said["user_id"], said["outcome"]) == ("visitor", "sent")


def test_the_clock_goes_by_what_others_do_as_well(tmp_path: Path) -> None:
    """Ann's order came too late to stop what was said by then."""
    file = history(
        tmp_path,
        browser("ann"),
        cart("ann"),
        cart("bob", AT + 60 * MINUTE),
        tapped("shop.events", "ann", order("ann", AT + 5 * MINUTE), AT + 5 * MINUTE),
    )
    said = decided(file, reachable=True)
    assert "sent" in {one["outcome"] for one in said}
    assert said == [one for one in decided(file, reachable=False) if one["user_id"] == "ann"]


def test_a_login_is_known_however_it_is_written(tmp_path: Path) -> None:
    login = naming("login", "visitor", "ann", AT + MINUTE)
    for line in (
        to_json(login).replace(b"login", rb"lo\u0067in"),
        to_json(login["value"]).replace(b'":', b'" : '),
    ):
        file = history(tmp_path, browser("ann"), visitors_cart("visitor"), line)
        assert users_of(decided(file, reachable=True)) == {"ann"}


def test_where_nobody_subscribes_everybody_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = history(tmp_path, cart("ann"), tapped("shop.events", "bob", cart("bob")))
    assert users_of(decided(file, reachable=True)) == {"ann", "bob"}
    assert "not judged" not in capsys.readouterr().err


def test_the_page_says_that_not_everybody_was_judged(tmp_path: Path) -> None:
    file = history(tmp_path, browser("ann"), cart("ann"), cart("bob"))
    for reachable, said in ((True, True), (False, False)):
        book = RuleBook()
        book.add(load(first_file()), 0)
        plan = Plan([file], [book, book], AT + 60 * MINUTE, None, 4, 5_000, reachable=reachable)
        before, after = (run.tally for run in run_plan(plan, None))
        written = page(Comparison(before, after))
        assert ("1 records were of others" in written) == said


def test_how_many_records_were_of_others_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dated = cart("eve") | {"recorded_at": AT + 1}
    seen = {"type": "displayed", "user_id": "bob", "job_id": "0" * 32, "occurred_at": AT,
            "subscription_id": "s-1", "scenario": "cart_abandoned"}  # fmt: skip
    file = history(
        tmp_path,
        browser("ann"),
        cart("ann"),
        cart("bob"),
        dated,
        tapped("shop.events", "carl", cart("carl")),
        tapped("push.interactions", "bob", seen),
    )
    assert users_of(decided(file, reachable=True)) == {"ann"}
    assert (
        "4 records were of users without a browser: not judged (--everybody"
        in capsys.readouterr().err
    )


async def test_where_the_next_channel_shares_a_wave_nobody_can_be_left_out(tmp_path: Path) -> None:
    rules = tmp_path / "mail.yaml"
    rules.write_text(first_file(back_in_stock={"handoff": {"channel": "email"}}))
    file = history(tmp_path, browser("ann"), cart("ann"))
    told = ("replay", str(file), "--reachable", "--scenarios", str(rules))
    said = (await nudge(None, *told)).failed(2).err
    assert "back_in_stock hands on to the next channel" in said
    assert "without --reachable" in said
    compared = ("replay", str(file), "--compare", str(rules), "--out", "none")
    said = (await nudge(None, *compared)).good().err
    assert "Everybody is judged: back_in_stock hands on to the next channel." in said


async def test_a_comparison_leaves_out_whom_nobody_can_push_to_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    rules, out = tmp_path / "next.yaml", tmp_path / "decisions.jsonl"
    rules.write_text(first_file())
    file = history(tmp_path, browser("ann"), cart("ann"), cart("bob"))
    told = ("replay", str(file), "--scenarios", str(rules), "--compare", str(rules),
            "--until", str(AT + 120 * MINUTE))  # fmt: skip
    left_out = "1 records were of users without a browser: not judged (--everybody judges them too)"
    assert left_out in (await nudge(None, *told, "--out", "none")).good().err
    assert left_out not in (await nudge(None, *told, "--out", "none", "--everybody")).good().err
    assert left_out not in (await nudge(None, *told, "--out", str(out))).good().err
    decisions = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert users_of(decisions) == {"ann", "bob"}


IDS = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(IDS, IDS), max_size=12), st.sets(IDS, max_size=3))
def test_all_ids_of_a_person_are_reached_by_any_browser_of_theirs(
    logins: list[tuple[str, str]], subscribed: set[str]
) -> None:
    reach = Reach()
    for user in sorted(subscribed):
        reach.subscribed(f"{user}/1")
    for visitor, user in logins:
        reach.note(to_json({"type": "login", "user_id": user, "anonymous_id": visitor}))
    assert reach.users() == closure(subscribed, logins)


def closure(users: Iterable[str], pairs: list[tuple[str, str]]) -> set[str]:
    found, before = set(users), set[str]()
    while found != before:
        before = set(found)
        found |= {id_ for pair in pairs if found & set(pair) for id_ in pair}
    return found
