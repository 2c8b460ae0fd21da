"""``nudge explain``: why a user got a push, or did not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.story import Entry

EXAMPLES = examples(
    "nudge explain anna",
    "nudge explain anna --since 7d",
    "nudge explain a-7f3c            # an anonymous id",
    "nudge explain anna --since 30d --html anna.html",
    "nudge explain anna --json | jq -r 'select(.kind == \"decided\") | .words'",
)


def register(root: typer.Typer, section: str) -> None:
    root.command("explain", rich_help_panel=section, epilog=EXAMPLES)(explain)


def explain(
    user: Annotated[str, typer.Argument(help="A user id, or an anonymous id.")],
    since: Annotated[str, typer.Option(help="From 1d ago (30m, 7d …) or a time on.")] = "1d",
    json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write the story as a page to this file.")
    ] = None,
) -> None:
    """Tell a user's story: what they did, every decision and its reason, what was sent.

    One timeline of events, decisions, sends, results and reactions, what they did before they
    logged in included. Every decision with what it rests on: when it was due, the version of the
    rules, the record that caused it, the evidence. Reads only the user's partition of each topic.
    What lets somebody push to a browser (endpoint, keys) is not told.
    """
    import asyncio

    from nudge.explain_view import page, show
    from nudge.kafka import kafka_settings
    from nudge.story import tell
    from nudge.terminal import note, plain, say_json
    from nudge.when import now_ms, since_ms

    now = now_ms()
    story = asyncio.run(tell(kafka_settings(), user, since_ms(since, now=now)))
    if html is not None:
        html.write_text(page(story, now), encoding="utf-8")
        note(f"written: {plain(str(html))}")
    if json:
        for entry in story.entries:
            say_json(_as_json(entry))
    elif html is None:
        show(story, now)


def _as_json(entry: "Entry") -> dict[str, Any]:
    from nudge.explain_view import without_keys
    from nudge.tapping import record_json

    line = entry.line
    told = {"at": line.at, "who": line.who, "kind": line.kind.value, "words": line.words}
    more = {"late_ms": entry.late_ms, "source": entry.source}
    return {**told, **more, **without_keys(record_json(entry.record))}
