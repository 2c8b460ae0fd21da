"""What commands write: results to standard output, everything else to standard error."""

import sys
import time
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console(*, stderr: bool = False) -> "Console":
    """Rich where there is a terminal, plain text that is never wrapped elsewhere."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)


def say(text: str) -> None:
    """A line (rich markup allowed) on standard output."""
    console().print(text)


def note(text: str) -> None:
    """A line (rich markup allowed) on standard error: progress, hints, warnings."""
    console(stderr=True).print(text)


def plain(text: str) -> str:
    """Text from elsewhere, made safe to stand inside markup and on one line."""
    from rich.markup import escape

    return escape("".join(c if _is_shown(c) else "\N{REPLACEMENT CHARACTER}" for c in text))


def plain_lines(text: str, indent: str) -> str:
    """The same for text of several lines; those after the first begin with ``indent``."""
    return f"\n{indent}".join(plain(line) for line in text.splitlines())


def _is_shown(character: str) -> bool:
    """Printable, or what joins: the spaces of ``68,99\u00a0zł`` and of families among emoji."""
    return (
        character.isprintable()
        or unicodedata.category(character) == "Zs"
        or character == "\N{ZERO WIDTH JOINER}"
    )


def write(raw: bytes) -> None:
    """Bytes as they are on standard output, whatever encoding the terminal has."""
    sys.stdout.flush()
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def say_json(value: Any, *, indent: bool = False) -> None:
    """``value`` as JSON in UTF-8: one line, or indented for reading."""
    import orjson

    options = orjson.OPT_INDENT_2 if indent else 0
    write(orjson.dumps(value, option=options) + b"\n")


def say_table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Columns without lines (rich markup allowed in cells), as wide as they need to be."""
    from rich.text import Text

    lines = [[Text.from_markup(cell) for cell in row] for row in rows]
    lines.insert(0, [Text(head, style="bold") for head in heads])
    widths = [max(cell.cell_len for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        for cell, width in zip(line[:-1], widths, strict=False):
            cell.pad_right(width - cell.cell_len)
        console().print(Text("  ").join(line))


class Progress:
    """How far a long job is, on standard error: a bar on a terminal, a line now and then else."""

    _EVERY_S = 10.0

    def __init__(self, what: str, total: int) -> None:
        from rich import progress

        self._what, self._total = what, total
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[speed]}"),
            progress.TimeRemainingColumn(),
            console=console(stderr=True),
            disable=not console(stderr=True).is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(what, total=total, speed="")
        self._started = self._said = time.monotonic()
        self._first: int | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def at(self, done: int) -> None:
        """So many are done; the first call says where it began."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._started = done, now
        speed = (done - self._first) / max(now - self._started, 1e-3)
        self._bar.update(self._task, completed=done, speed=f"{speed:,.0f}/s" if speed else "")
        if self._bar.disable and now - self._said > self._EVERY_S and speed:
            self._said = now
            left = (self._total - done) / speed
            note(f"{self._what}: {done:,} of {self._total:,}, {speed:,.0f}/s, {left:.0f} s left")


def examples(*lines: str) -> str:
    """The end of a help page: command lines that can be typed as they stand."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
