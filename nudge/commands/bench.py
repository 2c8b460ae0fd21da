"""``nudge bench``: how fast it is here, measured beside a peer."""

from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.bench.streams import StreamsResult

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def register(root: typer.Typer, section: str) -> None:
    group = typer.Typer(help="Measure on this machine, each figure beside a peer.")
    group.command(
        "streams",
        epilog=examples(
            "nudge bench streams --events 100000 --runs 1     # a quick look",
            "nudge bench streams                              # the figures of the docs",
        ),
    )(streams)
    group.command("deliver", epilog=examples("nudge bench deliver --jobs 20000"))(deliver)
    root.add_typer(group, name="bench", rich_help_panel=section)


def streams(
    events: Annotated[int, typer.Option(min=1000, help="User and catalogue events.")] = 1_000_000,
    users: Annotated[int, typer.Option(min=100, help="Shoppers.")] = 50_000,
    runs: Annotated[int, typer.Option(min=1, help="The median is what counts.")] = 3,
    stock: Annotated[
        bool, typer.Option(help="Measure a stock Faust table agent on the same topic.")
    ] = True,
    json: Json = False,
) -> None:
    """Events a second of one streams worker pinned to one core, the broker on another.

    All scenarios of the shipped file are on, every input is subscribed, decisions are written.
    A million events take some minutes to produce, and as long again for each run.
    """
    from nudge.bench.mix import Mix
    from nudge.bench.streams import run
    from nudge.terminal import note, say_json

    result = run(Mix(events=events, users=users), runs, stock=stock, say=note)
    if json:
        say_json(result.as_dict())
    else:
        _show_streams(result)


def _show_streams(result: "StreamsResult") -> None:
    from nudge.terminal import say_table

    rows = [
        (f"run {number}", f"{run.records:,}", f"{run.seconds:.1f} s", f"{run.per_second:,.0f}",
         f"{run.per_core_second:,.0f}")
        for number, run in enumerate(result.runs, start=1)
    ]  # fmt: skip
    rows.append(("median", "", "", f"{result.median:,.0f}", ""))
    if result.stock is not None:
        stock = result.stock
        rows.append(
            ("stock Faust", f"{stock.records:,}", f"{stock.seconds:.1f} s",
             f"{stock.per_second:,.0f}", f"{stock.per_core_second:,.0f}")
        )  # fmt: skip
        rows.append(("ratio", "", "", f"{result.median / stock.per_second:.1f} ×", ""))
    say_table(("", "events", "time", "events/s", "a second of core"), rows)


def deliver(
    jobs: Annotated[int, typer.Option(min=1000, help="Pushes.")] = 40_000,
    users: Annotated[int, typer.Option(min=10, help="Browsers.")] = 2_000,
    webpush: Annotated[
        int, typer.Option(min=100, help="Pushes by webpush(), to compare with.")
    ] = 1_000,
    json: Json = False,
) -> None:
    """Pushes a second of one delivery worker pinned to one core, beside ``webpush()`` as it comes.

    The push service is another process on another core, with Kafka and Redis: a real HTTP server
    that checks headers and VAPID. Every job is read, looked up, reserved, encrypted, sent, and
    its result written.
    """
    import asyncio

    from nudge.bench.deliver import run
    from nudge.terminal import note, say_json, say_table

    result = asyncio.run(run(jobs=jobs, users=users, webpush_pushes=webpush, say=note))
    if json:
        say_json(result.as_dict())
        return
    rows = [
        (name, f"{rate.pushes:,}", f"{rate.seconds:.1f} s", f"{rate.per_second:,.0f}",
         f"{rate.per_core_second:,.0f}")
        for name, rate in (("nudge deliver", result.delivery), ("webpush()", result.webpush))
    ]  # fmt: skip
    rows.append(("ratio", "", "", "", f"{result.ratio:.1f} ×"))
    say_table(("", "pushes", "time", "pushes/s", "a second of core"), rows)
