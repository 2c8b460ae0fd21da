"""``nudge topics``: the topics that Nudge lives on."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.drift import Drift, TopicState

app = typer.Typer(
    help="Create, check and describe the topics. Nothing is ever deleted or altered.",
    no_args_is_help=True,
)


def register(root: typer.Typer, section: str) -> None:
    root.add_typer(app, name="topics", rich_help_panel=section)


@app.command(
    epilog=examples(
        "nudge topics create",
        "nudge topics create --partitions 4 --replication 1     # one machine",
    )
)
def create(
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=4096,
            help="P, for every topic keyed by user or product; fixed for good."
            " Default: what the topics there have, else 24.",
        ),
    ] = None,
    replication: Annotated[
        int | None,
        typer.Option(min=1, max=9, help="Copies; at most the number of brokers. Default: 3."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Create the topics that are missing.

    Safe to repeat. Topics that exist are left as they are, and what differs is named.
    """
    import asyncio

    from nudge import topics
    from nudge.kafka import kafka_settings
    from nudge.terminal import say, say_json

    created = asyncio.run(
        topics.create(kafka_settings(), partitions=partitions, replication=replication)
    )
    if json:
        say_json(
            {
                "created": created.topics,
                "deployment": created.deployment.id,
                "partitions": created.deployment.partitions,
                "drifts": [str(drift) for drift in created.drifts],
            }
        )
    else:
        for name in created.topics:
            say(f"created {name}")
        if not created.topics:
            say("Every topic is there already.")
        _show(created.drifts)
    if created.drifts:
        raise typer.Exit(1)


@app.command(epilog=examples("nudge topics check", "nudge topics check --json | jq ."))
def check(
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Name every difference between the cluster and what Nudge wants. Exit code 1 on any."""
    import asyncio
    from dataclasses import asdict

    from nudge import topics
    from nudge.kafka import kafka_settings
    from nudge.terminal import say, say_json

    drifts = asyncio.run(topics.check(kafka_settings()))
    if json:
        say_json([asdict(drift) for drift in drifts])
    elif not drifts:
        say("All topics are as they should be.")
    else:
        _show(drifts)
    if drifts:
        raise typer.Exit(1)


@app.command(epilog=examples("nudge topics describe"))
def describe(
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """List every topic: what is in it, its key, partitions and how long it is kept."""
    import asyncio

    from nudge import topics
    from nudge.kafka import kafka_settings
    from nudge.terminal import say_json, say_table

    states = asyncio.run(topics.describe(kafka_settings()))
    if json:
        say_json(
            [
                {
                    "name": state.name,
                    "key": state.topic.key,
                    "about": state.topic.about,
                    "partitions": state.partitions,
                    "replication": state.replication,
                    "config": {name: state.config.get(name) for name in state.topic.config()},
                }
                for state in states
            ]
        )
        return
    say_table(
        ("topic", "partitions", "copies", "kept", "key", "what"),
        (
            (
                state.name,
                str(state.partitions) if state.exists else "[red]missing[/red]",
                str(state.replication),
                _kept(state),
                state.topic.key,
                state.topic.about,
            )
            for state in states
        ),
    )


def _kept(state: "TopicState") -> str:
    from nudge.when import ago

    if state.config.get("cleanup.policy") == "compact":
        return "newest a key"
    retention = int(state.config.get("retention.ms", "0"))
    return "for ever" if retention < 0 else ago(retention)


def _show(drifts: "Iterable[Drift]") -> None:
    from nudge.terminal import note

    for drift in drifts:
        note(f"[yellow]differs[/yellow]  {drift}")
