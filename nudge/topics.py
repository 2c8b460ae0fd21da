"""``nudge topics``: makes the registry's topics, names every drift, destroys nothing."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from nudge.drift import (
    Drift,
    TopicState,
    config_of,
    deployment_drifts,
    differences,
)
from nudge.problem import Problem
from runtime.deployment import admin_client, read_deployment
from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.control import DEPLOYMENT_KEY, Deployment
from schemas.topics import REGISTRY, SCENARIOS, Partitioning

DEFAULT_PARTITIONS = 24
"""P where nobody says otherwise. It is fixed at creation: a user's partition never moves."""
LOCAL_PARTITIONS = 4
DEFAULT_REPLICATION = 3
_LEADERS_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Created:
    """What ``create`` did, and what it found and left alone."""

    topics: tuple[str, ...]
    deployment: Deployment
    drifts: tuple[Drift, ...]


async def create(
    settings: KafkaSettings,
    *,
    partitions: int | None = None,
    replication: int | None = None,
) -> Created:
    """Creates what is missing and writes the deployment record once. Safe to repeat.

    Args:
        partitions: P; ``None``: what the topics there have, else :data:`DEFAULT_PARTITIONS`.
        replication: copies of each new topic's partitions, at most the number of brokers;
            ``None``: three.

    Raises:
        Problem: the topics there have another P.
        KafkaError: the cluster cannot be reached or refuses (rights, too few brokers).
    """
    states = await describe(settings)
    deployment = await read_deployment(settings)
    there = deployment.partitions if deployment else _user_partitions(states)
    if partitions and there and partitions != there:
        raise Problem(
            f"The topics here have {there} partitions each, not {partitions}, and keep them: users"
            " would change partition.",
            "Leave --partitions out, or set NUDGE_NAMESPACE for topics of their own.",
        )
    count = there or partitions or DEFAULT_PARTITIONS
    missing = [state for state in states if not state.exists]
    async with admin_client(settings) as admin:
        copies = replication or DEFAULT_REPLICATION
        await _create(admin, [_new_topic(state, count, copies) for state in missing])
        await _until_led(admin, [state.name for state in missing])
    if deployment is None:
        deployment = await _write_deployment(settings, count)
    return Created(
        tuple(state.name for state in missing),
        deployment,
        tuple(await check(settings, partitions=count, replication=replication)),
    )


async def check(
    settings: KafkaSettings, *, partitions: int | None = None, replication: int | None = None
) -> list[Drift]:
    """Every difference between the cluster and the registry; empty when all is as it should be.

    Args:
        partitions: P; ``None``: what the deployment record says, else what most topics have.
        replication: copies at least; ``None``: three, or as many as there are brokers.
    """
    states = await describe(settings)
    deployment = await read_deployment(settings)
    copies = replication or min(DEFAULT_REPLICATION, await _brokers(settings))
    wanted = (
        partitions
        or (deployment.partitions if deployment else None)
        or _user_partitions(states)
        or DEFAULT_PARTITIONS
    )
    broker = settings.kafka_bootstrap
    drifts = [d for state in states for d in differences(state, wanted, copies, broker)]
    return drifts + deployment_drifts(settings.topic(SCENARIOS), deployment, wanted)


async def describe(settings: KafkaSettings) -> list[TopicState]:
    """Every topic of the registry as it stands on the cluster, in the registry's order."""
    names = {settings.topic(topic): topic for topic in REGISTRY}
    async with admin_client(settings) as admin:
        found = {
            entry["topic"]: entry["partitions"]
            for entry in await admin.describe_topics()
            if entry["topic"] in names and not entry["error_code"]
        }
        configs = await _configs(admin, list(found)) if found else {}
    return [
        TopicState(
            topic=topic,
            name=name,
            partitions=len(found.get(name, ())),
            replication=min((len(p["replicas"]) for p in found.get(name, ())), default=0),
            config=configs.get(name, {}),
        )
        for name, topic in names.items()
    ]


async def _brokers(settings: KafkaSettings) -> int:
    async with admin_client(settings) as admin:
        return len((await admin.describe_cluster())["brokers"])


def _user_partitions(states: list[TopicState]) -> int | None:
    """The commonest number of partitions among the topics that should all have P."""
    counts = [
        state.partitions
        for state in states
        if state.exists and state.topic.partitioning is not Partitioning.SINGLE
    ]
    return max(set(counts), key=counts.count) if counts else None


def _new_topic(state: TopicState, count: int, replication: int) -> NewTopic:
    return NewTopic(
        name=state.name,
        num_partitions=state.topic.partitions(count),
        replication_factor=replication,
        topic_configs=config_of(state.topic, replication),
    )


async def _create(admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> None:
    if not topics:
        return
    answer = await admin.create_topics(topics)
    for name, code, *message in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"{name}: {message[0] if message and message[0] else error.description}")


async def _until_led(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    async with asyncio.timeout(_LEADERS_DEADLINE_S):
        while names:
            entries = await admin.describe_topics(names)
            if all(not e["error_code"] and _is_led(e["partitions"]) for e in entries):
                return
            await asyncio.sleep(0.1)


def _is_led(partitions: list[dict[str, Any]]) -> bool:
    return bool(partitions) and all(p["leader"] >= 0 and not p["error_code"] for p in partitions)


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for code, message, _, name, entries in answer.resources:
            if code:
                raise for_code(code)(f"{name}: {message}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def _write_deployment(settings: KafkaSettings, partitions: int) -> Deployment:
    deployment = Deployment(
        type="deployment",
        id=uuid.uuid4().hex,
        partitions=partitions,
        created_at=int(time.time() * 1000),
    )
    async with AIOKafkaProducer(**settings.client_options(), acks="all") as producer:
        await producer.send_and_wait(
            settings.topic(SCENARIOS), dump(deployment), key=DEPLOYMENT_KEY.encode(), partition=0
        )
    return deployment
