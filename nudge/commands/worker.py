"""``nudge worker``: the streams worker that keeps profiles and decides."""

import typer

from nudge.terminal import examples


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "worker",
        rich_help_panel=section,
        epilog=examples(
            "nudge worker",
            "NUDGE_HEALTH_PORT=8081 nudge worker      # /healthz, /readyz and /metrics there",
            "faust -A streams.app worker -l info      # the same, Faust's own way",
        ),
    )(worker)


def worker() -> None:
    """Run a worker: it keeps a profile a user, notices moments and decides.

    Start as many as there are partitions, on as many machines as you like: they share the
    partitions. SIGTERM (or Ctrl-C) ends the steps under way and leaves. The topics must be there
    (`nudge topics create`), and a scenario version in force (`nudge scenarios apply`).
    """
    from nudge.kafka import load
    from streams.settings import StreamsSettings
    from streams.worker import run_worker

    run_worker(load(StreamsSettings))
