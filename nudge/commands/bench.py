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
    group.command("core", epilog=examples("nudge bench core --events 50000"))(core)
    group.command("scenarios", epilog=examples("nudge bench scenarios --events 50000"))(scenarios)
    group.command("deliver", epilog=examples("nudge bench deliver --jobs 20000"))(deliver)
    group.command("collector", epilog=examples("nudge bench collector --seconds 5"))(collector)
    group.command("memory", epilog=examples("nudge bench memory --profiles 50000"))(memory)
    group.command("recovery", epilog=examples("nudge bench recovery --runs 1"))(recovery)
    group.command("failover", epilog=examples("nudge bench failover --session-timeout 10"))(
        failover
    )
    group.command("latency", epilog=examples("nudge bench latency --rate 1000"))(latency)
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


def collector(
    seconds: Annotated[float, typer.Option(min=1, help="Each of the two paces.")] = 20.0,
    batch: Annotated[int, typer.Option(min=1, max=100, help="Events in a request.")] = 10,
    rate: Annotated[float, typer.Option(min=10, help="Events a second of the second pace.")] = 1500,
    json: Json = False,
) -> None:
    """Events a second of one gateway pinned to one core, each batch acknowledged by the broker.

    Then at a steady pace: how long an answer takes, from the moment it was to be asked for.
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


def memory(
    profiles: Annotated[int, typer.Option(min=1000, help="Profiles of the mix.")] = 200_000,
    json: Json = False,
) -> None:
    """Memory a profile: what a worker with all of them holds over what one without any does.

    Row, key, timer heap and interest index are included, and what recovery leaves behind. Beside
    it stands the profile's JSON. Ten thousand profiles are made by the core from the traffic of
    the benchmarks, the others are these under other names.
    """
    from nudge.bench.recovered import measure_memory
    from nudge.terminal import note, say_json, say_table

    result = measure_memory(profiles, note)
    if json:
        say_json(result.as_dict())
        return
    rows = [
        ("resident", f"{result.a_profile:,.0f} B"),
        ("its JSON", f"{result.json_a_profile:,.0f} B"),
        ("ratio", f"{result.a_profile / result.json_a_profile:.2f} ×"),
    ]
    say_table((f"of {profiles:,}", "a profile"), rows)


def recovery(
    profiles: Annotated[int, typer.Option(min=1000, help="Profiles of the mix.")] = 500_000,
    runs: Annotated[int, typer.Option(min=1, help="The median is what counts.")] = 3,
    json: Json = False,
) -> None:
    """Profiles a second that a starting worker takes in: from the first fetch to ready.

    The worker is pinned to one core, the broker to another. Ready means that every partition is
    at work, its heap and index rebuilt.
    """
    from nudge.bench.recovered import measure_recovery
    from nudge.terminal import note, say_json, say_table

    result = measure_recovery(profiles, runs, note)
    if json:
        say_json(result.as_dict())
        return
    rows = [
        (f"run {number}", f"{run.seconds:.1f} s", f"{profiles / run.seconds:,.0f}",
         f"{profiles / run.core_seconds:,.0f}")
        for number, run in enumerate(result.runs, start=1)
    ]  # fmt: skip
    median = (f"{result.seconds:.1f} s", f"{result.per_second:,.0f}",
              f"{result.per_core_second:,.0f}")  # fmt: skip
    say_table(
        ("", f"{profiles:,} profiles", "profiles/s", "a second of core"),
        [*rows, ("median", *median)],
    )


def failover(
    runs: Annotated[int, typer.Option(min=1, help="How often a worker is killed.")] = 3,
    session_timeout: Annotated[
        float, typer.Option(min=1, max=60, help="Seconds: NUDGE_SESSION_TIMEOUT_S.")
    ] = 6.0,
    json: Json = False,
) -> None:
    """From a `kill -9` of one of two workers to the first decision by a timer of its partitions.

    Shoppers leave carts behind all the time. The other settings are what the environment says:
    the grace is part of the time, and an input that had no answer for longer than
    NUDGE_SILENCE_MS would hold the clock for NUDGE_HOLD_MS more.
    """
    from nudge.bench.failover import run
    from nudge.terminal import note, say_json, say_table

    result = run(runs, session_timeout_s=session_timeout, say=note)
    if json:
        say_json(result.as_dict())
        return
    rows = [
        (f"run {number}", f"{run.first:.1f} s", f"{run.last:.1f} s")
        for number, run in enumerate(result.runs, start=1)
    ]
    rows.append(("median", f"{result.median:.1f} s", f"{result.median_of_all:.1f} s"))
    say_table(("", "first decision", "all its partitions"), rows)
    note(", ".join(f"{name} {value:g}" for name, value in result.settings_shown().items()))


def latency(
    rate: Annotated[int, typer.Option(min=10, help="Events a second.")] = 5_000,
    seconds: Annotated[int, typer.Option(min=10, help="How long pushes are looked at.")] = 60,
    users: Annotated[int, typer.Option(min=100, help="Shoppers.")] = 50_000,
    json: Json = False,
) -> None:
    """From the moment a cart is due, beyond the grace, to the push service's 201.

    The whole pipeline runs on this machine, nothing pinned, while events come at a steady rate.
    """
    import asyncio

    from nudge.bench.latency import run
    from nudge.terminal import note, say_json, say_table

    result = asyncio.run(run(rate=rate, seconds=seconds, users=users, say=note))
    if json:
        say_json(result.as_dict())
        return
    rows = [
        (name, f"{ms:,} ms")
        for name, ms in (
            ("median", result.percentile(0.5)),
            ("p90", result.percentile(0.9)),
            ("p99", result.percentile(0.99)),
            ("worst", result.beyond_grace_ms[-1]),
        )
    ]
    say_table((f"{len(result.beyond_grace_ms):,} pushes", "beyond the grace"), rows)
    note(f"{result.events_per_second:,.0f} events/s, grace {result.grace_ms / 1000:g} s")
