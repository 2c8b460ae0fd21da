"""``nudge campaign``: say one thing to many, see how far it is, stop it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from collections import Counter

    from nudge.campaigns import Audience
    from processors.campaigns import Campaign
    from processors.rules import Rules

app = typer.Typer(help="Say one thing to many; see how far it is; stop it.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The campaign's file (YAML).", exists=True)]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def register(root: typer.Typer, section: str) -> None:
    root.add_typer(app, name="campaign", rich_help_panel=section)


@app.command(
    epilog=examples(
        "nudge campaign check black-friday.yaml",
        "nudge campaign check black-friday.yaml --user anna",
        "nudge campaign check black-friday.yaml --scenarios mine.yaml --file-only",
    )
)
def check(
    file: File,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="Whether it is for this user, and why not.")
    ] = None,
    scenarios: Annotated[
        Path | None,
        typer.Option(help="A scenario file; default: the one in force.", exists=True),
    ] = None,
    file_only: Annotated[
        bool, typer.Option("--file-only", help="Look at no profiles; with --scenarios, no Kafka.")
    ] = False,
) -> None:
    """Check a campaign's file: every mistake, how many it is for, what they would read.

    Nothing is written and nothing is sent.
    """
    import asyncio

    from nudge.problem import usage_problem

    if user is not None and file_only:
        raise usage_problem("--file-only looks at no users", "Leave out --user or --file-only.")
    asyncio.run(_check(file, user, scenarios, file_only=file_only))


async def _check(file: Path, user: str | None, scenarios: Path | None, *, file_only: bool) -> None:
    from nudge import campaigns
    from nudge.audience import live_profiles, rules_of
    from nudge.kafka import kafka_settings
    from nudge.problem import Problem
    from nudge.terminal import plain, say
    from nudge.when import now_ms
    from processors.campaigns import Campaign

    rules, now = await rules_of(scenarios), now_ms()
    _, said = campaigns.read_file(file, rules)
    campaign = Campaign(said, now, None)
    campaigns.check_times(campaign, rules, now)
    say(f"{plain(str(file))} is good.")
    if file_only:
        return
    if user is None:
        found = await campaigns.count(campaign, rules, live_profiles(kafka_settings()), now)
        _show(campaign, found)
        return
    async for _, profile in live_profiles(kafka_settings(), user):
        for finding in campaigns.why_not(campaign, profile, rules, now):
            mark = "[green]yes[/green]" if finding.good else "[yellow]no [/yellow]"
            say(f"  {mark}  {plain(finding.said)}")
        text = campaigns.text_for(campaign, profile, rules)
        say(
            "  no variant has its data"
            if text is None
            else f"  {plain(text.title)} · {plain(text.body)}"
        )
        return
    raise Problem(f"Nothing is known of {user}.", "Is the id right, and the namespace?")


def _show(campaign: "Campaign", found: "Audience") -> None:
    """How many, how long, and what some of them would read."""
    from nudge.campaigns import nobody
    from nudge.terminal import plain, say
    from processors.durations import format_duration

    if not found.inside:
        raise nobody(campaign, found)
    pace = campaign.file.pace
    takes = max(found.inside * 60_000 // pace // 1000 * 1000, 1000)
    say(f"For {found.inside:,} of {found.users:,} users, at {pace:,} a minute:"
        f" about {format_duration(takes)}.")  # fmt: skip
    for key, text in found.sample:
        said = "no variant has its data" if text is None else f"{text.title} · {text.body}"
        say(f"  {plain(key)}: {plain(said)}")


@app.command(
    epilog=examples(
        "nudge campaign start black-friday.yaml",
        "nudge campaign start black-friday.yaml --yes    # for scripts",
    )
)
def start(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Start a campaign: says how many it is for and what they would read, and asks.

    Its time stands in the file. A campaign for nobody is refused.
    """
    import asyncio

    asyncio.run(_start(file, yes=yes))


async def _start(file: Path, *, yes: bool) -> None:
    import sys

    from nudge import campaigns
    from nudge.audience import live_profiles, rules_of
    from nudge.kafka import kafka_settings
    from nudge.problem import usage_problem
    from nudge.terminal import plain, say
    from nudge.when import now_ms
    from processors.campaigns import Campaign

    settings, rules, now = kafka_settings(), await rules_of(None), now_ms()
    text, said = campaigns.read_file(file, rules, "Nothing was started.")
    name = said.file.id
    campaigns.check_new(name, await campaigns.known_campaigns(settings))
    campaign = Campaign(said, now, None)
    campaigns.check_times(campaign, rules, now)
    found = await campaigns.count(campaign, rules, live_profiles(settings), now)
    _show(campaign, found)
    if not yes:
        if not sys.stdin.isatty():
            raise usage_problem("Nobody is there to be asked.", "Say --yes.")
        typer.confirm(f"Start {name}?", abort=True)
    await campaigns.start(settings, name, text, found.inside, now_ms())
    say(f"{plain(name)} is started: `nudge campaign status {plain(name)}`.")


