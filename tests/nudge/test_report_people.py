"""``nudge report``: whose a figure is, over logins, and what counts as a change of mind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nudge.report import figures
from nudge.report.data import Period, opened
from tests.nudge.made_shop import AGENTS, DAY, HOUR, MINUTE, PERIOD, START, MadeShop

AT = START + 5 * DAY
KINDS = ("subscribed", "agreed", "unsubscribed", "gone", "refused")


def rows_of(made: MadeShop, directory: Path, name: str) -> list[Mapping[str, Any]]:
    made.write(directory)
    with opened(directory, PERIOD) as database:
        return list(figures.report(database, PERIOD).rows[name])


def reach_of(made: MadeShop, directory: Path) -> dict[str, tuple[int, ...]]:
    rows = rows_of(made, directory, "reach")
    return {row["scenario"]: tuple(row[kind] for kind in KINDS) for row in rows}


def who_ordered(made: MadeShop, directory: Path) -> dict[str, str]:
    made.write(directory)
    with opened(directory, PERIOD) as database:
        return dict(database.execute("SELECT order_id, person FROM orders").fetchall())


def test_what_comes_under_the_old_id_after_a_login_is_the_users_for_thirty_days(
    tmp_path: Path,
) -> None:
    made = MadeShop()
    made.event("login", "anna", START - 20 * DAY, anonymous_id="a-1")
    made.order("anna", "before", START - 10 * DAY, 1000)
    made.order(None, "after", START + DAY, 1000, anonymous_id="a-1")
    made.order(None, "long after", START + 11 * DAY, 1000, anonymous_id="a-1")
    owners = who_ordered(made, tmp_path)
    assert owners == {"before": "anna", "after": "anna", "long after": "a-1"}
    (customers,) = rows_of(made, tmp_path, "customers")
    assert (customers["bought_again"], customers["lost"]) == (1, 0)


def test_a_shared_browser_is_whose_login_it_is_and_nobodys_after_a_logout(tmp_path: Path) -> None:
    made = MadeShop()
    made.order(None, "1", AT, 1000, anonymous_id="family")
    made.event("login", "anna", AT + HOUR, anonymous_id="family")
    made.order(None, "2", AT + 2 * HOUR, 1000, anonymous_id="family")
    made.event("logout", "anna", AT + 3 * HOUR, anonymous_id="family")
    made.order(None, "3", AT + 4 * HOUR, 1000, anonymous_id="family")
    made.event("login", "bob", AT + 5 * HOUR, anonymous_id="family")
    made.order(None, "4", AT + 6 * HOUR, 1000, anonymous_id="family")
    made.event("logout", "bob", AT + 7 * HOUR, anonymous_id="family")
    made.order(None, "5", AT + 8 * HOUR, 1000, anonymous_id="family")
    assert who_ordered(made, tmp_path) == {
        "1": "anna", "2": "anna", "3": "bob", "4": "bob", "5": "family",
    }  # fmt: skip


def test_a_guest_who_clicks_and_then_logs_in_counts_to_what_they_clicked(tmp_path: Path) -> None:
    made = MadeShop()
    made.subscribe("guest", "b1", AT - HOUR, AGENTS[0])
    job = made.decide("guest", "price_drop", AT, "sent", "ok")
    made.result("guest", "b1", job, AT, "delivered")
    made.react("guest", "b1", job, AT + MINUTE, "clicked")
    made.event("login", "anna", AT + HOUR, anonymous_id="guest")
    made.unsubscribe("guest", "b1", AT + HOUR)
    made.subscribe("anna", "b1", AT + HOUR, AGENTS[0])
    made.event("consent_change", "anna", AT + HOUR, purpose="marketing", granted=True)
    made.unsubscribe("anna", "b1", AT + 2 * HOUR)
    made.event("consent_change", "anna", AT + 2 * HOUR, purpose="marketing", granted=False)
    assert reach_of(made, tmp_path) == {
        "price_drop": (0, 1, 1, 0, 1),
        "no message before": (1, 0, 0, 0, 0),
    }


def test_who_says_again_that_they_agree_has_not_agreed_again(tmp_path: Path) -> None:
    made = MadeShop()
    for day in range(5):
        made.event("consent_change", "anna", AT + day * DAY, purpose="marketing", granted=True)
    assert reach_of(made, tmp_path) == {"no message before": (0, 1, 0, 0, 0)}


def test_a_browser_whose_keys_cannot_encrypt_has_gone_and_nobody_unsubscribed_it(
    tmp_path: Path,
) -> None:
    made = MadeShop()
    made.subscribe("anna", "b1", AT, AGENTS[0])
    job = made.decide("anna", "price_drop", AT, "sent", "ok")
    made.result("anna", "b1", job, AT, "bad_subscription")
    made.unsubscribe("anna", "b1", AT + MINUTE)
    assert reach_of(made, tmp_path) == {"no message before": (1, 0, 0, 1, 0)}


def test_tables_of_two_deployments_are_counted_together(tmp_path: Path) -> None:
    for name, user in (("old", "anna"), ("new", "bob")):
        made = MadeShop()
        made.order(user, f"of {user}", AT, 1000)
        (tmp_path / name).mkdir()
        made.write(tmp_path / name)
    assert who_ordered(MadeShop(), tmp_path) == {"of anna": "anna", "of bob": "bob"}


def test_a_phone_with_a_wrong_clock_does_not_make_the_data_reach_back(tmp_path: Path) -> None:
    made = MadeShop()
    made.order("anna", "1", AT, 1000)
    made.event("page_view", "anna", AT, url="https://shop.example")
    made.records[next(iter(made.records))][-1].value = (
        b'{"type":"page_view","event_id":"x","user_id":"anna","url":"https://shop.example",'
        b'"occurred_at":%d}' % (START - 90 * DAY)
    )
    made.write(tmp_path)
    with opened(tmp_path, PERIOD) as database:
        (said,) = figures.report(database, PERIOD).notes
    assert "begin within the period" in said


def test_the_preceding_period_is_as_long() -> None:
    assert Period(10, 15).before == 5
