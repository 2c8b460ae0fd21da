"""``nudge scenarios``: check the scenario file, put it in force, see what is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from runtime.settings import KafkaSettings
    from schemas.control import ScenarioVersion

app = typer.Typer(
    help="Check the scenario file, put it in force, see which is.", no_args_is_help=True
)
_PAST_MS = 60_000
File = Annotated[Path, typer.Argument(help="The scenario file (YAML).")]


def register(root: typer.Typer, section: str) -> None:
    root.add_typer(app, name="scenarios", rich_help_panel=section)


@app.command(epilog=examples("nudge scenarios check scenarios.yaml"))
def check(file: File) -> None:
    """Check a scenario file: every problem with its line and its cure. Needs no Kafka."""
    from nudge.rule_files import scenario_file
    from nudge.terminal import plain, say

    _, rules = scenario_file(file)
    say(f"{plain(str(file))} is good: version {rules.version}")
    for name, scenario in rules.scenarios.items():
        say(f"  {scenario.config.enabled:<7}{plain(name)}")


@app.command(
    epilog=examples(
        "nudge scenarios apply scenarios.yaml",
        "nudge scenarios apply scenarios.yaml --at 2026-12-01T08:00:00+01:00",
        "nudge scenarios apply scenarios.yaml --if-absent    # at a first start",
    )
)
def apply(
    file: File,
    at: Annotated[
        str, typer.Option(help="In force from: RFC 3339, epoch ms, now, or +10m.")
    ] = "now",
    if_absent: Annotated[
        bool, typer.Option("--if-absent", help="Only where no version was ever applied.")
    ] = False,
) -> None:
    """Check a scenario file and put it in force.

    Workers read versions from Kafka, never a local file: each partition switches when its clock
    passes the time. A file that is in force already is left as it is; applied again after another
    it is a version of its own, named …-2, and one that is still to come is moved to the new time.
    """
    import asyncio

    from nudge.controls import who
    from nudge.kafka import kafka_settings
    from nudge.rule_files import scenario_file
    from nudge.when import moment_ms, now_ms
    from schemas.control import ScenarioVersion

    now = now_ms()
    text, rules = scenario_file(file, "Nothing was applied.")
    version = ScenarioVersion(
        type="version",
        version=rules.version,
        effective_at=moment_ms(at, now=now),
        applied_by=who(),
        yaml=text,
    )
    asyncio.run(_apply(kafka_settings(), version, now, if_absent=if_absent))


async def _apply(
    settings: "KafkaSettings", version: "ScenarioVersion", now: int, *, if_absent: bool
) -> None:
    from nudge.controls import apply_version, file_of, read_controls
    from nudge.problem import Problem
    from nudge.terminal import note, say
    from nudge.when import ahead, rfc3339

    controls = await read_controls(settings)
    at = controls.after(now)
    file = version.version
    current = controls.in_force(at)
    if if_absent and controls.versions:
        newest = current or next(reversed(controls.versions.values()))
        say(f"A version was applied before ({newest.version}): nothing changed.")
        return
    if current and version.effective_at < now - _PAST_MS:
        raise Problem(
            f"{rfc3339(version.effective_at)} is past, and what was decided then was decided by"
            f" version {current.version}.",
            "Say --at now, or a time to come.",
        )
    if current and version.effective_at < at:
        version = version.model_copy(update={"effective_at": at})
    between = any(at < v.effective_at <= version.effective_at for v in controls.versions.values())
    if current and file_of(current.version) == file and not between:
        since = rfc3339(current.effective_at)
        say(f"Version {current.version} is in force since {since}: nothing changed.")
        return
    version = version.model_copy(update={"version": controls.name_for(file, at)})
    await apply_version(settings, version, at)
    say(f"Version {version.version} is in force from {rfc3339(version.effective_at)}.")
    if (said := ahead(at, now=now)) and version.effective_at == at:
        note(f"[yellow]{said}[/yellow]")
    if current:
        note(
            f"{current.version} was in force when you applied it. Back to that one: `nudge"
            f" scenarios show {current.version} > before.yaml`, and apply before.yaml."
        )


@app.command(
    epilog=examples(
        "nudge scenarios preview cart_abandoned events.jsonl",
        "nudge scenarios preview welcome events.jsonl --scenarios mine.yaml --user anna",
    )
)
def preview(
    name: Annotated[str, typer.Argument(help="The scenario, as the file names it.")],
    events: Annotated[
        list[Path], typer.Argument(help="Recorded events (JSON lines).", exists=True)
    ],
    scenarios: Annotated[
        Path | None, typer.Option(help="A scenario file; default: the one in force.", exists=True)
    ] = None,
    user: Annotated[str | None, typer.Option("--user", "-u", help="Only this user's.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Move the clock on to this time after the last event.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Decisions to show.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say what one scenario would have said on recorded events: to whom, its words, why not.

    Nothing is written and nothing is sent. Users count as reachable and consenting unless the
    events say otherwise; `nudge replay` decides the same, of all scenarios.
    """
    import asyncio

    from orjson import loads

    from nudge.audience import rules_of
    from nudge.previewing import preview as previewed
    from nudge.terminal import note, plain, say, say_json
    from nudge.when import moment_ms, now_ms, rfc3339
    from schemas.adapters import dump

    rules = asyncio.run(rules_of(scenarios))
    end = None if until is None else moment_ms(until, now=now_ms())
    found = previewed(rules, name, events, user, end)
    shown = [(one, found.said.get(one.job_id or "")) for one in found.decisions[:limit]]
    if json:
        say_json({
            "scenario": name, "counts": dict(found.counts()),
            "decisions": [
                loads(dump(one)) | ({} if payload is None else {"says": loads(dump(payload))})
                for one, payload in shown
            ],
        })  # fmt: skip
        return
    if not found.decisions:
        whose = f" for {plain(user)}" if user else ""
        note(f"Nothing was decided of {plain(name)}{whose} up to the last event.")
        note("What waits then comes due with --until, a later time.")
        return
    say(", ".join(f"{count:,} {what}" for what, count in found.counts().most_common()))
    for one, payload in shown:
        title = one.evidence.get("title", "")
        says = title if payload is None else f"{payload.title} · {payload.body}"
        line = f"{rfc3339(one.decided_at)}  {one.user_id}  {one.outcome.value} {one.reason.value}"
        say(plain(f"{line}  {says}".rstrip()))


