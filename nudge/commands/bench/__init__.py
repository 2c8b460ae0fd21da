"""``nudge bench``: how fast it is here, measured beside a peer."""

import typer

from nudge.commands.bench.latency import latency
from nudge.commands.bench.state import failover, memory, recovery
from nudge.commands.bench.work import collector, core, deliver, replay, scenarios, streams
from nudge.terminal import examples


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
    group.command("replay", epilog=examples("nudge bench replay --events 200000"))(replay)
    group.command("deliver", epilog=examples("nudge bench deliver --jobs 20000"))(deliver)
    group.command("collector", epilog=examples("nudge bench collector --seconds 5"))(collector)
    group.command("memory", epilog=examples("nudge bench memory --profiles 50000"))(memory)
    group.command("recovery", epilog=examples("nudge bench recovery --runs 1"))(recovery)
    group.command("failover", epilog=examples("nudge bench failover --session-timeout 10"))(
        failover
    )
    group.command(
        "latency",
        epilog=examples(
            "nudge bench latency --rate 1000",
            "nudge bench latency --campaign 20000",
            "nudge bench latency --feed 50000",
        ),
    )(latency)
    root.add_typer(group, name="bench", rich_help_panel=section)
