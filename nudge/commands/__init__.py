"""The commands, in the order and under the headings of ``nudge --help``.

A module registers its own commands: ``register(app, section)``. It imports what is heavy inside
the functions, so that ``nudge --help`` stays quick.
"""

from typing import Protocol

import typer

from nudge.commands import (
    backfill,
    bench,
    campaign,
    dead_letters,
    deliver,
    demo,
    doctor,
    erase,
    explain,
    export,
    gateway,
    keys,
    pause,
    publish,
    replay,
    report,
    scenarios,
    schemas,
    segments,
    send_test,
    state,
    tap,
    topics,
    vouchers,
    worker,
)


class CommandModule(Protocol):
    """One command, or a family of them."""

    def register(self, root: typer.Typer, section: str, /) -> None: ...


SECTIONS: dict[str, tuple[CommandModule, ...]] = {
    "Try": (demo,),
    "Set up": (doctor, topics, keys, scenarios, segments, vouchers),
    "Run": (worker, deliver, gateway),
    "Send events": (publish, backfill),
    "See what happens": (explain, tap, replay, report, dead_letters),
    "Steer": (campaign, pause, send_test),
    "Rights": (export, erase),
    "Keep safe": (state,),
    "For programs": (schemas, bench),
}
