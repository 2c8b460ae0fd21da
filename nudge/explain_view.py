"""A user's story for people: lines on a terminal, or one HTML page."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from nudge.event_words import money
from nudge.export.tables import SECRET
from nudge.pages import render
from nudge.reading import value_of
from nudge.story import Entry, Story
from nudge.tapping import line_markup
from nudge.terminal import note, plain, say
from nudge.when import ago, clock, rfc3339
from nudge.words import Kind
from processors.moment import AWAITS_CLICK
from processors.profile import Profile

Fact = tuple[str, str]
"""What it is about, and what it is; untrusted text."""

_TIMES = ("_at", "until", "from", "expected_delivery")
_AMOUNTS = frozenset(("price", "price_before", "price_seen", "low_30d", "value", "delivery_cost"))
"""Evidence in minor units."""
_FIRST_YEAR_MS = 10**12


def facts_of(entry: Entry, now: int) -> list[Fact]:
    """What a decision rests on: due time, rules, cause, evidence. Nothing for other entries."""
    value = value_of(entry.record)
    if entry.line.kind is not Kind.DECIDED or not isinstance(value, dict):
        return []
    facts = [("due", clock(int(value.get("due_at", 0)), now=now))]
    facts.append(("rules", str(value.get("scenario_version"))))
    if source := entry.source:
        facts.append(("caused by", source))
    if arm := value.get("arm"):
        facts.append(("arm", str(arm)))
    if not value.get("final"):
        facts.append(("not final", "looked at again later"))
    evidence = value.get("evidence")
    if isinstance(evidence, dict):
        facts += _told(evidence, now)
    return facts


def _told(evidence: Mapping[str, Any], now: int) -> list[Fact]:
    known = evidence.get("currency")
    currency = known if isinstance(known, str) else None
    return [
        (_words(name), money(about, currency))
        if name in _AMOUNTS and isinstance(about, int)
        else (_words(name), _said(name, about, now))
        for name, about in evidence.items()
    ]


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _said(name: str, about: Any, now: int) -> str:
    match about:
        case str():
            return about
        case int() if (name == "at" or name.endswith(_TIMES)) and about >= _FIRST_YEAR_MS:
            return clock(about, now=now)
        case list():
            return ", ".join(_said(name, one, now) for one in about) or "none"
        case dict():
            return ", ".join(f"{name} {said}" for name, said in _told(about, now))
    return orjson.dumps(about).decode()


def without_keys(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as plain data, without what lets its reader push to a browser.

    A story is handed on, to a colleague or into a ticket.
    """
    return {**record, "value": _public(record["value"])}


def _public(value: Any) -> Any:
    if isinstance(value, list):
        return [_public(one) for one in value]
    if not isinstance(value, dict):
        return value
    public = {name: _public(said) for name, said in value.items() if name not in SECRET}
    if "endpoint" in value:
        public["origin"] = "/".join(str(value["endpoint"]).split("/", 3)[:3])
    return public


def place_of(entry: Entry) -> str:
    """Where the record stands: ``topic/partition/offset``."""
    record = entry.record
    return f"{record.topic}/{record.partition}/{record.offset}"


def now_facts(profile: Profile, now: int) -> Iterator[Fact]:
    """What is known of the user now: cart, reach, consent, what waits."""
    currency = None if profile.mixed else profile.currency
    lines = [
        f"{line.quantity} × {line.product_id} at {money(line.price, currency)}"
        for line in profile.cart
    ]
    devices = len(profile.devices)
    several = " (of several currencies: no sum is known)" if profile.mixed and lines else ""
    yield "cart", (", ".join(lines) or "empty") + several
    yield "reach", f"{devices} device(s)" if devices else "no device: nothing can be sent"
    for purpose, (granted, at) in profile.consents.items():
        said = "agreed" if granted else "refused"
        yield "consent", f"{purpose}: {said} at {clock(at, now=now)}"
    for moment in profile.moments:
        due = moment.due_at(profile.active_at)
        if moment.scenario == AWAITS_CLICK:
            sent, channel = moment.data["scenario"], moment.data["channel"]
            yield "waiting", f"for a click on {sent}, else {channel} at {clock(due, now=now)}"
            continue
        held = f", held until {clock(moment.look_at, now=now)} ({', '.join(moment.held)})"
        step = f" step {moment.step}" if moment.step > 1 else ""
        yield (
            "waiting",
            f"{moment.scenario}{step} about {moment.entity}, due {clock(due, now=now)}"
            f"{held if moment.look_at > due else ''}",
        )


def rules_facts(story: Story, now: int) -> Iterator[Fact]:
    """The versions of the scenario file that decided, and since when each is in force."""
    for version, applied in story.rules.items():
        if applied is None:
            yield version, "no longer in nudge.scenarios"
            continue
        by = f", applied by {applied.applied_by}" if applied.applied_by else ""
        yield version, f"in force from {clock(applied.effective_at, now=now)}{by}"


def show(story: Story, now: int) -> None:
    """The story on the terminal."""
    if not story.entries:
        note(f"Nothing of {plain(story.user)} since {rfc3339(story.since)}.")
        note(f"[dim]Further back: nudge explain {plain(story.user)} --since 30d[/dim]")
    for entry in story.entries:
        late = f" [yellow](arrived {ago(entry.late_ms)} later)[/yellow]" if entry.late_ms else ""
        say(line_markup(entry.line) + late)
        if facts := facts_of(entry, now):
            said = " · ".join(f"{plain(name)} {plain(what)}" for name, what in facts)
            say(f"          [dim]{said}[/dim]")
    if story.profile is not None:
        say("\n[bold]Now[/bold]")
        for name, what in now_facts(story.profile, now):
            say(f"  {name:<10} {plain(what)}")
    if story.rules:
        say("\n[bold]Rules[/bold]")
        for name, what in rules_facts(story, now):
            say(f"  {plain(name)}  {plain(what)}")
    if story.decisions():
        say(f"\n{decisions_words(story)}")
    if story.aliases:
        say(f"Before the login: {plain(', '.join(story.aliases))}")
    if story.became:
        note(f"[dim]It goes on under {plain(story.became)}: nudge explain {plain(story.became)}[/]")


def decisions_words(story: Story) -> str:
    """``3 decisions: 2 sent (ok), 1 dropped (purchased)``; final ones."""
    decisions = story.decisions()
    total = decisions.total()
    each = ", ".join(f"{count} {what} ({why})" for (what, why), count in decisions.items())
    return f"{total} decision{'s' if total > 1 else ''}: {each}"


def page(story: Story, now: int) -> str:
    """The story as one HTML page; all that comes from the topics is escaped.

    Every time has its date: a page is opened on another day.
    """
    never = 0
    return render(
        "explain",
        story=story,
        since=clock(story.since, now=never),
        zone=time.strftime("%Z"),
        written=rfc3339(now),
        summary=decisions_words(story) if story.decisions() else "No decision in this time.",
        entries=[
            {
                "clock": clock(entry.line.at, now=never),
                "time": rfc3339(entry.line.at),
                "line": entry.line,
                "late": ago(entry.late_ms) if entry.late_ms else "",
                "facts": facts_of(entry, never),
                "place": place_of(entry),
            }
            for entry in story.entries
        ],
        profile=[] if story.profile is None else list(now_facts(story.profile, never)),
        rules=list(rules_facts(story, never)),
    )
