"""The commands, in the order and under the headings of ``nudge --help``.

A module registers its own commands: ``register(app, section)``. It imports what is heavy inside
the functions, so that ``nudge --help`` stays quick.
"""

from typing import Protocol

import typer

from nudge.commands import explain, keys, pause, publish, replay, scenarios, schemas, tap, topics


class CommandModule(Protocol):
    """One command, or a family of them."""

    def register(self, root: typer.Typer, section: str, /) -> None: ...


SECTIONS: dict[str, tuple[CommandModule, ...]] = {
    "Set up": (topics, keys, scenarios),
    "Send events": (publish,),
    "Look": (explain, tap, replay),
    "Steer": (pause,),
    "For programs": (schemas,),
}
