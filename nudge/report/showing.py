"""A report for people: tables on a terminal, or one HTML page with plots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup

from nudge.event_words import money
from nudge.pages import render
from nudge.pages.charts import Series, Span, columns, share_bar, spans
from nudge.report.figures import FIGURES, Column, Figure, Report, Row, Unit
from nudge.when import rfc3339

NOTHING = "–"
_WIDEST = 300


def shown(column: Column, row: Row) -> str:
    """One cell as people read it."""
    value = row[column.name]
    if value is None:
        return NOTHING
    match column.unit:
        case Unit.TEXT:
            return str(value)
        case Unit.COUNT:
            return f"{value:,}"
        case Unit.SHARE:
            return f"{value:.1%}".replace("%", " %")
        case Unit.POINTS:
            return f"{100 * value:+.1f} pp"
        case Unit.MONEY:
            return money(int(value), row["currency"])
        case Unit.MEAN:
            return f"{value:.2f}"


def show(report: Report) -> None:
    """The report on the terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from nudge.terminal import console, note, plain

    out = console()
    # A narrow terminal wraps lines; no figure is cut.
    out.width = max(out.width, _WIDEST)
    period = report.period
    out.print(
        f"{_day(period.since)} to {_day(period.until)} (UTC); the preceding period, which CRR and"
        f" churn compare with, begins at {_day(period.before)}"
    )
    for said in report.notes:
        note(f"[yellow]{said}[/yellow]")
    for figure in FIGURES:
        rows = report.rows[figure.name]
        out.print(f"\n[bold]{figure.title}[/bold]\n[dim]{figure.about}[/dim]")
        if not rows:
            out.print(f"[dim]{figure.empty}[/dim]")
            continue
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        for column in figure.columns:
            text = column.unit is Unit.TEXT
            head = column.head if text else column.head.replace(" ", "\n")
            table.add_column(head, justify="left" if text else "right", no_wrap=True)
        for row in rows:
            table.add_row(*(plain(shown(column, row)) for column in figure.columns))
        out.print(table)


@dataclass(frozen=True, slots=True)
class _Head:
    text: str
    side: str


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    title: str
    about: str
    empty: str
    heads: Sequence[_Head]
    rows: Sequence[Sequence[str]] = field(default=())
    plot: Markup = field(default_factory=Markup)


def page(report: Report) -> str:
    """The report as one HTML page."""
    period = report.period
    return render(
        "report",
        since=_day(period.since),
        until=_day(period.until),
        preceding=_day(period.before),
        begins=None if report.oldest is None else _day(report.oldest),
        notes=report.notes,
        tiles=_tiles(report),
        tables=[_table(figure, report.rows[figure.name]) for figure in FIGURES],
    )


def _table(figure: Figure, rows: Sequence[Row]) -> _Table:
    plot = _PLOTS.get(figure.name)
    return _Table(
        figure.name,
        figure.title,
        figure.about,
        figure.empty,
        [_Head(c.head, "" if c.unit is Unit.TEXT else "number") for c in figure.columns],
        [[shown(column, row) for column in figure.columns] for row in rows],
        plot(rows) if plot and rows else Markup(),
    )


def _tiles(report: Report) -> list[tuple[str, str]]:
    funnel = report.rows["funnel"]
    total = {name: sum(row[name] for row in funnel) for name in _STAGES}
    (customers,) = report.rows["customers"]
    tiles = [
        (f"{total['sent']:,}", "messages sent"),
        (_share(total["clicked"], total["delivered"]), "clicked of delivered (CTR)"),
        (_share(total["bought"], total["delivered"]), "led to an order"),
        *((money(int(value), currency), "revenue by clicks") for currency, value in _net(report)),
        (_share(customers["bought_again"], customers["customers"]),
         f"CRR: {customers['bought_again']:,} of {customers['customers']:,} bought again"),
    ]  # fmt: skip
    for row in report.rows["uplift"]:
        if row["scenario"] == "all" and row["uplift"] is not None:
            sure = f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}"
            tiles.append((f"{100 * row['uplift']:+.1f} pp", f"uplift (95 %: {sure})"))
    return tiles


def _net(report: Report) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for row in report.rows["revenue"]:
        sums[row["currency"]] = sums.get(row["currency"], 0) + row["net"]
    return list(sums.items())


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}".replace("%", " %") if whole else NOTHING


_STAGES = ("decided", "sent", "delivered", "displayed", "clicked", "bought")


def _funnel(rows: Sequence[Row]) -> Markup:
    """All scenarios together, each stage's part of what was decided."""
    total = {name: sum(row[name] for row in rows) for name in _STAGES}
    lines = [
        Markup("<span>{}</span>{}<span class=number>{:,}</span>").format(
            name, share_bar(count / max(total["decided"], 1)), count
        )
        for name, count in total.items()
    ]
    return Markup('<div class="funnel">{}</div>').format(Markup().join(lines))


def _uplift(rows: Sequence[Row]) -> Markup:
    found = [row for row in rows if row["uplift"] is not None]
    return spans(
        [
            Span(row["scenario"], row["low"], row["uplift"], row["high"],
                 f"{100 * row['uplift']:+.1f} pp ({100 * row['low']:+.1f} to"
                 f" {100 * row['high']:+.1f})")
            for row in found
        ],
        "Uplift of each scenario with its 95 % interval",
    )  # fmt: skip


def _days(rows: Sequence[Row]) -> Markup:
    """Every day from the first to the last, those without a message too."""
    by_day = {date.fromisoformat(row["day"]): row for row in rows}
    first, last = min(by_day), max(by_day)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    series = [
        Series(name, [by_day[day][name] if day in by_day else 0 for day in days])
        for name in ("sent", "delivered", "clicked")
    ]
    return columns(series, [day.isoformat() for day in days], "Messages a day")


_PLOTS: dict[str, Callable[[Sequence[Row]], Markup]] = {
    "funnel": _funnel,
    "uplift": _uplift,
    "days": _days,
}


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data: shares from 0 to 1, money in minor units, times in ms."""
    return {
        "preceding_since": report.period.before,
        "since": report.period.since,
        "until": report.period.until,
        "data_begin": report.oldest,
        "notes": list(report.notes),
        **{name: [dict(row) for row in rows] for name, rows in report.rows.items()},
    }


def _day(at: int) -> str:
    return rfc3339(at)[:16].replace("T", " ")
