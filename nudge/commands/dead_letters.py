"""``nudge dead-letters``: what could not be used, and sending it again."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.dead_letters import Cure, Letter
    from runtime.settings import KafkaSettings

app = typer.Typer(
    help="See what could not be used and why; send it again after the cure.",
    no_args_is_help=True,
)

Since = Annotated[str | None, typer.Option(help="From 1h ago or a time on. Default: all.")]
Reason = Annotated[str | None, typer.Option(help="Only these: bad_json, invalid, wrong_key …")]
Topic = Annotated[str | None, typer.Option(help="Only from this topic (events, catalog …).")]


def register(root: typer.Typer, section: str) -> None:
    root.add_typer(app, name="dead-letters", rich_help_panel=section)


@app.command(
    "list",
    epilog=examples(
        "nudge dead-letters list --since 1d",
        "nudge dead-letters list --reason invalid --json > bad.jsonl",
    ),
)
def list_(
    since: Since = None,
    reason: Reason = None,
    topic: Topic = None,
    json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """List what could not be used and was not sent again yet, with the reason of each."""
    from nudge.terminal import note, plain, say, say_json
    from nudge.when import clock, now_ms

    found = _found(since, reason, topic)
    now = now_ms()
    for letter in found:
        if json:
            say_json(letter.as_json())
            continue
        place = f"{letter.source}[{letter.source_partition}]@{letter.source_offset}"
        say(
            f"[dim]{clock(letter.at, now=now)}[/dim]  [red]{letter.reason}[/red]  {plain(place)}"
            f"  {plain(letter.error)}"
        )
        say(f"          {plain((letter.value or b'').decode(errors='replace')[:200])}")
    if json:
        return
    for name, count in Counter(letter.reason for letter in found).most_common():
        about = next(letter.about() for letter in found if letter.reason == name)
        note(f"{count:>6} {name}: {about}")
    if not found:
        note("No dead letters.")


@app.command(
    epilog=examples(
        "nudge dead-letters replay                     # says what would happen",
        "nudge dead-letters replay --reason wrong_partition --go",
    )
)
def replay(
    since: Since = None,
    reason: Reason = None,
    topic: Topic = None,
    go: Annotated[bool, typer.Option("--go", help="Do it; without it nothing is sent.")] = False,
    historical: Annotated[
        bool, typer.Option("--historical", help="They build state and open no moment.")
    ] = False,
) -> None:
    """Send events again whose cause is cured: a new release, a mended producer's key.

    Says what would happen; --go does it. The bytes are checked anew and keyed anew; what is
    still bad stays. Each is sent once, however often this is run. Events that need mending by
    hand: list them with --json, mend, and `nudge publish --file` them.
    """
    import asyncio

    from nudge.dead_letters import cure_of
    from nudge.kafka import kafka_settings
    from nudge.terminal import note, say

    cures = [cure_of(letter) for letter in _found(since, reason, topic)]
    good = [cure for cure in cures if cure.event is not None]
    for cure in cures:
        _show(cure)
    if go and good:
        sent = asyncio.run(_replay(kafka_settings(), good, historical=historical))
        say(f"{sent} sent again, {len(cures) - len(good)} stay.")
    else:
        say(f"{len(good)} can be sent again, {len(cures) - len(good)} stay.")
        if good:
            note("[dim]Nothing was sent: add --go to do it.[/dim]")


async def _replay(settings: "KafkaSettings", cures: "list[Cure]", *, historical: bool) -> int:
    """How many were sent; fewer where another run was quicker."""
    from nudge.dead_letters import replay as send_again
    from nudge.terminal import Progress

    done = 0
    with Progress("sending", len(cures)) as progress:
        async for done in send_again(settings, cures, historical=historical):
            progress.at(done)
    return done


def _show(cure: "Cure") -> None:
    from nudge.terminal import plain, say

    letter = cure.letter
    place = f"{letter.source}[{letter.source_partition}]@{letter.source_offset}"
    if cure.event is None:
        say(f"[red]stays[/red]  {plain(place)}  {letter.reason}: {plain(cure.why_not)}")
        return
    note = f" ({cure.why_not})" if cure.why_not else ""
    say(
        f"[green]good[/green]   {plain(place)}  was {letter.reason}: {cure.event.type}"
        f" for {plain(cure.event.key)}{note}"
    )


def _found(since: str | None, reason: str | None, topic: str | None) -> "list[Letter]":
    import asyncio

    from nudge.dead_letters import letters, wanted
    from nudge.kafka import kafka_settings
    from nudge.problem import usage_problem
    from nudge.reading import topic_named
    from nudge.when import now_ms, since_ms
    from schemas.decisions import DeadLetterReason

    if reason is not None and reason not in list(DeadLetterReason):
        known = ", ".join(DeadLetterReason)
        raise usage_problem(f"There is no reason {reason!r}.", f"One of {known}.")
    start = None if since is None else since_ms(since, now=now_ms())
    source = None if topic is None else topic_named(topic)
    return wanted(asyncio.run(letters(kafka_settings(), start)), reason, source)