@app.command("list", epilog=examples("nudge scenarios list", "nudge scenarios list --json"))
def list_(
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """List the versions that were applied, and which is in force."""
    import asyncio

    from nudge.controls import read_controls
    from nudge.kafka import kafka_settings
    from nudge.refusals import decides, version_refused
    from nudge.terminal import note, plain, plain_lines, say_json, say_table
    from nudge.when import now_ms, rfc3339

    controls = asyncio.run(read_controls(kafka_settings()))
    now = now_ms()
    current = decides(controls, now)
    versions = sorted(controls.versions.values(), key=lambda version: version.effective_at)
    since = 0 if current is None else current.effective_at
    # What is past is past.
    refused = {
        version.version: said for version in versions
        if version.effective_at >= since and (said := version_refused(version))
    }  # fmt: skip
    if json:
        say_json([
            version.model_dump(mode="json", exclude={"yaml", "type"})
            | {"in_force": version is current}
            | ({"refused": said} if (said := refused.get(version.version)) else {})
            for version in versions
        ])  # fmt: skip
        return
    if not versions:
        note("No version was ever applied: `nudge scenarios apply FILE`.")
        return
    say_table(
        ("version", "from", "state", "by"),
        (
            (
                version.version,
                rfc3339(version.effective_at),
                "[green]in force[/green]" if version is current
                else "[red]refused[/red]" if version.version in refused
                else "to come" if version.effective_at > now else "past",
                plain(version.applied_by or ""),
            )
            for version in versions
        ),
    )  # fmt: skip
    for said in refused.values():
        note(plain_lines(f"Refused by this release: {said}", "  "))


@app.command(
    epilog=examples(
        "nudge scenarios show --shipped > scenarios.yaml      # a file to begin with",
        "nudge scenarios show                                 # what is in force",
    )
)
def show(
    version: Annotated[str | None, typer.Argument(help="Default: the one in force.")] = None,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="The file that comes with Nudge; needs no Kafka.")
    ] = False,
) -> None:
    """Print a version's file, as it was applied."""
    import asyncio

    from nudge.terminal import write

    if shipped:
        from nudge.rule_files import shipped_text

        write(shipped_text().encode())
        return

    from nudge.controls import read_controls
    from nudge.kafka import kafka_settings
    from nudge.problem import Problem
    from nudge.when import now_ms

    controls = asyncio.run(read_controls(kafka_settings()))
    found = controls.in_force(now_ms()) if version is None else controls.versions.get(version)
    if found is None:
        raise Problem("There is no such version.", "See `nudge scenarios list`.")
    write(found.yaml.encode())
