"""``nudge report`` over a made shop whose figures are counted by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nudge.export.files import Format
from nudge.report import figures
from nudge.report.data import Period, opened
from nudge.report.figures import Report
from nudge.report.intervals import difference, wilson
from nudge.report.showing import as_json, page, show
from nudge.terminal import console
from tests.nudge.commands import ROOT, nudge
from tests.nudge.made_shop import DAY, HOUR, PERIOD, START, MadeShop, documents, made_shop

SINCE = ("--since", str(PERIOD.since), "--until", str(PERIOD.until))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory in which the made shop's ``tables`` are."""
    directory = tmp_path_factory.mktemp("shop")
    (directory / "tables").mkdir()
    made_shop().write(directory / "tables")
    return directory


@pytest.fixture(scope="module")
def report(shop: Path) -> Report:
    return count(shop / "tables", PERIOD)


def count(tables: Path, period: Period) -> Report:
    with opened(tables, period) as database:
        return figures.report(database, period)


def by(rows: Sequence[Mapping[str, Any]], *names: str) -> dict[Any, Mapping[str, Any]]:
    return {tuple(row[name] for name in names): row for row in rows}


def picked(row: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def test_crr_is_76_of_118(report: Report) -> None:
    (row,) = report.rows["customers"]
    assert picked(row, "customers", "bought_again") == (118, 76)
    assert f"{row['crr']:.0%}" == "64%"
    assert picked(row, "lost", "silent") == (42, 30)
    assert row["churn"] == pytest.approx(42 / 118)


def test_a_guest_who_logs_in_is_one_customer_with_two_orders(report: Report) -> None:
    (row,) = report.rows["customers"]
    # The guest who became known, nine who were messaged, the holdout's one, and the one in euros.
    assert row["new_customers"] == 1 + 9 + 1 + 1


def test_the_funnel_narrows_from_decided_to_bought(report: Report) -> None:
    row = by(report.rows["funnel"], "scenario")[("cart_abandoned",)]
    stages = ("decided", "sent", "delivered", "displayed", "clicked", "bought")
    # One display's report was lost, but it was clicked; one order came of a message only seen.
    assert picked(row, *stages) == (141, 100, 95, 80, 20, 8)
    assert row["ctr"] == pytest.approx(20 / 95)
    assert row["conversion"] == pytest.approx(8 / 95)


def test_messages_decided_outside_the_period_do_not_count(report: Report) -> None:
    row = by(report.rows["funnel"], "scenario")[("price_drop",)]
    assert picked(row, "decided", "sent") == (6, 1)


def test_each_browser_counts_what_went_to_it(report: Report) -> None:
    rows = by(report.rows["browsers"], "browser")
    stages = ("sent", "delivered", "displayed", "clicked", "bought")
    assert picked(rows[("Firefox",)], *stages) == (50, 48, 40, 10, 4)
    assert picked(rows[("Chrome",)], *stages) == (50, 47, 40, 10, 4)


def test_refunds_subtract_and_what_was_only_seen_stands_apart(report: Report) -> None:
    row = by(report.rows["revenue"], "scenario", "currency")[("cart_abandoned", "PLN")]
    assert picked(row, "orders", "value", "refunded", "net") == (8, 80_000, 12_500, 67_500)
    assert picked(row, "orders_seen", "net_seen") == (1, 10_000)


def test_credit_that_moved_counts_where_it_came_to_rest(report: Report) -> None:
    rows = by(report.rows["revenue"], "scenario", "currency")
    assert picked(rows[("wishlist", "EUR")], "orders", "net") == (1, 5_000)
    assert ("price_drop", "EUR") not in rows


def test_uplift_compares_who_got_a_message_with_who_would_have(report: Report) -> None:
    row = by(report.rows["uplift"], "scenario")[("cart_abandoned",)]
    assert picked(row, "messaged", "messaged_bought") == (100, 9)
    # The one whom a cap would have kept silent anyway is not of the holdout's forty.
    assert picked(row, "held_out", "held_out_bought") == (40, 1)
    assert row["uplift"] == pytest.approx(0.09 - 0.025)
    assert row["low"] < 0 < row["uplift"] < row["high"]


def test_nothing_is_credited_for_a_message_that_the_holdout_never_got(tmp_path: Path) -> None:
    made, at = MadeShop(), START + DAY
    sent = made.decide("anna", "cart_abandoned", at, "sent", "ok")
    made.result("anna", "b", sent, at, "delivered")
    spared = {"would_have": "sent"}
    withheld = made.decide("bob", "cart_abandoned", at, "withheld", "holdout", evidence=spared)
    for user, job in (("anna", sent), ("bob", withheld)):
        made.order(user, f"{user}-1", at + HOUR, 1_000)
        made.credit(user, f"{user}-1", job, at + HOUR, 1_000)
    made.write(tmp_path)
    rows = count(tmp_path, PERIOD).rows
    assert [picked(row, "orders", "net") for row in rows["revenue"]] == [(1, 1_000)]
    assert [picked(row, "sent", "bought") for row in rows["funnel"]] == [(1, 1)]
    uplift = by(rows["uplift"], "scenario")[("all",)]
    assert picked(uplift, "messaged_bought", "held_out_bought") == (1, 1)


def test_who_left_the_holdout_by_logging_in_is_in_neither_group(tmp_path: Path) -> None:
    made, at = MadeShop(), START + DAY
    spared = {"would_have": "sent"}
    for user in ("guest", "bob"):
        made.decide(user, "cart_abandoned", at, "withheld", "holdout", evidence=spared)
    made.event("login", "anna", at + HOUR, anonymous_id="guest")
    for user in ("anna", "cleo"):
        made.decide(user, "cart_abandoned", at + 2 * HOUR, "sent", "ok")
    made.order("anna", "anna-1", at + 3 * HOUR, 1_000)
    made.write(tmp_path)
    rows = by(count(tmp_path, PERIOD).rows["uplift"], "scenario")
    for scenario in ("all", "cart_abandoned"):
        row = rows[(scenario,)]
        assert picked(row, "messaged", "held_out", "held_out_bought") == (1, 1, 0)


def test_the_interval_is_newcombes() -> None:
    # Newcombe 1998, table II, method 10: 56/70 - 48/80, and 0/20 - 0/10.
    assert difference(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert difference(0, 20, 0, 10) == pytest.approx((-0.2775, 0.1611), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_arms_are_told_apart(report: Report) -> None:
    rows = by(report.rows["arms"], "scenario", "arm")
    assert picked(rows[("cart_abandoned", "short")], "people", "delivered", "clicked") == (
        40,
        40,
        20,
    )
    assert picked(rows[("cart_abandoned", "long")], "people", "delivered", "clicked") == (60, 55, 0)


def test_who_left_counts_to_what_spoke_to_them_last_and_a_login_is_no_leaving(
    report: Report,
) -> None:
    rows = by(report.rows["reach"], "scenario")
    kinds = ("subscribed", "agreed", "unsubscribed", "gone", "refused")
    assert picked(rows[("cart_abandoned",)], *kinds) == (1, 0, 1, 1, 1)
    assert picked(rows[("no message before",)], *kinds) == (1, 0, 0, 0, 0)


def test_opt_in_by_prompt_counts_each_person_once_a_question(report: Report) -> None:
    rows = by(report.rows["prompts"], "prompt")
    kinds = ("asked", "accepted", "declined", "granted", "denied", "dismissed", "opt_in")
    assert picked(rows[("cart",)], *kinds) == (4, 3, 1, 2, 1, 0, 0.5)
    assert picked(rows[("button",)], *kinds) == (1, 0, 0, 0, 0, 1, 0.0)


def test_crr_names_the_period_that_it_compares_with(
    report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    assert as_json(report)["preceding_since"] == START - 30 * DAY
    console.cache_clear()
    show(report)
    console.cache_clear()
    assert "begins at 2026-03-02 00:00" in capsys.readouterr().out
    assert "begins at 2026-03-02 00:00" in page(report)


def test_baskets_and_lifetime_value_stay_within_their_currency(report: Report) -> None:
    basket = by(report.rows["baskets"], "currency")[("PLN",)]
    # 76 + 2 at 200.00, 9 + 1 at 100.00.
    assert picked(basket, "orders", "customers", "value") == (88, 87, 1_660_000)
    assert picked(basket, "refunded", "basket", "pieces") == (12_500, 18_864, 2.0)
    life = by(report.rows["lifetime"], "currency")[("PLN",)]
    assert picked(life, "customers", "median_ltv") == (129, 30_000)
    assert life["ltv"] == round((1_660_000 + 118 * 10_000 - 12_500) / 129)


def test_a_report_says_when_the_data_do_not_reach_back(shop: Path, report: Report) -> None:
    assert not report.notes
    (said,) = count(shop / "tables", Period(START - 10 * DAY, PERIOD.until)).notes
    assert "CRR" in said
    (said,) = count(shop / "tables", Period(START - 60 * DAY, PERIOD.until)).notes
    assert "too small" in said


@pytest.mark.parametrize("format_", [Format.CSV, Format.JSONL])
def test_the_figures_are_the_same_over_csv_and_json_lines(
    format_: Format, report: Report, tmp_path: Path
) -> None:
    made_shop().write(tmp_path, format_)
    assert count(tmp_path, PERIOD).rows == report.rows


def test_a_record_in_two_months_files_counts_once(report: Report, tmp_path: Path) -> None:
    for month in ("2026-04", "2026-05"):
        (tmp_path / month).mkdir()
        made_shop().write(tmp_path / month)
    assert count(tmp_path, PERIOD).rows == report.rows


ANSWERS = {
    "Why were people not spoken to?": [("price_drop", "quiet_hours", 5, 5)],
    "How many clicked, by hour of the day in Warsaw?": [(2, 20), (3, 1)],
    "How long do people take to click?": [("cart_abandoned", 1.0), ("wishlist", 1.0)],
    "What did messages bring, in minor units (cents, grosze)?": [
        ("EUR", "click", 5000), ("PLN", "click", 67500), ("PLN", "view", 10000),
    ],
    "Which push services lose messages?": [
        ("https://push.example", "delivered", 96),
        ("https://push.example", "expired", 5),
        ("https://push.example", "gone", 1),
    ],
    "What is bought after a message that is not credited to it?": [(0,)],
}  # fmt: skip
QUERIES = dict(documents((ROOT / "docs" / "figures.md").read_text(encoding="utf-8")))


def test_every_sample_query_has_its_known_answer() -> None:
    assert set(QUERIES) == set(ANSWERS)


@pytest.mark.parametrize("heading", ANSWERS)
def test_the_sample_queries_answer_as_counted(
    heading: str, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    with duckdb.connect() as database:
        assert database.execute(QUERIES[heading]).fetchall() == ANSWERS[heading]


async def test_the_report_is_a_table_a_page_and_json(shop: Path, tmp_path: Path) -> None:
    tables = str(shop / "tables")
    shown = (await nudge(None, "report", tables, *SINCE)).good().out
    assert "64.4 %" in shown
    assert "675.00 PLN" in shown
    html = tmp_path / "report.html"
    answer = await nudge(None, "report", tables, *SINCE, "--html", str(html), "--json")
    assert answer.good().json()["customers"][0]["bought_again"] == 76
    written = html.read_text(encoding="utf-8")
    assert "64.4 %" in written
    assert "<svg" in written


def test_the_page_loads_nothing_and_runs_nothing_whatever_names_say(shop: Path) -> None:
    hostile = "<script>alert(1)</script>"
    with opened(shop / "tables", PERIOD) as database:
        database.execute("UPDATE finals SET scenario = ?", [hostile])
        database.execute("UPDATE pushes SET scenario = ?", [hostile])
        written = page(figures.report(database, PERIOD))
    assert "&lt;script&gt;" in written
    assert "<script" not in written
    assert "default-src &#39;none&#39;" in written or "default-src 'none'" in written
    assert "http://" not in written
    assert "https://" not in written


async def test_a_directory_without_tables_is_a_cause_and_a_cure(tmp_path: Path) -> None:
    assert "nudge tap all" in (await nudge(None, "report", str(tmp_path))).failed().err
    (await nudge(None, "report", str(tmp_path), "--until", "60d")).failed(2)
    (tmp_path / "push.decisions.parquet").write_text("no table")
    assert "cannot be read" in (await nudge(None, "report", str(tmp_path))).failed().err
    (tmp_path / "push.decisions.parquet").unlink()
    (tmp_path / "push.decisions.csv").write_bytes("user_id,żółw\n".encode("iso-8859-2"))
    assert "cannot be read" in (await nudge(None, "report", str(tmp_path))).failed().err
