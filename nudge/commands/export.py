"""``nudge export``: everything that is held about a user, as one document."""

from pathlib import Path
from typing import Annotated

import typer

from nudge.terminal import examples


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "export",
        rich_help_panel=section,
        epilog=examples(
            "nudge export anna --out anna.json",
            "nudge export anna | jq '.profile'",
            "nudge export a-7f3c --out visitor.json     # an anonymous id",
        ),
    )(export)


def export(
    user: Annotated[str, typer.Argument(help="A user id, or an anonymous id.")],
    out: Annotated[
        Path | None,
        typer.Option(help="A file that does not exist yet (made with mode 0600). Default: print."),
    ] = None,
) -> None:
    """Write down everything that is held about a user, as one JSON document.

    Their profile, events, decisions, sends, results, interactions, subscriptions and inbox, and
    those of the browsers that logged in as them (docs/rights.md). It is about a person: hand it
    to nobody else.
    """
    import asyncio

    import orjson

    from nudge.problem import Problem
    from nudge.rights import find, in_words, ways
    from nudge.terminal import note, plain, say_json
    from nudge.when import now_ms

    if out is not None and out.exists():
        raise Problem(f"{out} exists.", "Name a file that does not.")

    async def run() -> None:
        async with ways() as open_ways:
            held = await find(open_ways, user)
        if held.is_nothing:
            raise Problem(f"Nothing is held about {user}.", "Is it the id that events carry?")
        document = held.document(now_ms())
        if out is None:
            say_json(document, indent=True)
        else:
            _write(out, orjson.dumps(document, option=orjson.OPT_INDENT_2))
        records = sum(map(len, held.appended.values()))
        found = in_words((
            (len(held.rows), "profile"), (records, "record"),
            (len(held.subscriptions), "subscription"), (len(held.redis), "key"),
        ))  # fmt: skip
        also = f", with {', '.join(held.anonymous_ids)}" if held.anonymous_ids else ""
        note(plain(f"{user}{also}: {found}" + (f", written to {out}" if out else "")))

    asyncio.run(run())


def _write(path: Path, content: bytes) -> None:
    import os

    # Never readable by others, never over something else.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content + b"\n")
