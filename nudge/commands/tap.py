"""``nudge tap``: what goes through the topics, as it comes."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from runtime.settings import KafkaSettings
    from schemas.topics import Topic

EXAMPLES = examples(
    "nudge tap decisions                         # live, until Ctrl-C",
    "nudge tap all --user anna --since 1h",
    "nudge tap push.decisions --since 1d --json | jq -r .value.reason | sort | uniq -c",
    "nudge tap results --from-start --follow",
    "nudge tap events catalog subscriptions interactions --from-start --json > history.jsonl",
    "nudge tap decisions --since 30d --format parquet --out decisions.parquet",
    "nudge tap all --since 60d --format parquet --out tables/    # for nudge report",
    "nudge tap interactions --since 1d --format csv > interactions.csv",
)


class TableFormat(StrEnum):
    """``nudge.export.files.Format``, which is too heavy for a help page."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


def register(root: typer.Typer, section: str) -> None:
    root.command("tap", rich_help_panel=section, epilog=EXAMPLES)(tap)


def tap(
    topic: Annotated[
        list[str],
        typer.Argument(help="Topics, by name or last word (decisions), or all of them."),
    ],
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="Only this user's; one partition is read.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From 1h ago or a time on, then stop (see --follow).")
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Everything there is, then stop.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes. Default without a start.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Up to 1h ago or a time, which is not included.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
    table: Annotated[
        TableFormat | None,
        typer.Option("--format", help="Write a table: a column a field, from the first record on."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The table's file, or a directory: a file a topic. Default: stdout."),
    ] = None,
) -> None:
    """Show the records of topics, in order of their time, or write them as tables.

    Only committed records are shown, the ones that count. Without --since or --from-start it
    begins now and goes on until Ctrl-C. Tables (--format) have the topic's fields as columns:
    docs/figures.md lists them. What lets somebody push to a browser (endpoint, keys) is in none.
    """
    import asyncio

    from nudge.kafka import kafka_settings
    from nudge.problem import usage_problem
    from nudge.when import now_ms, since_ms

    if since is not None and from_start:
        raise usage_problem("--since and --from-start say different things.", "Give one of them.")
    start = 0 if from_start else None if since is None else since_ms(since, now=now_ms())
    end = None if until is None else since_ms(until, now=now_ms())
    if end is not None and end <= (start or 0):
        raise usage_problem("The time ends before it begins.", "Give --since before --until.")
    tapped = topics_named(topic, user)
    if table is not None:
        if follow or json:
            raise usage_problem("--format writes what there is, and ends.", "Leave the other out.")
        _export(tapped, "all" in topic, user, (start or 0, end), limit, table, out)
        return
    if out is not None:
        raise usage_problem("--out goes with --format.", "Or redirect what is shown.")
    if end is not None and (follow or start is None):
        raise usage_problem("--until needs a start and an end.", "Give --since or --from-start.")
    asyncio.run(
        _tap(
            kafka_settings(), tapped, user, (start, end), follow or start is None, limit, json=json
        )
    )


def _export(
    topics: "list[Topic]",
    several: bool,
    user: str | None,
    stretch: tuple[int, int | None],
    limit: int | None,
    table: TableFormat,
    out: Path | None,
) -> None:
    import asyncio

    from nudge.export.files import Format
    from nudge.export.taking import Wanted, paths_for, tables_of, take_files, take_to_stdout
    from nudge.kafka import kafka_settings
    from nudge.problem import usage_problem
    from nudge.terminal import note, plain

    format_ = Format(table.value)
    wanted = Wanted(tables_of(topics, several=several), user, *stretch, limit)
    if out is None:
        if format_ is Format.PARQUET or len(wanted.topics) > 1:
            raise usage_problem("That cannot go to standard output.", "Name a file: --out PATH")
        taken = asyncio.run(take_to_stdout(kafka_settings(), wanted, format_))
    else:
        paths = paths_for(wanted.topics, out, format_)
        taken = asyncio.run(take_files(kafka_settings(), wanted, paths, format_))
        for topic, rows in taken.rows.items():
            note(f"{rows:>10,} rows  {plain(str(paths[topic]))}")
    if taken.unreadable:
        note(f"[yellow]{taken.unreadable} records could not be read: left out[/yellow]")


def topics_named(names: Iterable[str], user: str | None) -> "list[Topic]":
    """The registry's topics that ``names`` stand for, each once.

    Raises:
        Problem: one stands for none, or for none that is keyed by user where a user is asked for.
    """
    return list(dict.fromkeys(topic for name in names for topic in _named(name, user)))


def _named(name: str, user: str | None) -> "list[Topic]":
    from nudge.problem import usage_problem
    from nudge.reading import topic_named
    from schemas.topics import MARKS, PRODUCTS, PROFILES_CHANGELOG, REGISTRY, Partitioning

    if name == "all":
        inner = (MARKS, PRODUCTS, PROFILES_CHANGELOG)
        return [
            topic
            for topic in REGISTRY
            if topic not in inner and (user is None or topic.partitioning is Partitioning.USER)
        ]
    found = topic_named(name)
    if user is not None and found.partitioning is not Partitioning.USER:
        raise usage_problem(f"{found.name} is not kept by user.", "Leave --user out.")
    return [found]


async def _tap(
    settings: "KafkaSettings",
    topics: "list[Topic]",
    user: str | None,
    stretch: tuple[int | None, int | None],
    follow: bool,
    limit: int | None,
    *,
    json: bool,
) -> None:
    from nudge.kafka import reader
    from nudge.tapping import line_markup, record_json, records_of
    from nudge.terminal import say, say_json
    from nudge.words import line_of

    shown = 0
    start, until = stretch
    async with reader(settings) as consumer:
        async for record in records_of(
            consumer, settings, topics, user, start, follow=follow, until=until
        ):
            if json:
                say_json(record_json(record))
            else:
                say(line_markup(line_of(record)))
            shown += 1
            if shown == limit:
                return
    if not shown and not json:
        from nudge.terminal import note

        note("Nothing in that time.")
