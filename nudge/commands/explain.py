"""``nudge explain``: why a user got a push, or did not."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.story import Entry, Story
    from processors.profile import Profile

EXAMPLES = examples(
    "nudge explain anna",
    "nudge explain anna --since 7d",
    "nudge explain a-7f3c            # an anonymous id",
    "nudge explain anna --json | jq -r 'select(.kind == \"decided\") | .words'",
)


def register(root: typer.Typer, section: str) -> None:
    root.command("explain", rich_help_panel=section, epilog=EXAMPLES)(explain)


def explain(
    user: Annotated[str, typer.Argument(help="A user id, or an anonymous id.")],
    since: Annotated[str, typer.Option(help="From 1d ago (30m, 7d …) or a time on.")] = "1d",
    json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Tell a user's story: what they did, every decision and its reason, what was sent.

    One timeline of events, decisions, sends, results and reactions, what they did before they
    logged in included. Reads only the user's partition of each topic.
    """
    import asyncio

    from nudge.kafka import kafka_settings
    from nudge.story import tell
    from nudge.terminal import say_json
    from nudge.when import now_ms, since_ms

    now = now_ms()
    story = asyncio.run(tell(kafka_settings(), user, since_ms(since, now=now)))
    if json:
        for entry in story.entries:
            say_json(_as_json(entry))
    else:
        _show(story, now)


def _as_json(entry: "Entry") -> dict[str, Any]:
    from nudge.tapping import record_json

    line = entry.line
    told = {"at": line.at, "who": line.who, "kind": line.kind.value, "words": line.words}
    return {**told, "late_ms": entry.late_ms, **record_json(entry.record)}


def _show(story: "Story", now: int) -> None:
    from nudge.tapping import line_markup
    from nudge.terminal import note, plain, say
    from nudge.when import ago, rfc3339

    if not story.entries:
        note(f"Nothing of {plain(story.user)} since {rfc3339(story.since)}.")
        note(f"[dim]Further back: nudge explain {plain(story.user)} --since 30d[/dim]")
    for entry in story.entries:
        late = f" [yellow](arrived {ago(entry.late_ms)} later)[/yellow]" if entry.late_ms else ""
        say(line_markup(entry.line) + late)
    if story.profile is not None:
        _show_profile(story.profile, now)
    if decisions := story.decisions():
        total = decisions.total()
        each = ", ".join(f"{count} {what} ({why})" for (what, why), count in decisions.items())
        say(f"\n{total} decision{'s' if total > 1 else ''}: {each}")
    if story.aliases:
        say(f"Before the login: {plain(', '.join(story.aliases))}")
    if story.became:
        note(f"[dim]It goes on under {plain(story.became)}: nudge explain {plain(story.became)}[/]")


def _show_profile(profile: "Profile", now: int) -> None:
    from nudge.event_words import money
    from nudge.terminal import plain, say
    from nudge.when import clock

    lines = [
        f"{line.quantity} × {line.product_id} at {money(line.price, profile.currency)}"
        for line in profile.cart
    ]
    devices = len(profile.devices)
    say("\n[bold]Now[/bold]")
    say(f"  cart       {plain(', '.join(lines)) or 'empty'}")
    say(f"  reach      {f'{devices} device(s)' if devices else 'no device: nothing can be sent'}")
    for purpose, (granted, at) in profile.consents.items():
        said = "agreed" if granted else "refused"
        say(f"  consent    {plain(purpose)}: {said} at {clock(at, now=now)}")
    for moment in profile.moments:
        due = moment.due_at(profile.active_at)
        held = f", held until {clock(moment.look_at, now=now)} ({', '.join(moment.held)})"
        step = f" step {moment.step}" if moment.step > 1 else ""
        say(
            f"  waiting    {plain(moment.scenario)}{step} about {plain(moment.entity)},"
            f" due {clock(due, now=now)}{held if moment.look_at > due else ''}"
        )
