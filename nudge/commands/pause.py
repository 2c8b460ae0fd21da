"""``nudge pause`` and ``nudge resume``: stop all sending, and go on."""

from typing import Annotated

import typer

from nudge.terminal import examples

Reason = Annotated[str | None, typer.Option(help="Why; it stands beside the pause in tap.")]


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "pause",
        rich_help_panel=section,
        epilog=examples('nudge pause --reason "wrong price in the spring campaign"'),
    )(pause)
    root.command("resume", rich_help_panel=section, epilog=examples("nudge resume"))(resume)


def pause(reason: Reason = None) -> None:
    """Stop all sending.

    Returns once Kafka has it: no push leaves later than 2 seconds after. Jobs that wait stay
    until their time to live ends; moments that come due are held and looked at again.
    """
    _set(paused=True, reason=reason)


def resume(reason: Reason = None) -> None:
    """Go on sending. What is past its time to live is not sent any more."""
    _set(paused=False, reason=reason)


def _set(*, paused: bool, reason: str | None) -> None:
    import asyncio

    from nudge.controls import set_pause
    from nudge.kafka import kafka_settings
    from nudge.terminal import note, say
    from nudge.when import ahead, now_ms, rfc3339

    now = now_ms()
    done = asyncio.run(set_pause(kafka_settings(), now, paused=paused, reason=reason))
    said = "paused; no push leaves later than 2 s from now" if paused else "resumed"
    say(f"Sending is {said} ({rfc3339(done.at)}, {done.by}).")
    if said_ahead := ahead(done.at, now=now):
        note(f"[yellow]{said_ahead}[/yellow]")
