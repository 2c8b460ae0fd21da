"""``nudge schemas``: the contracts, for other languages and for documents."""

from pathlib import Path
from typing import Annotated

import typer

from nudge.terminal import examples

app = typer.Typer(help="The contracts of all topics, for other languages.", no_args_is_help=True)


def register(root: typer.Typer, section: str) -> None:
    root.add_typer(app, name="schemas", rich_help_panel=section)


@app.command(
    epilog=examples(
        "nudge schemas export --out contracts",
        "nudge schemas export | jq '.channels | keys'      # AsyncAPI to standard output",
    )
)
def export(
    out: Annotated[
        Path | None,
        typer.Option(help="Write here: <topic>.schema.json for each topic, and asyncapi.json."),
    ] = None,
    namespace: Annotated[
        str, typer.Option(help="The prefix of the topics' names in the AsyncAPI document.")
    ] = "",
) -> None:
    """Write JSON Schema (2020-12) for each topic and one AsyncAPI 3.0 document.

    Needs no Kafka. Without --out the AsyncAPI document goes to standard output.
    """
    from importlib.metadata import version

    from nudge.problem import Problem
    from nudge.terminal import say, say_json
    from schemas.export import asyncapi, json_schemas

    document = asyncapi(version("nudge-push"), namespace)
    if out is None:
        say_json(document, indent=True)
        return
    files = {"asyncapi.json": document, **json_schemas()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _write(out / name, content)
    except OSError as error:
        raise Problem(f"{error.filename} cannot be written: {error.strerror}") from None
    say(f"{len(files)} files in {out}")


def _write(path: Path, content: object) -> None:
    import orjson

    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
