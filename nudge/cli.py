"""The command line. Commands stand in ``nudge.commands``, a small module each."""

import errno
import os
import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nudge.commands import SECTIONS
from nudge.problem import EXIT_FAILURE, problem_of

_ABOUT = """Shop events in, the right web push out, every decision explained.

Settings come from the environment (NUDGE_…) or a .env file; `nudge doctor` says what is wrong
with them. Every command has its own --help with examples.
"""


class Sections(TyperGroup):
    """Lists the commands by what they are for."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's signature
        for section in SECTIONS:
            rows = [
                (name, command.get_short_help_str(limit=80))
                for name, command in self.commands.items()
                if getattr(command, "rich_help_panel", None) == section and not command.hidden
            ]
            with formatter.section(section):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=Sections,
    help=_ABOUT,
    no_args_is_help=True,
    rich_markup_mode=None,  # rich takes a quarter of a second to lay out a help page
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

for _section, _modules in SECTIONS.items():
    for _module in _modules:
        _module.register(app, _section)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed_version

        from processors import partition

        core = "interpreted" if partition.__file__.endswith(".py") else "compiled"
        print(f"nudge {installed_version('nudge-push')} (core {core})")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    pass


def end_at_once() -> None:
    """Ends the process well, and leaves all it remembers to the system to free."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _close_output() -> None:
    """What is still to be written goes nowhere, and fails no more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Runs the command line; what a user can cure ends in a cause and a cure, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that has no arrow gets a question mark.
            stream.reconfigure(errors="replace")
    try:
        try:
            app(prog_name="nudge", obj=end_at_once)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has gone: say nothing more.
        _close_output()
        sys.exit(EXIT_FAILURE)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            _close_output()
        problem = problem_of(error)
        if problem is None or os.environ.get("NUDGE_TRACEBACK"):
            raise
        print(f"nudge: {problem.cause}", file=sys.stderr)
        if problem.cure:
            print(f"       {problem.cure}", file=sys.stderr)
        sys.exit(problem.exit_code)