@app.command(epilog=examples("nudge campaign stop black-friday"))
def stop(campaign_id: Annotated[str, typer.Argument(help="The campaign's id.")]) -> None:
    """Stop a campaign for good: nothing more of it is sent from now on."""
    import asyncio

    asyncio.run(_stop(campaign_id))


async def _stop(campaign_id: str) -> None:
    from nudge import campaigns
    from nudge.kafka import kafka_settings
    from nudge.problem import Problem
    from nudge.refusals import campaign_refused
    from nudge.terminal import plain, say
    from nudge.when import now_ms, rfc3339

    settings = kafka_settings()
    known = (await campaigns.known_campaigns(settings)).get(campaign_id)
    if known is None:
        cure = "`nudge campaign status` lists them."
        raise Problem(f"No campaign {campaign_id} was ever started.", cure)
    now = now_ms()
    at = campaigns.stop_time(known, now)
    if known.stop is not None and known.stop.at <= at:
        say(f"{plain(campaign_id)} was stopped at {rfc3339(known.stop.at)}: nothing changed.")
        return
    if campaign_refused(known.start):
        # A worker of another release may read it all the same.
        await campaigns.stop(settings, campaign_id, at)
        say(f"{plain(campaign_id)} is stopped.")
        return
    campaign = campaigns.campaign_of(known)
    # Who was told is counted only where it matters: what is under way is stopped first.
    if campaigns.is_over(campaign, campaign.audience or 0, now):
        done = (await campaigns.decided(settings, [campaign]))[campaign.name].total()
        if campaigns.is_over(campaign, done, now):
            say(f"{plain(campaign_id)} is over: there is nothing left to stop, nothing changed.")
            return
    await campaigns.stop(settings, campaign_id, at)
    say(f"{plain(campaign_id)} is stopped. What push services have taken they deliver.")


@app.command(epilog=examples("nudge campaign status", "nudge campaign status spring --json"))
def status(
    campaign_id: Annotated[str | None, typer.Argument(help="Default: every campaign.")] = None,
    json: Json = False,
) -> None:
    """Say how far campaigns are, what was decided, and when they will be through."""
    import asyncio

    asyncio.run(_status(campaign_id, json=json))


async def _status(campaign_id: str | None, *, json: bool) -> None:
    from nudge import campaigns
    from nudge.audience import rules_of
    from nudge.kafka import kafka_settings
    from nudge.problem import Problem
    from nudge.refusals import campaign_refused
    from nudge.terminal import note, plain, plain_lines, say, say_json
    from nudge.when import now_ms

    settings = kafka_settings()
    known = await campaigns.known_campaigns(settings)
    if campaign_id is not None and campaign_id not in known:
        raise Problem(f"No campaign {campaign_id} was ever started.", "")
    if not known and json:
        say_json([])
        return
    if not known:
        note("No campaign was ever started: `nudge campaign start FILE`.")
        return
    rules, now = await rules_of(None), now_ms()
    wanted = known.values() if campaign_id is None else [known[campaign_id]]
    refused = {
        one.start.campaign_id: said for one in wanted if (said := campaign_refused(one.start))
    }
    found = [campaigns.campaign_of(one) for one in wanted if one.start.campaign_id not in refused]
    decided = await campaigns.decided(settings, found)
    answers = [_answer(one, decided[one.name], rules, now) for one in found]
    if json:
        none_of = [
            {"campaign": name, "state": "stopped" if known[name].stop else "refused",
             "refused": said} for name, said in refused.items()
        ]  # fmt: skip
        say_json([*answers, *none_of])
        return
    for answer in answers:
        say(_line(answer, now))
    for name, said in refused.items():
        stopped = "stopped, " if known[name].stop else ""
        say(
            f"[bold]{plain(name)}[/bold]  {stopped}refused by this release:"
            f" {plain_lines(said, '  ')}"
        )


def _answer(
    campaign: "Campaign", counts: "Counter[str]", rules: "Rules", now: int
) -> dict[str, object]:
    from nudge.campaigns import standing

    state, at = standing(campaign, counts.total(), rules, now)
    return {
        "campaign": campaign.file.id,
        "kind": campaign.file.kind.value,
        "state": state,
        "audience": campaign.audience,
        "decided": counts.total(),
        "sent": counts["sent"],
        "decisions": dict(counts.most_common()),
        "through_at" if state == "running" else "begins_at": at,
    }


def _line(answer: dict[str, object], now: int) -> str:
    from nudge.terminal import plain
    from nudge.when import ago, clock

    decisions = answer["decisions"]
    assert isinstance(decisions, dict)
    each = ", ".join(f"{count:,} {said}" for said, count in decisions.items()) or "nobody yet"
    line = f"[bold]{plain(str(answer['campaign']))}[/bold]  {answer['state']}, {plain(each)}"
    if answer["audience"]:
        line += f"; about {answer['audience']:,} in all"
    through, begins = answer.get("through_at"), answer.get("begins_at")
    if isinstance(through, int):
        line += f"; through in {ago(through - now)}, at {clock(through, now=now)}"
    if isinstance(begins, int):
        line += f"; begins at {clock(begins, now=now)}"
    return line
