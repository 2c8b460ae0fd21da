"""The demo's screen: the cast, what was decided and why, the pushes as they arrive."""

from io import StringIO
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nudge.demo.watch import Seen
from nudge.when import clock, now_ms
from schemas.decisions import Decision, Outcome

_STYLES = {
    Outcome.SENT: "green",
    Outcome.HELD: "yellow",
    Outcome.DROPPED: "dim",
    Outcome.WITHDRAW_REQUESTED: "magenta",
}


def screen(seen: Seen, where: str) -> RenderableType:
    layout = Layout()
    layout.split_column(Layout(_head(seen, where), size=4), Layout(name="body"))
    layout["body"].split_row(Layout(name="left", ratio=3), Layout(name="right", ratio=2))
    layout["left"].split_column(
        Layout(_stories(seen), size=len(seen.stories) * 2 + 4), Layout(_decisions(seen))
    )
    layout["right"].split_column(Layout(_pushes(seen), ratio=3), Layout(_reasons(seen), ratio=2))
    return layout


def _head(seen: Seen, where: str) -> RenderableType:
    figures = Text.assemble(
        (f"{seen.events_a_second:,.0f}", "bold"), " events/s   ",
        (f"{seen.profiles:,}", "bold"), " profiles   ",
        (f"{seen.open_moments:,}", "bold"), " open moments   ",
        (f"{seen.delivered:,}", "bold green"), " pushes delivered and decrypted",
    )  # fmt: skip
    return Panel(Group(figures, Text(where, style="dim")), title="Nudge", padding=(0, 1))


def _stories(seen: Seen) -> RenderableType:
    table = Table(box=None, expand=True, show_header=False, padding=(0, 1))
    table.add_column(width=26)
    table.add_column(ratio=1)
    for story in seen.stories:
        style = {True: "green", False: "yellow", None: "dim"}[story.good]
        table.add_row(
            Text.assemble((story.user or story.name, "bold"), f"\n{story.about}"),
            Text.assemble(story.doing, ("\n→ " + story.ending if story.ending else "\n…", style)),
        )
    return Panel(table, title="Shoppers (1 s stands for a minute)", padding=(0, 1))


def _decisions(seen: Seen) -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1))
    for head in ("due", "user", "scenario", "outcome", "reason"):
        table.add_column(head, header_style="dim", no_wrap=True)
    for decision in reversed(seen.recent):
        table.add_row(*_row(decision))
    return Panel(table, title="push.decisions: every silence has a reason", padding=(0, 1))


def _row(decision: Decision) -> tuple[RenderableType, ...]:
    style = _STYLES.get(decision.outcome, "")
    return (
        Text(clock(decision.due_at, now=now_ms()), style="dim"),
        decision.user_id,
        decision.scenario,
        Text(decision.outcome.value, style=style),
        Text(decision.reason.value, style=style),
    )


def _pushes(seen: Seen) -> RenderableType:
    lines: list[RenderableType] = []
    for user, message in reversed(seen.pushes):
        payload = message.payload
        lines.append(
            Text.assemble(
                (f"{clock(message.received_at, now=now_ms())} {user} ", "dim"),
                (payload["title"], "bold"), f"\n  {payload['body']}",
            )
        )  # fmt: skip
    return Panel(Group(*lines), title="Pushes, decrypted by the browser's keys", padding=(0, 1))


def _reasons(seen: Seen) -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1))
    for head in ("scenario", "outcome", "reason"):
        table.add_column(head, header_style="dim", no_wrap=True)
    table.add_column("", justify="right")
    for (scenario, outcome, reason), count in sorted(seen.decisions.items(), key=_sent_first):
        style = _STYLES.get(Outcome(outcome), "")
        table.add_row(scenario, Text(outcome, style), Text(reason, style), f"{count:,}")
    return Panel(table, title="Decisions so far", padding=(0, 1))


def _sent_first(item: tuple[tuple[str, str, str], int]) -> tuple[bool, str, int]:
    (scenario, outcome, _), count = item
    return (outcome != Outcome.SENT, scenario, -count)


def save_picture(seen: Seen, path: Path) -> None:
    """The screen as an SVG."""
    console = Console(record=True, width=160, height=48, file=StringIO(), force_terminal=True)
    console.print(screen(seen, "make demo"), height=48)
    console.save_svg(str(path), title="make demo")


def decision_line(decision: Decision) -> str:
    """For where there is no terminal."""
    return (
        f"decision  {decision.user_id:<12} {decision.scenario:<20}"
        f" {decision.outcome.value} ({decision.reason.value})"
    )
