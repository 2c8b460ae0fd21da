"""``nudge worker``: the streams worker that keeps profiles and decides."""

from typing import TYPE_CHECKING

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from streams.settings import StreamsSettings


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
    import asyncio

    from nudge.kafka import load, quiet_clients
    from streams.settings import StreamsSettings
    from streams.worker import run_worker

    settings = load(StreamsSettings)
    with quiet_clients():
        asyncio.run(_refuse_early(settings))
    run_worker(settings)


async def _refuse_early(settings: "StreamsSettings") -> None:
    """What the worker would refuse in the middle of its start is said before it.

    Raises:
        Problem: Kafka cannot be reached.
        RefusedError: topics are missing, or do not fit the deployment.
    """
    from nudge.kafka import admin
    from streams.guard import read_site

    async with admin(settings):
        await read_site(settings)
