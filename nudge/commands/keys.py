"""``nudge keys``: the VAPID key pairs that browsers subscribe with."""

from pathlib import Path
from typing import Annotated

import typer

from nudge.terminal import examples

_LOSS = (
    "Losing these keys loses every subscriber: a browser takes pushes only under the key it"
    " subscribed with. Keep a backup elsewhere (`nudge keys backup DIR`)."
)

app = typer.Typer(help="Make, show and back up the VAPID key pairs.", no_args_is_help=True)

Directory = Annotated[
    Path | None, typer.Option("--keys", help="The key directory. Default: NUDGE_VAPID_KEYS.")
]


def register(root: typer.Typer, section: str) -> None:
    root.add_typer(app, name="keys", rich_help_panel=section)


@app.command(epilog=examples("nudge keys create", "nudge keys create --another   # a second pair"))
def create(
    keys: Directory = None,
    another: Annotated[
        bool,
        typer.Option(
            "--another",
            help="Add a pair for new subscribers; the old ones stay and serve theirs.",
        ),
    ] = False,
) -> None:
    """Make a key pair (mode 0600). Never overwrites one.

    Losing the private key loses every subscriber who came with it.
    """
    from nudge.terminal import note, plain, say
    from runtime.vapid import create_key

    directory = _directory(keys)
    key = create_key(directory, another=another)
    say(f"created {plain(str(directory / key.key_id))}.pem (mode 0600)")
    say(f"public key (applicationServerKey): {key.public_key}")
    note(f"[yellow]{_LOSS}[/yellow]")


@app.command(epilog=examples("nudge keys show", "nudge keys show --json"))
def show(
    keys: Directory = None,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Show the public keys; the private ones are never printed."""
    from nudge.terminal import note, plain, say_json, say_table
    from runtime.vapid import exposed_files, load_keys

    directory = _directory(keys)
    ring = load_keys(directory)
    exposed = {path.stem for path in exposed_files(directory)}
    if json:
        say_json(
            [
                {
                    "key_id": key.key_id,
                    "public_key": key.public_key,
                    "current": key is ring.current,
                    "exposed": key.key_id in exposed,
                }
                for key in ring
            ]
        )
    else:
        say_table(
            ("key id", "public key (applicationServerKey)", "for"),
            (
                (key.key_id, key.public_key, "new subscribers" if key is ring.current else "older")
                for key in ring
            ),
        )
    for key_id in sorted(exposed):
        file = plain(str(directory / f"{key_id}.pem"))
        note(f"[red]Others than its owner may read {file}: chmod 600 {file}[/red]")


@app.command(epilog=examples("nudge keys backup /media/safe/nudge-keys"))
def backup(
    target: Annotated[Path, typer.Argument(help="A directory that does not exist yet.")],
    keys: Directory = None,
) -> None:
    """Copy every pair to a new directory and read the copy back."""
    from nudge.terminal import note, plain, say
    from runtime.vapid import backup_keys

    count = backup_keys(_directory(keys), target)
    say(f"{count} pair{'s' if count > 1 else ''} copied to {plain(str(target))} and read back")
    note(
        "[yellow]Who holds this copy can push to all your subscribers: keep it off this"
        " machine and out of the repository.[/yellow]"
    )


def _directory(given: Path | None) -> Path:
    if given is not None:
        return given
    from nudge.kafka import load
    from runtime.vapid import VapidPlace

    return load(VapidPlace).vapid_keys
