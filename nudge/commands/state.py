"""``nudge state``: profiles, subscriptions, products and scenario versions, out and in again."""

from pathlib import Path
from typing import Annotated

import typer

from nudge.terminal import examples

app = typer.Typer(
    help="Back up the state of a deployment, and start a new one from it.", no_args_is_help=True
)


def register(root: typer.Typer, section: str) -> None:
    root.add_typer(app, name="state", rich_help_panel=section)


@app.command(epilog=examples("nudge state export backup-2026-11-23"))
def export(
    directory: Annotated[Path, typer.Argument(help="A directory; made with mode 0700.")],
) -> None:
    """Write the state into files.

    Stop the workers first (SIGTERM) for an exact copy: what stands unread in their inputs is not
    in it, and is counted. A run that was broken off goes on where it was. The files hold people's
    data, and no VAPID keys (`nudge keys backup`).
    """
    import asyncio

    from nudge.kafka import kafka_settings
    from nudge.state.export import export_state
    from nudge.state.files import Part
    from nudge.terminal import note, plain, say

    def tell(part: Part, number: int, of: int) -> None:
        note(f"{number}/{of}  {part.file}: {part.records:,} records")

    manifest = asyncio.run(export_state(kafka_settings(), directory, tell))
    total = sum(part.records for part in manifest.parts)
    say(f"{total:,} records of {manifest.partitions} partitions in {plain(str(directory))}")
    for name, count in manifest.behind.items():
        note(f"[yellow]{count:,} offsets of {name} had not been worked off: not in it[/yellow]")


@app.command(
    "import",
    epilog=examples(
        "NUDGE_NAMESPACE=shop2 nudge topics create --partitions 24",
        "NUDGE_NAMESPACE=shop2 nudge state import backup-2026-11-23",
    ),
)
def import_(
    directory: Annotated[Path, typer.Argument(help="What `nudge state export` wrote.")],
    other_partitions: Annotated[
        bool,
        typer.Option(
            "--other-partitions",
            help="The new topics have another number of partitions: users move.",
        ),
    ] = False,
) -> None:
    """Fill new topics from a backup.

    Refuses where anything stands in them already, but goes on where a run of its own was broken
    off. Every file is checked before anything is written, and what stands in Kafka is counted
    afterwards. Start the workers when it has ended.
    """
    import asyncio

    from nudge.kafka import kafka_settings
    from nudge.state.files import load_manifest
    from nudge.state.load import import_state
    from nudge.terminal import Progress, note, say

    manifest = load_manifest(directory)
    total = 0 if manifest is None else sum(part.records for part in manifest.parts)
    with Progress("importing", total) as progress:
        loaded = asyncio.run(
            import_state(
                kafka_settings(), directory, progress.at, other_partitions=other_partitions
            )
        )
    for name, count in loaded.records.items():
        say(f"{name}: {count:,} records")
    if loaded.left_out:
        note(
            f"[yellow]{loaded.left_out} campaigns and batches of voucher codes left out: with"
            " another number of partitions a code could be given twice, a campaign told twice."
            " Load unused codes and start campaigns that are to come anew.[/yellow]"
        )
