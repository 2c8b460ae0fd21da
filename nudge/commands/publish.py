"""``nudge publish``: events into Kafka, checked first."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.event_input import Source
    from nudge.events import ReadyEvent
    from nudge.publish_answer import Report

EXAMPLES = examples(
    "nudge publish --example add_to_cart                 # a ready event, to edit or to pipe",
    "nudge publish add_to_cart --user anna product_id=tea-1 price=1990 currency=PLN",
    "nudge publish price_change product_id=tea-1 price=1490 currency=PLN",
    'nudge publish \'{"type": "search", "user_id": "anna", "query": "green tea"}\'',
    "nudge publish --example purchase | nudge publish -",
    "nudge publish --file events.jsonl",
)


def register(root: typer.Typer, section: str) -> None:
    root.command("publish", rich_help_panel=section, epilog=EXAMPLES)(publish)


def publish(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[TYPE|JSON|-]",
            help="An event's type, a whole event as JSON, or - for JSON (lines) from a pipe.",
        ),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]…",
            help="Fields of a TYPE. Money in minor units; lists and objects as JSON.",
        ),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", "-u", help="user_id, if known.")] = None,
    anonymous: Annotated[
        str | None, typer.Option("--anonymous", "-a", help="anonymous_id, the browser's.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="occurred_at: RFC 3339, epoch ms, or -10m for ten minutes ago."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="JSON lines; all are checked before one is sent."),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="Print a ready event of that type; sends nothing."),
    ] = None,
    types: Annotated[
        bool, typer.Option("--types", help="List the types and what each needs; sends nothing.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Send what is good of a file, and name the rest.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; needs no Kafka.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON, a line an event.")] = False,
) -> None:
    """Publish events to shop.events or shop.catalog, whichever each belongs in.

    Every event is checked first, and the field at fault is named. A missing event_id or
    occurred_at is filled in. The key is the user's id (else the anonymous id) or the product's,
    and murmur2 of it says the partition.
    """
    from nudge.problem import usage_problem
    from nudge.publish_answer import print_example, print_types
    from nudge.terminal import note, plain

    if example is not None:
        print_example(example)
        return
    if types:
        print_types()
        return
    if (what is None) == (file is None):
        raise usage_problem("Say what to publish: a TYPE, JSON, - or --file FILE.", "See --help.")
    if fields and (what is None or what.lstrip().startswith(("-", "{", "["))):
        raise usage_problem("FIELD=VALUE goes with a TYPE only.")
    given = _Given(what, tuple(fields or ()), file, user, anonymous, at, skip_bad)
    source, events = given.events()
    sent = _send(events, pipe=what == "-", dry_run=dry_run, json=json)
    if source.faulty:
        raise typer.Exit(1)
    if not sent:
        note(f"{plain(source.name)} holds no events: nothing was sent.")


@dataclass(frozen=True, slots=True)
class _Given:
    what: str | None
    fields: tuple[str, ...]
    file: Path | None
    user: str | None
    anonymous: str | None
    at: str | None
    skip_bad: bool

    def events(self) -> "tuple[Source, Iterator[ReadyEvent]]":
        """What was given, checked: before the first event where it can be seen as a whole.

        Raises:
            Problem: it was seen as a whole, and something is wrong with it.
        """
        from nudge.event_input import Source, file_events, head_of
        from nudge.when import now_ms

        now = now_ms()
        name = "standard input" if self.what == "-" else str(self.file or "")
        source = Source(name, head_of(self.user, self.anonymous, self.at, now), now, _tell)
        if self.what == "-":
            return source, _only_events(source.events(_piped(name)))
        if self.file is None:
            events = list(_only_events(source.events(self._words(now))))
            _nothing_if(source)
            return source, iter(events)
        if not self.skip_bad:
            for _ in file_events(source, self.file):
                pass
            _nothing_if(source)
        return source, _only_events(file_events(source, self.file))

    def _words(self, now: int) -> Iterator[tuple[int, Any]]:
        from nudge.event_input import from_json, from_words

        assert self.what is not None
        if not self.what.lstrip().startswith(("{", "[")):
            yield 1, from_words(self.what, self.fields, now=now)
            return
        raw = from_json(self.what)
        yield from ((1, member) for member in (raw if isinstance(raw, list) else [raw]))


def _piped(name: str) -> Iterator[tuple[int, Any]]:
    import sys

    from nudge.documents import json_documents

    return json_documents(sys.stdin.buffer, name)


def _only_events(numbered: "Iterator[tuple[int, ReadyEvent]]") -> "Iterator[ReadyEvent]":
    return (event for _, event in numbered)


def _nothing_if(source: "Source") -> None:
    from nudge.problem import Problem

    if source.faulty:
        raise Problem("Nothing was sent.", "Correct what is named above; --help has examples.")


def _tell(fault: str) -> None:
    from nudge.terminal import note, plain

    note(f"[red]invalid[/red]  {plain(fault)}")


def _send(events: "Iterator[ReadyEvent]", *, pipe: bool, dry_run: bool, json: bool) -> int:
    """How many there were."""
    import asyncio

    from nudge.publish_answer import Report

    report = Report(json=json)
    if dry_run:
        for event in events:
            report.checked(event)
    else:
        asyncio.run(_publish(events, report, pipe=pipe))
    report.close()
    return report.total


async def _publish(events: "Iterator[ReadyEvent]", report: "Report", *, pipe: bool) -> None:
    from nudge.kafka import kafka_settings
    from nudge.publishing import as_they_are, in_background, publish

    stream = in_background(events) if pipe else as_they_are(events)
    async for published in publish(kafka_settings(), stream):
        report.published(published)
