"""``nudge doctor``: what is wrong, what it means, and the cure."""

from typing import Annotated

import typer

from nudge.terminal import examples

_INDENT = " " * 6
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "doctor",
        rich_help_panel=section,
        epilog=examples(
            "nudge doctor",
            "nudge doctor --json | jq 'select(.level == \"fail\")'",
        ),
    )(doctor)


def doctor(
    json: Annotated[bool, typer.Option("--json", help="A JSON object a finding.")] = False,
) -> None:
    """Look at everything that pushes depend on, and say what is wrong with it and the cure.

    Settings, VAPID keys, Redis, Kafka, topics, scenarios, pauses, lag, and a sample of the newest
    events: keys and partitions, ids, times, retention. Changes nothing. Exit code 1 on any fail.
    """
    import asyncio

    if asyncio.run(_examine(json=json)):
        raise typer.Exit(1)


async def _examine(*, json: bool) -> bool:
    """Whether anything failed."""
    from collections import Counter

    from nudge.doctor import Level, examine
    from nudge.terminal import plain, plain_lines, say, say_json

    levels: Counter[Level] = Counter()
    async for finding in examine():
        levels[finding.level] += 1
        if json:
            say_json(finding.as_json())
            continue
        colour = _COLOURS[finding.level]
        say(f"[{colour}]{finding.level:<4}[/{colour}]  [bold]{finding.check}[/bold]"
            f"  {plain_lines(finding.said, _INDENT)}")  # fmt: skip
        if finding.cure:
            say(f"{_INDENT}→ {plain(finding.cure)}")
    if not json:
        say("\n" + ", ".join(f"{levels[level]} {level}" for level in Level))
    return levels[Level.FAIL] > 0
