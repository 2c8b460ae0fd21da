"""What ``nudge publish`` answers: each event and where it stands, examples, types."""

import uuid
from collections import Counter

from nudge.event_input import looks_like_email
from nudge.events import ReadyEvent, closest_types, event_models, topic_of
from nudge.problem import usage_problem
from nudge.publishing import Published
from nudge.terminal import note, plain, say, say_json, say_table, write
from nudge.when import now_ms
from schemas.events import Envelope
from schemas.examples import example

_LISTED = 20
"""More events than this are counted, not listed."""


class Report:
    """Lists the first events, counts the rest; in JSON lists them all."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._counts: Counter[str] = Counter()
        self._last: ReadyEvent | None = None

    @property
    def total(self) -> int:
        return self._counts.total()

    def checked(self, event: ReadyEvent) -> None:
        self._count(event, event.topic.name)
        if self._json:
            write(event.value + b"\n")
        elif self._counts.total() <= _LISTED:
            say(f"[green]valid[/green]  {event.type} for {plain(event.key)} → {event.topic.name}")

    def published(self, published: Published) -> None:
        event = published.event
        self._count(event, published.topic)
        if self._json:
            say_json(published.as_json())
        elif self._counts.total() <= _LISTED:
            where = f"{published.topic} partition {published.partition} offset {published.offset}"
            say(f"[green]published[/green]  {event.type} for {plain(event.key)} → {where}")

    def _count(self, event: ReadyEvent, topic: str) -> None:
        self._counts[topic] += 1
        self._last = event

    def close(self) -> None:
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


def print_example(type_: str) -> None:

    if type_ not in event_models():
        close = closest_types(type_)
        raise usage_problem(
            f"There is no event type {type_!r}.",
            f"Did you mean {' or '.join(close)}?" if close else "See `nudge publish --types`.",
        )
    fresh = {"event_id": str(uuid.uuid4()), "occurred_at": now_ms()}
    say_json(example(type_) | fresh, indent=True)


def print_types() -> None:
    """Every type, its topic, and its fields beside the envelope's."""
    rows = []
    for type_, model in event_models().items():
        own = [name for name in model.model_fields if name not in ("type", *Envelope.model_fields)]
        needed = [name for name in own if model.model_fields[name].is_required()]
        optional = [name for name in own if name not in needed]
        rows.append((type_, topic_of(type_).name, " ".join(needed), " ".join(optional)))
    say_table(("type", "topic", "needs", "may have"), rows)
