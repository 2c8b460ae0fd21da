"""A comparison for people: tables on a terminal, or one HTML page with plots."""

from math import ceil

from markupsafe import Markup

from nudge.comparison import Comparison
from nudge.pages import render
from nudge.pages.charts import Series, columns
from nudge.terminal import note, plain, say, say_table

_SAMPLES_SHOWN = 6


def show(comparison: Comparison) -> None:
    """The comparison on the terminal."""
    before, after = comparison.before, comparison.after
    note(f"{plain(before.version)} → {plain(after.version)}")
    say("\n[bold]Who hears what[/bold]")
    say_table(
        ("scenario", "messages", "after", "people", "after", "newly", "no longer"),
        (
            [plain(row.scenario), *map(_number, (*row.messages, *row.people)),
             _number(row.newly), _number(row.no_longer)]
            for row in comparison.audiences()
        ),
    )  # fmt: skip
    say("\n[bold]Every decision[/bold]")
    say_table(
        ("scenario", "outcome", "reason", "before", "after"),
        ([*map(plain, row[:3]), _number(row[3]), _number(row[4])] for row in comparison.kinds()),
    )
    if caps := comparison.caps():
        say("\n[bold]Caps that were hit[/bold]")
        say_table(
            ("cap", "before", "after"),
            ([plain(cap), _number(old), _number(new)] for cap, old, new in caps),
        )
    _show_hours(comparison)
    for title, groups in _people(comparison):
        if groups:
            say(f"\n[bold]{title}[/bold] [dim](some of them)[/dim]")
            for scenario, users in groups.items():
                say(f"  [dim]{plain(scenario)}[/dim] {plain(', '.join(users))}")
    if samples := comparison.new_samples():
        say(f"\n[bold]What {plain(after.version)} says[/bold]")
        for sample in samples[:_SAMPLES_SHOWN]:
            step = f" step {sample.step}" if sample.step > 1 else ""
            say(f"  [dim]{plain(sample.scenario)}{step} ({plain(sample.locale)})[/dim]"
                f" “{plain(sample.title)}” – {plain(sample.body)}")  # fmt: skip


def _show_hours(comparison: Comparison) -> None:
    most = max((*comparison.before.hours.values(), *comparison.after.hours.values()), default=0)
    if not most:
        return
    say(f"\n[bold]Messages by hour of the day[/bold] [dim]({comparison.after.tz.key})[/dim]")
    for hour in range(24):
        old, new = comparison.before.hours[hour], comparison.after.hours[hour]
        if old or new:
            bar = "▇" * round(30 * new / most)
            say(f"  {hour:02}  {old:>8,} → {new:>8,}  [cyan]{bar}[/cyan]")


def _number(count: int) -> str:
    return f"{count:,}"


def page(comparison: Comparison) -> str:
    """The comparison as one HTML page."""
    before, after = comparison.before, comparison.after
    return render(
        "compare",
        before=before,
        after=after,
        audiences=comparison.audiences(),
        kinds=comparison.kinds(),
        caps=comparison.caps(),
        hours=_by_hour(comparison),
        days=_by_day(comparison),
        scenario_hours=_shaded(comparison),
        people=_people(comparison),
        samples=comparison.new_samples(),
    )


def _people(comparison: Comparison) -> list[tuple[str, dict[str, list[str]]]]:
    return [
        ("Newly get a message", comparison.people(comparison.newly)),
        ("No longer get one", comparison.people(comparison.no_longer)),
    ]


def _shaded(comparison: Comparison) -> list[tuple[str, list[tuple[int, int, int]]]]:
    """(scenario, 24 times before, after, and of how dark a shade: 0 to 4)."""
    rows = comparison.by_hour()
    most = max((after for _, hours in rows for _, after in hours), default=0)
    return [
        (name, [(old, new, ceil(4 * new / most) if most else 0) for old, new in hours])
        for name, hours in rows
    ]


def _by_hour(comparison: Comparison) -> Markup:
    hours = range(24)
    return columns(
        [
            Series("before", [comparison.before.hours[hour] for hour in hours]),
            Series("after", [comparison.after.hours[hour] for hour in hours]),
        ],
        [f"{hour:02}:00" for hour in hours],
        "Messages by hour of the day",
    )


def _by_day(comparison: Comparison) -> Markup:
    days = comparison.days()
    return columns(
        [
            Series("before", [comparison.before.days[day] for day in days]),
            Series("after", [comparison.after.days[day] for day in days]),
        ],
        [day.isoformat() for day in days],
        "Messages a day",
    )
