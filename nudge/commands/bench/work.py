"""How much each worker does in a second of a core."""

from typing import TYPE_CHECKING, Annotated

import typer

from nudge.commands.bench.options import Json

if TYPE_CHECKING:
    from nudge.bench.streams import StreamsResult


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
        (f"run {number}", f"{run.count:,}", f"{run.seconds:.1f} s", f"{run.per_second:,.0f}",
         f"{run.per_core_second:,.0f}")
        for number, run in enumerate(result.runs, start=1)
    ]  # fmt: skip
    rows.append(("median", "", "", f"{result.median:,.0f}", ""))
    if result.stock is not None:
        stock = result.stock
        rows.append(
            ("stock Faust", f"{stock.count:,}", f"{stock.seconds:.1f} s",
             f"{stock.per_second:,.0f}", f"{stock.per_core_second:,.0f}")
        )  # fmt: skip
        rows.append(("ratio", "", "", f"{result.median / stock.per_second:.1f} ×", ""))
    say_table(("", "events", "time", "events/s", "a second of core"), rows)


def core(
    events: Annotated[int, typer.Option(min=1000, help="User and catalogue events.")] = 200_000,
    users: Annotated[int, typer.Option(min=100, help="Shoppers.")] = 50_000,
    json: Json = False,
) -> None:
    """Where a streams worker's time goes, without Kafka: processor time an event, by phase.

    The same traffic and rules as of `streams`, from fetched records to built batches. What other
    processes do meanwhile is not counted, though they still make a shared core slower.
    """
    from nudge.bench.core import CoreBench
    from nudge.bench.mix import Mix
    from nudge.terminal import say_json, say_table

    result = CoreBench(Mix(events=events, users=users)).run()
    if json:
        say_json(result.as_dict())
        return
    rows = [
        (phase.value, f"{seconds / result.events * 1e6:.1f}", "")
        for phase, seconds in result.seconds.items()
    ]
    rows.append(("all", f"{result.micros:.1f}", f"{1e6 / result.micros:,.0f}"))
    say_table(("", "µs an event", "events/s"), rows)


def scenarios(
    events: Annotated[int, typer.Option(min=1000, help="User and catalogue events.")] = 200_000,
    users: Annotated[int, typer.Option(min=100, help="Shoppers.")] = 50_000,
    json: Json = False,
) -> None:
    """What each scenario of the shipped file costs: processor time an event, dearest first.

    The traffic of `core`, once as it is and once with a stopwatch. An event's time is spread over
    all events: what only orders cause is divided by page views too.
    """
    from nudge.bench.mix import Mix
    from nudge.bench.scenarios import run
    from nudge.terminal import say_json, say_table

    result = run(Mix(events=events, users=users))
    if json:
        say_json(result.as_dict())
        return
    rows = [
        (name, f"{result.micros(cost):.2f}", f"{cost.asked:,}", f"{cost.judged:,}")
        for name, cost in result.costs.items()
    ]
    rows.append(("the rest of the core", f"{result.others_micros:.2f}", "", ""))
    rows.append(("all", f"{result.core_micros:.2f}", "", ""))
    say_table(("", "µs an event", "asked", "moments judged"), rows)


def replay(
    events: Annotated[int, typer.Option(min=1000, help="User and catalogue events.")] = 1_000_000,
    users: Annotated[int, typer.Option(min=100, help="Shoppers.")] = 50_000,
    json: Json = False,
) -> None:
    """Records a second of core that a dry run judges, from files and from topics.

    From a file of events everybody counts as reachable, from topics one user in ten is, and from
    a file that says so; once more by two scenario files, where those users alone are judged, but
    twice (--compare), and where everybody is (--everybody). The whole process of `nudge replay` is
    counted. Beside it the lines are only read, by the contract's models.
    """
    from nudge.bench.dry_run import DryRun, run
    from nudge.bench.mix import Mix
    from nudge.terminal import note, say_json, say_table

    result = run(Mix(events=events, users=users), note)
    if json:
        say_json(result.as_dict())
        return
    rows = [
        (name, f"{judged.count:,}", f"{judged.core_seconds:.1f} s",
         f"{judged.per_core_second:,.0f}")
        for name in DryRun
        for judged in (result.rates[name],)
    ]  # fmt: skip
    say_table(("", "records", "of core", "records/s"), rows)


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
        (name, f"{rate.count:,}", f"{rate.seconds:.1f} s", f"{rate.per_second:,.0f}",
         f"{rate.per_core_second:,.0f}")
        for name, rate in (("nudge deliver", result.delivery), ("webpush()", result.webpush))
    ]  # fmt: skip
    rows.append(("ratio", "", "", "", f"{result.ratio:.1f} ×"))
    say_table(("", "pushes", "time", "pushes/s", "a second of core"), rows)


def collector(
    seconds: Annotated[float, typer.Option(min=1, help="Each of the two paces.")] = 20.0,
    batch: Annotated[int, typer.Option(min=1, max=100, help="Events in a request.")] = 10,
    rate: Annotated[float, typer.Option(min=10, help="Events a second of the second pace.")] = 1500,
    json: Json = False,
) -> None:
    """Events a second of one gateway pinned to one core, each batch acknowledged by the broker.

    Then at a steady pace: how long an answer takes, from the moment it was to be asked for. The
    requests are those of a shop's server; a page's cost more, since its tokens are checked too.
    """
    import asyncio

    from nudge.bench.collector import run
    from nudge.terminal import note, say_json, say_table

    result = asyncio.run(run(seconds=seconds, batch=batch, rate=rate, say=note))
    if json:
        say_json(result.as_dict())
        return
    rows = [
        (f"{result.per_second:,.0f}", f"{result.per_core_second:,.0f}", f"{result.rate:,.0f}",
         f"{result.at_share_ms(0.5):.1f} ms", f"{result.at_share_ms(0.99):.1f} ms")
    ]  # fmt: skip
    say_table(("events/s", "a second of core", "then at events/s", "p50", "p99"), rows)
