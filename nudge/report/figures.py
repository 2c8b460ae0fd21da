"""The figures of a report: each a query, its columns, and what it counts in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import duckdb

from nudge.report.data import Period, oldest, sql
from nudge.report.intervals import difference

Row = Mapping[str, Any]


class Unit(StrEnum):
    """How a column is to be shown."""

    TEXT = "text"
    COUNT = "count"
    SHARE = "share"
    """From 0 to 1, shown in per cent."""
    POINTS = "points"
    """A difference of shares, shown in percentage points."""
    MONEY = "money"
    """Minor units of the row's ``currency``."""
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Column:
    """``name``: in the rows; ``head``: for people."""

    name: str
    head: str
    unit: Unit = Unit.COUNT


@dataclass(frozen=True, slots=True)
class Figure:
    """One table of the report. ``about`` says what is counted; ``empty`` why there may be none."""

    name: str
    title: str
    about: str
    columns: Sequence[Column]
    empty: str = "None in this period."


def _text(*names: str) -> list[Column]:
    return [Column(name, name.replace("_", " "), Unit.TEXT) for name in names]


def _counts(*names: str) -> list[Column]:
    return [Column(name, name.replace("_", " ")) for name in names]


_CTR = Column("ctr", "CTR", Unit.SHARE)
_CONVERSION = Column("conversion", "conversion", Unit.SHARE)

FIGURES: tuple[Figure, ...] = (
    Figure("funnel", "Funnel by scenario",
           "Messages. CTR: clicked of delivered. Conversion: led to an order, of delivered.",
           [*_text("scenario"),
            *_counts("decided", "sent", "delivered", "displayed", "clicked", "bought"),
            _CTR, _CONVERSION]),
    Figure("browsers", "Funnel by browser",
           "Messages at each browser they went to; one to two browsers counts at both.",
           [*_text("browser"), *_counts("sent", "delivered", "displayed", "clicked", "bought"),
            _CTR]),
    Figure("revenue", "Revenue by scenario",
           "Orders credited to the message clicked last in the attribution window; refunds are off."
           " Apart: orders after a message that was only seen.",
           [*_text("scenario", "currency"), *_counts("orders"),
            Column("value", "ordered", Unit.MONEY), Column("refunded", "refunded", Unit.MONEY),
            Column("net", "revenue", Unit.MONEY), Column("orders_seen", "orders, only seen"),
            Column("net_seen", "revenue, only seen", Unit.MONEY)]),
    Figure("uplift", "Uplift against the holdout",
           "People who bought within 24 h of their first message, against those who would have had"
           " one. The interval is Newcombe's hybrid score interval, 95 %: if it spans 0, no effect"
           " is shown.",
           [*_text("scenario"), *_counts("messaged"),
            Column("messaged_share", "bought", Unit.SHARE),
            Column("held_out", "held out"), Column("held_out_share", "bought", Unit.SHARE),
            Column("uplift", "uplift", Unit.POINTS), Column("low", "from", Unit.POINTS),
            Column("high", "to", Unit.POINTS)],
           "Nobody of the holdout would have been sent anything in this period."),
    Figure("arms", "Arms", "The arms of each A/B test.",
           [*_text("scenario", "arm"), *_counts("people", "sent", "delivered", "clicked", "bought"),
            _CTR, _CONVERSION], "No scenario of this period has arms."),
    Figure("reach", "Opt-ins and opt-outs by scenario",
           "Browsers subscribed and ended, people who agreed to marketing or refused it, by the"
           " scenario that had spoken to them last. Gone: the browser let the subscription go.",
           [*_text("scenario"),
            *_counts("subscribed", "agreed", "unsubscribed", "gone", "refused")]),
    Figure("prompts", "Opt-in by prompt",
           "People who were asked for permission, by the question's name. Accepted and declined:"
           " the shop's own question. The rest is the browser's: opt-in is granted of asked.",
           [*_text("prompt"),
            *_counts("asked", "accepted", "declined", "granted", "denied", "dismissed"),
            Column("opt_in", "opt-in", Unit.SHARE)], "Nobody was asked in this period."),
    Figure("customers", "Customers",
           "Customers at the start bought in the preceding period, as long as this one. CRR: how"
           " many of them bought again in the period. Silent: lost, and not even on the site.",
           [Column("customers", "customers at the start"), *_counts("bought_again"),
            Column("crr", "CRR", Unit.SHARE), *_counts("lost"),
            Column("churn", "churn", Unit.SHARE), *_counts("silent", "new_customers")]),
    Figure("baskets", "Orders and baskets", "All orders of the period, by whatever way.",
           [*_text("currency"), *_counts("orders", "customers"),
            Column("value", "ordered", Unit.MONEY), Column("refunded", "refunded", Unit.MONEY),
            Column("net", "revenue", Unit.MONEY), Column("basket", "mean basket", Unit.MONEY),
            Column("median_basket", "median basket", Unit.MONEY),
            Column("pieces", "pieces", Unit.MEAN)]),
    Figure("lifetime", "Lifetime value so far",
           "What a customer has brought since the data begin, refunds taken off.",
           [*_text("currency"), *_counts("customers"), Column("ltv", "mean", Unit.MONEY),
            Column("median_ltv", "median", Unit.MONEY), Column("orders", "orders", Unit.MEAN)]),
    Figure("silences", "What was decided, and why",
           "Every moment that was judged for good in the period.",
           [*_text("outcome", "reason"), *_counts("decided", "people")]),
    Figure("days", "Day by day", "Messages by the day they were decided (UTC).",
           [*_text("day"), *_counts("sent", "delivered", "clicked", "bought")]),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """``rows`` by the figure's name. ``oldest``: when the data begin (ms; ``None``: no events)."""

    period: Period
    oldest: int | None
    rows: Mapping[str, Sequence[Row]]
    notes: Sequence[str] = field(default=())


def report(database: duckdb.DuckDBPyConnection, period: Period) -> Report:
    """Runs every figure's query."""
    rows = {figure.name: _run(database, figure.name) for figure in FIGURES}
    rows["uplift"] = [_with_interval(row) for row in rows["uplift"]]
    begins = oldest(database)
    return Report(period, begins, rows, _notes(period, begins))


def _run(database: duckdb.DuckDBPyConnection, name: str) -> list[Row]:
    cursor = database.execute(sql(name))
    heads = [column[0] for column in cursor.description or ()]
    return [dict(zip(heads, row, strict=True)) for row in cursor.fetchall()]


def _with_interval(row: Row) -> Row:
    hits, of = row["messaged_bought"], row["messaged"]
    held_hits, held = row["held_out_bought"], row["held_out"]
    if not of or not held:
        nothing = dict.fromkeys(("messaged_share", "held_out_share", "uplift", "low", "high"))
        return {**row, **nothing}
    low, high = difference(hits, of, held_hits, held)
    return {
        **row,
        "messaged_share": hits / of,
        "held_out_share": held_hits / held,
        "uplift": hits / of - held_hits / held,
        "low": low,
        "high": high,
    }


def _notes(period: Period, begins: int | None) -> list[str]:
    """What the reader must know before believing the figures."""
    slack = max((period.until - period.since) // 20, 60_000)
    if begins is None:
        return ["There are no shop events: no orders, no customers."]
    if begins > period.since + slack:
        return ["The data begin within the period: all figures are too small."]
    if begins > period.before + slack:
        return [
            "The data do not reach back over the preceding period: customers at the start are too"
            " few, CRR and churn cannot be relied on."
        ]
    return []
