"""``nudge demo``: the whole product on this machine, to watch."""

from pathlib import Path
from typing import Annotated

import typer

from nudge.terminal import examples


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "demo",
        rich_help_panel=section,
        epilog=examples("nudge demo", "nudge demo --seconds 60", "nudge demo --rate 500"),
    )(demo)


def demo(
    shoppers: Annotated[int, typer.Option(min=1, help="Guests beside the cast.")] = 300,
    rate: Annotated[float, typer.Option(min=0.1, help="The guests' events a second.")] = 40.0,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after so long instead of at Ctrl-C.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Save the last screen as an SVG of 160 × 48 characters.")
    ] = None,
) -> None:
    """Run the real pipeline here, with simulated shoppers.

    Starts Kafka and Redis, makes the topics, applies a scenario file with shortened waits, and
    runs a streams worker, a delivery worker, a gateway with a demo shop to be a shopper in, and a
    push service that verifies and decrypts. Once what is needed has been downloaded, nothing
    outside this machine is spoken to, but for the pushes that you allow at the shop. The user
    `me` is subscribed: publish an event of yours with the variables in .local/demo.env.
    """
    from nudge.demo.run import Demo
    from nudge.demo.view import save_picture
    from nudge.terminal import console, note

    seen = Demo(console(), shoppers=shoppers, rate=rate, seconds=seconds).run()
    if picture is not None:
        save_picture(seen, picture)
    note(f"{seen.delivered} pushes were delivered and decrypted. Everything is stopped.")
