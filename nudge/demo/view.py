"""The demo's screen: the cast, what was decided and why, the pushes as they arrive.

What there is room for: at 80 × 24 a line a shopper, the newest decisions and pushes; with more
the figures by reason, and the shoppers' steps in full.
"""

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
_TWO_COLUMNS = (126, 36)
"""Width and height from which on there is room for two."""
_RIGHT = 56
"""What the right one needs at least."""
_WITH_REASONS = 40
"""Height from which on one column has room for the reasons' figures."""
_FRAME = 4
"""A panel's border and padding, left and right."""


def screen(seen: Seen, where: tuple[str, ...], width: int, height: int) -> RenderableType:
    """``where``: what is reached where, piece by piece; none is cut."""
    layout = Layout()
    head = _head(seen, where, width - _FRAME)
    top = Layout(Panel(Group(*head), title="Nudge", padding=(0, 1)), size=len(head) + 2)
    if width < _TWO_COLUMNS[0] or height < _TWO_COLUMNS[1]:
        rest = [
            Layout(_stories_in_brief(seen), size=len(seen.stories) + 2),
            Layout(_decisions(seen)),
            Layout(_pushes(seen)),
        ]
        layout.split_column(top, *rest, *([Layout(_reasons(seen))] * (height >= _WITH_REASONS)))
        return layout
    layout.split_column(top, Layout(name="body"))
    right = max(_RIGHT, width * 2 // 5)
    layout["body"].split_row(Layout(name="left"), Layout(name="right", size=right))
    layout["left"].split_column(
        Layout(_stories(seen), size=len(seen.stories) * 2 + 2), Layout(_decisions(seen))
    )
    layout["right"].split_column(Layout(_pushes(seen), ratio=3), Layout(_reasons(seen), ratio=2))
    return layout


def _head(seen: Seen, where: tuple[str, ...], width: int) -> list[Text]:
    figures = Text.assemble(
        (f"{seen.events_a_second:,.0f}", "bold"), " events/s   ",
        (f"{seen.profiles:,}", "bold"), " profiles   ",
        (f"{seen.open_moments:,}", "bold"), " open moments   ",
        (f"{seen.delivered:,}", "bold green"), " pushes delivered",
    )  # fmt: skip
    lines = [figures, *(Text(line, style="dim", overflow="fold") for line in _lines(where, width))]
    return [*lines, Text(seen.notice, style="yellow")] if seen.notice else lines


def _lines(pieces: tuple[str, ...], width: int) -> list[str]:
    """The pieces, as many on a line as it holds; a longer one is broken."""
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1]) + 3 + len(piece) > width:
            lines.append("")
        lines[-1] += ("   " if lines[-1] else "") + piece
    return [line[at : at + width] for line in lines for at in range(0, max(len(line), 1), width)]


def _stories(seen: Seen) -> RenderableType:
    table = Table(box=None, expand=True, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(width=19)
    table.add_column(ratio=1, no_wrap=True)
    for story in seen.stories:
        style = {True: "green", False: "yellow", None: "dim"}[story.good]
        table.add_row(
            Text.assemble((story.user or story.name, "bold"), f"\n{story.about}"),
            Text.assemble(story.doing, ("\n→ " + story.ending if story.ending else "\n…", style)),
        )
    return Panel(table, title="Shoppers (1 s stands for a minute)", padding=(0, 1))


def _stories_in_brief(seen: Seen) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(no_wrap=True, overflow="crop")
    for story in seen.stories:
        style = {True: "green", False: "yellow", None: "dim"}[story.good]
        ending = f"→ {story.ending}" if story.ending else "…"
        table.add_row(Text(story.user or story.name, "bold"), story.about, Text(ending, style))
    return Panel(table, title="Shoppers (1 s stands for a minute)", padding=(0, 1))


def _decisions(seen: Seen) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("due", "user", "scenario", "outcome", "reason"):
        table.add_column(head, header_style="dim", no_wrap=True, overflow="crop")
    for decision in reversed(seen.recent):
        table.add_row(*_row(decision))
    return Panel(table, title="push.decisions: every silence has a reason", padding=(0, 1))


def _row(decision: Decision) -> tuple[RenderableType, ...]:
    style = _STYLES.get(decision.outcome, "")
    return (
        Text(clock(decision.due_at, now=now_ms()), style="dim"),
        Text(decision.user_id),
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
    """The number first: what is too long for the rest is cut, a number never."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("", justify="right", no_wrap=True)
    for head in ("scenario", "what came of it"):
        table.add_column(head, header_style="dim", no_wrap=True, overflow="crop")
    for (scenario, outcome, reason), count in sorted(seen.decisions.items(), key=_sent_first):
        what = outcome if outcome == Outcome.SENT else f"{outcome}, {reason}"
        style = _STYLES.get(Outcome(outcome), "")
        table.add_row(f"{count:,}", scenario, Text(what, style))
    return Panel(table, title="Decisions so far", padding=(0, 1))


def _sent_first(item: tuple[tuple[str, str, str], int]) -> tuple[bool, str, int]:
    (scenario, outcome, _), count = item
    return (outcome != Outcome.SENT, scenario, -count)


def save_picture(seen: Seen, path: Path) -> None:
    """The screen as an SVG."""
    width, height = 160, 48
    console = Console(record=True, width=width, height=height, file=StringIO(), force_terminal=True)
    console.print(screen(seen, ("make demo",), width, height), height=height)
    console.save_svg(str(path), title="make demo")


def decision_line(decision: Decision) -> str:
    """For where there is no terminal."""
    return (
        f"decision  {decision.user_id:<12} {decision.scenario:<20}"
        f" {decision.outcome.value} ({decision.reason.value})"
    )
