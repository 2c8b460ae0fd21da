"""``nudge vouchers``: codes that messages carry, one a user."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from schemas.control import VoucherBatch

app = typer.Typer(help="Load voucher codes, see what is loaded.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="One code a line; - is standard input.")]


def register(root: typer.Typer, section: str) -> None:
    root.add_typer(app, name="vouchers", rich_help_panel=section)


@app.command(
    epilog=examples(
        "nudge vouchers load second_order codes.txt --value 1500 --currency PLN",
        "nudge vouchers load second_order codes.txt --expires 2026-12-31T23:59:59+01:00",
    )
)
def load(
    pool: Annotated[str, typer.Argument(help="As the scenario file names it.")],
    file: File,
    value: Annotated[str | None, typer.Option(help="Minor units (grosze, cents).")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217; default: the shop's.")] = None,
    expires: Annotated[str | None, typer.Option(help="RFC 3339, epoch ms, or +30d.")] = None,
    at: Annotated[str, typer.Option(help="Usable from: RFC 3339, epoch ms, now, +10m.")] = "now",
) -> None:
    """Load codes into a pool. Loaded again, a file changes nothing; a code is for one user.

    Each partition gives the codes of its own share: load many times as many as there are
    partitions, and more before the last are used up.
    """
    import asyncio

    from nudge import vouchers
    from nudge.campaigns import known_campaigns
    from nudge.controls import read_controls
    from nudge.kafka import kafka_settings
    from nudge.problem import Problem
    from nudge.terminal import note, plain, say
    from nudge.when import moment_ms, now_ms

    now = now_ms()
    codes = vouchers.read_codes(vouchers.lines_of(file))
    ends = None if expires is None else moment_ms(expires, now=now)
    if ends is not None and ends <= now:
        raise Problem("These codes have expired already.", "Say --expires with a time to come.")
    worth = vouchers.Worth(None if value is None else _minor(value), currency, ends)
    wanted = list(vouchers.batches(pool, codes, worth, moment_ms(at, now=now)))

    async def run() -> "tuple[int, list[VoucherBatch], set[str]]":
        settings = kafka_settings()
        controls = await read_controls(settings)
        campaigns = [known.start for known in (await known_campaigns(settings)).values()]
        named = vouchers.named(controls.versions.values(), campaigns)
        kept = vouchers.kept(wanted, controls.vouchers)
        return await vouchers.load(settings, controls, wanted), kept, named

    added, kept, named = asyncio.run(run())
    known = len(codes) - added
    said = f"{added} code{'' if added == 1 else 's'} loaded into {plain(pool)}."
    say(f"{said} {known} were there before." if known else said)
    for batch in kept:
        note(
            f"{len(batch.codes)} of them stay as they were loaded, {_worth(batch)}: users may have"
            " them already. For another worth or end load new codes."
        )
    if pool not in named:
        others = f" They name {', '.join(sorted(named))}." if named else ""
        note(plain(f"No scenario and no campaign gives codes of {pool} so far.{others}"))


@app.command("list", epilog=examples("nudge vouchers list", "nudge vouchers list --json"))
def list_(json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False) -> None:
    """List the batches that were loaded, and how many codes of each are left.

    The codes are not shown. What is left is as the workers last wrote it, where they say.
    """
    import asyncio

    from nudge import vouchers
    from nudge.controls import Controls, read_controls
    from nudge.event_words import money
    from nudge.kafka import kafka_settings
    from nudge.terminal import note, plain, say_json, say_table
    from nudge.when import rfc3339

    async def run() -> tuple[Controls, dict[str, int] | None]:
        settings = kafka_settings()
        controls = await read_controls(settings)
        return controls, await vouchers.drawn(settings) if controls.vouchers else None

    controls, drawn = asyncio.run(run())

    def left(batch: "VoucherBatch") -> int | None:
        return None if drawn is None else len(batch.codes) - drawn.get(batch.batch, 0)

    batches = sorted(controls.vouchers.values(), key=lambda b: (b.pool, b.effective_at, b.batch))
    if json:
        say_json(
            [
                batch.model_dump(mode="json", exclude={"codes", "type"})
                | {"codes": len(batch.codes), "left": left(batch)}
                for batch in batches
            ]
        )
        return
    if not batches:
        note("No codes were ever loaded: `nudge vouchers load POOL FILE`.")
        return
    say_table(
        ("pool", "codes", "left", "value", "from", "until", "by"),
        (
            (
                plain(batch.pool),
                str(len(batch.codes)),
                "" if drawn is None else str(left(batch)),
                "" if batch.value is None else money(batch.value, batch.currency),
                rfc3339(batch.effective_at),
                "" if batch.expires_at is None else rfc3339(batch.expires_at),
                plain(batch.loaded_by or ""),
            )
            for batch in batches
        ),
    )


def _worth(batch: "VoucherBatch") -> str:
    from nudge.event_words import money
    from nudge.when import rfc3339

    worth = "worth nothing named" if batch.value is None else money(batch.value, batch.currency)
    end = "without an end" if batch.expires_at is None else f"until {rfc3339(batch.expires_at)}"
    return f"{worth}, {end}"


def _minor(text: str) -> int:
    from nudge.event_input import refuse_decimals
    from nudge.problem import usage_problem

    refuse_decimals("--value", text)
    if not text.isdecimal():
        raise usage_problem(f"--value={text} is no amount", "For 15.00 write --value=1500.")
    return int(text)
