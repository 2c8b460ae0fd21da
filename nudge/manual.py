"""``docs/cli.md``: what ``--help`` says of every command. ``python -m nudge.manual`` writes it."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from nudge.cli import app
from nudge.commands import SECTIONS

PAGE = Path("docs/cli.md")


def command_page() -> str:
    """The whole page."""
    root: Any = get_command(app)
    parts = [
        "# The command line",
        "Made from `nudge --help`; `python -m nudge.manual` writes it anew. Settings come from the"
        " environment (`NUDGE_…`) or a `.env` file. Exit codes: 0 done, 1 failed, 2 wrong usage.",
    ]
    for section in SECTIONS:
        parts.append(f"## {section}")
        for name, command in root.commands.items():
            if command.rich_help_panel == section and not command.hidden:
                parts += _command(command, f"nudge {name}")
    return "\n\n".join(parts) + "\n"


def _command(command: Any, words: str, marks: str = "###") -> Iterator[str]:
    yield f"{marks} `{words}`"
    yield inspect.cleandoc(command.help or "")
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from _command(child, f"{words} {name}", marks + "#")
        return
    rows = [f"| `{_spelt(parameter)}` | {parameter.help} |" for parameter in command.params]
    if rows:
        yield "\n".join(["| | |", "| --- | --- |", *rows])
    if command.epilog:
        lines = inspect.cleandoc(command.epilog).splitlines()[2:]
        yield "```sh\n" + "\n".join(line.strip() for line in lines) + "\n```"


def _spelt(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return ", ".join((*parameter.opts, *parameter.secondary_opts)) + value


if __name__ == "__main__":
    PAGE.write_text(command_page(), encoding="utf-8")
