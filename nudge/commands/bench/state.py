"""What a worker's state weighs, and how soon it is there again."""

from typing import Annotated

import typer

from nudge.commands.bench.options import Json


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
