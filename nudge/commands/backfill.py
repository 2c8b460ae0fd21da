"""``nudge backfill``: last month's events, loaded with their own times."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.history import Survey
    from runtime.settings import KafkaSettings


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "backfill",
        rich_help_panel=section,
        epilog=examples(
            "nudge backfill events-2026-10.jsonl --dry-run",
            "nudge backfill events-2026-10.jsonl",
        ),
    )(backfill)


def backfill(
    file: Annotated[
        Path, typer.Argument(help="JSON lines of events, oldest first; occurred_at in each.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and the topics; send nothing.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Load what is good, and name the rest.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Load although the topics would not keep it.")
    ] = False,
) -> None:
    """Load history: it builds profiles and opens no moment.

    Events are written with their own times and the header nudge-historical. A run that was
    broken off goes on where it was, and a file that was loaded is not loaded twice: Kafka
    remembers how much of that very content is done (for as long as it keeps the offsets of
    groups, 7 days by default). Change a line, and it is another file.

    Kafka deletes by a record's own time: topics that hold history need retention.ms=-1.
    """
    import asyncio

    from nudge.history import survey
    from nudge.kafka import kafka_settings
    from nudge.problem import Problem
    from nudge.terminal import note, plain, say
    from nudge.when import now_ms, rfc3339

    now = now_ms()
    found, bad = survey(file, lambda fault: note(f"[red]invalid[/red]  {plain(fault)}"), now)
    if bad and not skip_bad:
        raise Problem(f"{bad} bad lines; nothing was sent.", "Mend them, or add --skip-bad.")
    if not found.total:
        raise Problem(f"{file} holds no events.")
    oldest = rfc3339(min(found.oldest.values()))
    counts = ", ".join(f"{count:,} for {topic.name}" for topic, count in found.counts.items())
    say(f"{plain(str(file))}: {counts}, from {oldest} on")
    asyncio.run(_backfill(kafka_settings(), found, now, force=force, dry_run=dry_run))
    if bad:
        raise typer.Exit(1)


async def _backfill(
    settings: "KafkaSettings", found: "Survey", now: int, *, force: bool, dry_run: bool
) -> None:
    from nudge.history import load, traps
    from nudge.problem import Problem
    from nudge.terminal import Progress, note, plain, say

    trapped = await traps(settings, found, now)
    if trapped and not force:
        causes = "\n       ".join(trap.said for trap in trapped)
        cures = "\n       ".join(trap.cure for trap in trapped)
        raise Problem(causes, f"{cures}\n       (or --force to load it all the same)")
    for trap in trapped:
        note(f"[yellow]{plain(trap.said)}[/yellow]")
    if dry_run:
        say("Good to load.")
        return
    start: int | None = None
    done = 0
    whole = found.total + found.ahead
    with Progress("loading", whole) as progress:
        async for done in load(settings, found, lambda _: None):
            start = done if start is None else start
            progress.at(done)
    if start == whole:
        say("This file was loaded before: nothing to do.")
    else:
        resumed = f" (went on after {start:,})" if start else ""
        say(f"{done - found.ahead:,} events loaded{resumed}.")
