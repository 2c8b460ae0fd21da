"""What a worker checks before it goes on from stored state, and why it would rather not start."""

from collections.abc import Mapping
from typing import NamedTuple

import orjson
from aiokafka import TopicPartition

from runtime.deployment import partition_counts, read_cluster_id, read_deployment
from runtime.settings import KafkaSettings
from schemas.control import Deployment
from schemas.topics import REGISTRY, SCENARIOS


class RefusedError(RuntimeError):
    """The worker does not start; the message says why and what cures it."""


DEPLOYMENT_ROW = b"\x00engine/deployment"
INPUTS_ROW = b"\x00engine/inputs"
HEARD_ROW = b"\x00engine/heard"
"""Rows of the changelog, beside the core's own. The last: when (ms) the broker was heard of."""


def deployment_row(cluster_id: str, deployment: Deployment) -> bytes:
    """What the state of a partition belongs to."""
    return orjson.dumps(
        {"cluster": cluster_id, "topics": deployment.id, "partitions": deployment.partitions}
    )


async def read_site(settings: KafkaSettings) -> tuple[Deployment, bytes]:
    """The deployment this worker is to work for, and its row.

    Raises:
        RefusedError: there are no topics, some are missing, or they do not fit the deployment.
        KafkaError: the cluster cannot be reached.
    """
    deployment = await read_deployment(settings)
    if deployment is None:
        raise RefusedError(
            f"{settings.topic(SCENARIOS)} names no deployment on {settings.kafka_bootstrap}."
            " Run `nudge topics create`; where the topics have a prefix, set NUDGE_NAMESPACE."
        )
    check_topics(settings, await partition_counts(settings), deployment.partitions)
    return deployment, deployment_row(await read_cluster_id(settings), deployment)


def check_topics(settings: KafkaSettings, counts: Mapping[str, int], partitions: int) -> None:
    """Holds the topics on the cluster against the registry: a worker has to do with all of them.

    Args:
        counts: how many partitions a topic has, by its name on the cluster.
        partitions: of the deployment.

    Raises:
        RefusedError: a topic is missing, or has another number of partitions.
    """
    wanted = {settings.topic(topic): topic.partitions(partitions) for topic in REGISTRY}
    if missing := [name for name in wanted if not counts.get(name)]:
        raise RefusedError(f"There is no topic {', '.join(missing)}. Run `nudge topics create`.")
    differing = [f"{n} has {counts[n]}, not {p}" for n, p in wanted.items() if counts[n] != p]
    if differing:
        raise RefusedError(other_partitions(partitions, "; ".join(differing)))


def other_partitions(partitions: int, found: str) -> str:
    """Why topics with another number of partitions are refused."""
    return (
        f"The profiles were made with {partitions} partitions: {found}. Users would change"
        " partition. Move to a new namespace: `nudge topics create --partitions`, `nudge state"
        " export`, `nudge state import --other-partitions`."
    )


def check_deployment(partition: int, stored: bytes | None, here: bytes) -> None:
    """Holds a partition's stored state against the deployment.

    Raises:
        RefusedError: the state belongs to other topics.
    """
    if stored is None or stored == here:
        return
    was, now = orjson.loads(stored), orjson.loads(here)
    differing = ", ".join(
        f"{name} {was.get(name)} (now {now[name]})" for name in now if was.get(name) != now[name]
    )
    raise RefusedError(
        f"The profiles of partition {partition} were made with {differing}: the topics were made"
        " anew or copied, and stored offsets mean nothing in them. Restore the topics, or delete"
        " all of them, changelog and group included, and start afresh."
    )


class StoredInput(NamedTuple):
    """How far an input was taken: the next offset to read, the newest time it had shown (ms).

    ``ahead``: offsets from there on that were taken already; handovers alone have any.
    """

    offset: int
    newest: int = 0
    ahead: tuple[int, ...] = ()


def stored_inputs(stored: bytes | None) -> dict[str, StoredInput]:
    """What a partition's row says, by the input's name."""
    if stored is None:
        return {}
    return {
        name: StoredInput(offset, newest, tuple(*ahead))
        for name, (offset, newest, *ahead) in orjson.loads(stored).items()
    }


def inputs_row(inputs: Mapping[str, StoredInput]) -> bytes:
    return orjson.dumps({name: list(one if one.ahead else one[:2]) for name, one in inputs.items()})


def check_offset(
    tp: TopicPartition, committed: int, beginning: int, end: int, *, accept_lost: bool
) -> None:
    """Holds a committed offset against what the input holds.

    Raises:
        RefusedError: it lies beyond the end, or retention deleted what was not processed.
    """
    where = f"{tp.topic}-{tp.partition}"
    if committed > end:
        raise RefusedError(
            f"{where} ends at offset {end}, but everything up to {committed} was processed: the"
            " topic was made anew or lost records. Restore it, or start afresh with a new"
            " namespace."
        )
    if committed < beginning and not accept_lost:
        raise RefusedError(
            f"{where} begins at offset {beginning}, but only what lies before {committed} was"
            " processed: retention deleted the rest while no worker ran. It cannot be brought"
            " back; to go on without it, set NUDGE_ACCEPT_LOST_INPUT=true for one start."
        )


def check_state(tp: TopicPartition, known: int, committed: int) -> None:
    """Holds how far a partition's state goes against what was committed along with it.

    Raises:
        RefusedError: rows of the changelog are missing; what they hold would be decided again.
    """
    if committed > known:
        raise RefusedError(
            f"{tp.topic}-{tp.partition} was processed up to offset {committed}, but the profiles"
            f" know of it up to {known} only: rows of the changelog were lost, or not read. Start"
            " the worker again; if it says the same, restore the changelog."
        )
