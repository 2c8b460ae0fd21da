"""``nudge segments``: who is in a segment, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from processors.profile import Profile
    from processors.rules import Rules
    from processors.segments import Segment

app = typer.Typer(help="See who is in a segment, and why.", no_args_is_help=True)

Scenarios = Annotated[
    Path | None,
    typer.Option(help="A scenario file; default: the one in force.", exists=True),
]
Events = Annotated[
    list[Path] | None,
    typer.Option(help="Recorded events (JSON lines) for the running shop's profiles.", exists=True),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def register(root: typer.Typer, section: str) -> None:
    root.add_typer(app, name="segments", rich_help_panel=section)


@app.command("list", epilog=examples("nudge segments list --scenarios mine.yaml"))
def list_(scenarios: Scenarios = None, json: Json = False) -> None:
    """List the segments of the scenario file, and what each is used for."""
    import asyncio

    from nudge.audience import rules_of
    from nudge.terminal import note, plain, say_json, say_table

    rules = asyncio.run(rules_of(scenarios))
    found = [
        {"segment": name, "publish": segment.publish, "scenarios": _users_of(rules, name)}
        for name, segment in rules.segments.items()
    ]
    if json:
        say_json(found)
    elif not found:
        note("The scenario file has no segments.")
    else:
        say_table(
            ("segment", "published", "scenarios"),
            (
                (plain(name), "yes" if segment.publish else "no",
                 plain(", ".join(_users_of(rules, name))))
                for name, segment in rules.segments.items()
            ),
        )  # fmt: skip


def _users_of(rules: "Rules", name: str) -> list[str]:
    return [s.name for s in rules.scenarios.values() if s.config.segment == name]


@app.command(
    epilog=examples(
        "nudge segments preview best_customers",
        "nudge segments preview best_customers --user anna",
        "nudge segments preview best_customers --scenarios mine.yaml --events events.jsonl",
    )
)
def preview(
    name: Annotated[str, typer.Argument(help="The segment, as the scenario file names it.")],
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="Whether this user is in, and why.")
    ] = None,
    scenarios: Scenarios = None,
    events: Events = None,
    limit: Annotated[int, typer.Option(min=0, help="Users to show of each side.")] = 5,
    json: Json = False,
) -> None:
    """Say who is in a segment, and who is not and why; of the running shop or recorded events.

    Nothing is written and nothing is sent.
    """
    import asyncio

    asyncio.run(_preview(name, scenarios, events, user, limit, json=json))


async def _preview(
    name: str,
    scenarios: Path | None,
    events: list[Path] | None,
    user: str | None,
    limit: int,
    *,
    json: bool,
) -> None:
    from nudge.audience import rules_of, segment_named
    from nudge.problem import Problem
    from nudge.terminal import plain, say, say_json

    rules = await rules_of(scenarios)
    segment = segment_named(rules, name)
    total = inside = reachable = 0
    shown: dict[bool, list[tuple[str, list[str]]]] = {True: [], False: []}
    async for key, profile, at in _profiles(rules, events, user):
        is_in = segment.holds(profile, at)
        total, inside = total + 1, inside + is_in
        reachable += is_in and bool(profile.devices)
        if len(shown[is_in]) < (limit if user is None else 1):
            shown[is_in].append((key, _why(segment, profile, at, all_of_it=user is not None)))
    if user is not None and not total:
        raise Problem(f"Nothing is known of {user}.", "Is the id right, and the namespace?")
    if json:
        counts = {"segment": name, "users": total, "in": inside, "subscribed": reachable}
        samples = {
            side: [{"user_id": key, "why": why} for key, why in shown[is_in]]
            for side, is_in in (("sample_in", True), ("sample_out", False))
        }
        say_json(counts | samples)
        return
    if user is None:
        said = f"{inside:,} of {total:,} users are in {plain(name)}"
        say(f"{said}, {reachable:,} of them with a browser that can be pushed to.")
    for is_in, people in shown.items():
        for key, why in people:
            mark = "[green]in [/green]" if is_in else "[yellow]out[/yellow]"
            say(f"{mark} {plain(key)}" + "".join(f"\n      {plain(line)}" for line in why))


def _why(segment: "Segment", profile: "Profile", at: int, *, all_of_it: bool) -> list[str]:
    """What the user meets and does not; of a sample only what keeps them out."""
    return [
        f"{'yes' if finding.good else 'no '}  {finding.said}"
        for finding in segment.findings(profile, at)
        if all_of_it or not finding.good
    ]


async def _profiles(
    rules: "Rules", events: list[Path] | None, user: str | None
) -> "AsyncIterator[tuple[str, Profile, int]]":
    from nudge.audience import live_profiles, recorded_profiles
    from nudge.kafka import kafka_settings
    from nudge.when import now_ms

    if events:
        at, recorded = recorded_profiles(events, rules, user)
        for key, profile in recorded:
            yield key, profile, at
        return
    at = now_ms()
    async for key, profile in live_profiles(kafka_settings(), user):
        yield key, profile, at
