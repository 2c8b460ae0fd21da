"""``nudge publish``: events into Kafka, checked first."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.event_input import Source
    from nudge.events import ReadyEvent
    from nudge.publishing import Published

_LISTED = 20
"""More events than this are counted, not listed."""

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

    if example is not None:
        _print_example(example)
        return
    if types:
        _print_types()
        return
    if (what is None) == (file is None):
        raise usage_problem("Say what to publish: a TYPE, JSON, - or --file FILE.", "See --help.")
    if fields and (file is not None or what == "-"):
        raise usage_problem("FIELD=VALUE goes with a TYPE only.")
    given = _Given(what, tuple(fields or ()), file, user, anonymous, at, skip_bad)
    source, events = given.events()
    _send(events, pipe=what == "-", dry_run=dry_run, json=json)
    if source.faulty:
        raise typer.Exit(1)


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


def _send(events: "Iterator[ReadyEvent]", *, pipe: bool, dry_run: bool, json: bool) -> None:
    import asyncio

    report = _Report(json=json)
    if dry_run:
        for event in events:
            report.checked(event)
    else:
        asyncio.run(_publish(events, report, pipe=pipe))
    report.close()


async def _publish(events: "Iterator[ReadyEvent]", report: "_Report", *, pipe: bool) -> None:
    from nudge.kafka import kafka_settings
    from nudge.publishing import as_they_are, in_background, publish

    stream = in_background(events) if pipe else as_they_are(events)
    async for published in publish(kafka_settings(), stream):
        report.published(published)


class _Report:
    """Lists the first events, counts the rest; in JSON lists them all."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._counts: Counter[str] = Counter()
        self._last: ReadyEvent | None = None

    def checked(self, event: "ReadyEvent") -> None:
        from nudge.terminal import plain, say

        self._count(event, event.topic.name)
        if self._json:
            print(event.value.decode())
        elif self._counts.total() <= _LISTED:
            say(f"[green]valid[/green]  {event.type} for {plain(event.key)} → {event.topic.name}")

    def published(self, published: "Published") -> None:
        from nudge.terminal import plain, say, say_json

        event = published.event
        self._count(event, published.topic)
        if self._json:
            say_json(published.as_json())
        elif self._counts.total() <= _LISTED:
            where = f"{published.topic} partition {published.partition} offset {published.offset}"
            say(f"[green]published[/green]  {event.type} for {plain(event.key)} → {where}")

    def _count(self, event: "ReadyEvent", topic: str) -> None:
        self._counts[topic] += 1
        self._last = event

    def close(self) -> None:
        from nudge.event_input import looks_like_email
        from nudge.terminal import note, plain, say

        if self._counts.total() > _LISTED and not self._json:
            say(", ".join(f"{topic}: {count:,}" for topic, count in self._counts.items()))
        if self._last is None or self._json:
            return
        if self._last.ignored:
            note(f"ignored by every reader: {plain(', '.join(self._last.ignored))}")
        if looks_like_email(self._last.key):
            note("[yellow]The user id is an e-mail address; it will stand in every topic and log."
                 " Use an opaque id.[/yellow]")  # fmt: skip
        if self._last.topic.name == "shop.events":
            note(f"[dim]What comes of it: nudge explain {plain(self._last.key)}[/dim]")


def _print_example(type_: str) -> None:
    import uuid

    from nudge.events import closest_types, event_models
    from nudge.problem import usage_problem
    from nudge.terminal import say_json
    from nudge.when import now_ms
    from schemas.examples import example

    if type_ not in event_models():
        close = closest_types(type_)
        raise usage_problem(
            f"There is no event type {type_!r}.",
            f"Did you mean {' or '.join(close)}?" if close else "See `nudge publish --types`.",
        )
    fresh = {"event_id": str(uuid.uuid4()), "occurred_at": now_ms()}
    say_json(example(type_) | fresh, indent=True)


def _print_types() -> None:
    from nudge.events import event_models, topic_of
    from nudge.terminal import say_table
    from schemas.events import Envelope

    rows = []
    for type_, model in event_models().items():
        own = [name for name in model.model_fields if name not in ("type", *Envelope.model_fields)]
        needed = [name for name in own if model.model_fields[name].is_required()]
        optional = [name for name in own if name not in needed]
        rows.append((type_, topic_of(type_).name, " ".join(needed), " ".join(optional)))
    say_table(("type", "topic", "needs", "may have"), rows)
