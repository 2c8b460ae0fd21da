"""``nudge report``: what the messages did for the shop."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.report.data import Period
    from nudge.report.figures import Report

EXAMPLES = examples(
    "nudge report                                     # the last 30 days, from the topics",
    "nudge report --since 7d --html report.html",
    "nudge tap all --since 60d --format parquet --out tables/    # kept, for later reports",
    "nudge report tables/",
    "nudge report tables/ --since 2026-10-01T00:00:00Z --until 2026-11-01T00:00:00Z",
    "nudge report tables/ --json | jq '.customers[0].crr'",
)


def register(root: typer.Typer, section: str) -> None:
    root.command("report", rich_help_panel=section, epilog=EXAMPLES)(report)


def report(
    tables: Annotated[
        Path | None,
        typer.Argument(
            help="A directory of tables (nudge tap --format). Default: read the topics.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    since: Annotated[str, typer.Option(help="The period's begin: 30d ago, or a time.")] = "30d",
    until: Annotated[
        str | None, typer.Option(help="The period's end, not included. Default: now.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Count what the messages did: funnel, revenue, uplift, opt-outs, customers.

    From the topics, or from tables that were written of them; topics hold 35 days as they come,
    and CRR wants a period and the one before it. docs/figures.md says what each figure counts.
    """
    from nudge.problem import usage_problem
    from nudge.report.data import Period
    from nudge.report.showing import as_json, page, show
    from nudge.terminal import note, plain, say_json
    from nudge.when import now_ms, since_ms

    now = now_ms()
    period = Period(since_ms(since, now=now), now if until is None else since_ms(until, now=now))
    if period.since >= period.until:
        raise usage_problem("The period ends before it begins.", "Give --since before --until.")
    found = _of_topics(period) if tables is None else _of_tables(tables, period)
    if html is not None:
        html.write_text(page(found), encoding="utf-8")
        note(f"written: {plain(str(html))}")
    if json:
        say_json(as_json(found))
    elif html is None:
        show(found)


def _of_tables(directory: Path, period: "Period") -> "Report":
    from nudge.report import figures
    from nudge.report.data import opened

    with opened(directory, period) as database:
        return figures.report(database, period)


def _of_topics(period: "Period") -> "Report":
    import asyncio
    from dataclasses import replace
    from tempfile import TemporaryDirectory

    from nudge.kafka import kafka_settings
    from nudge.report.reading import read_topics

    with TemporaryDirectory(prefix="nudge-report-") as directory:
        unreadable = asyncio.run(read_topics(kafka_settings(), Path(directory)))
        found = _of_tables(Path(directory), period)
    if unreadable:
        said = f"{unreadable} records could not be read and count nowhere."
        found = replace(found, notes=[*found.notes, said])
    return found
