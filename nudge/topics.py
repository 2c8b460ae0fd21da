"""``nudge topics``: makes the registry's topics, names every drift, destroys nothing."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from runtime.deployment import read_deployment
from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.control import DEPLOYMENT_KEY, Deployment
from schemas.topics import REGISTRY, SCENARIOS, Cleanup, Partitioning, Topic

DEFAULT_PARTITIONS = 24
"""P where nobody says otherwise. It is fixed at creation: a user's partition never moves."""
LOCAL_PARTITIONS = 4
DEFAULT_REPLICATION = 3
_LEADERS_DEADLINE_S = 30.0


class DriftKind(StrEnum):
    """How a topic on the cluster differs from the registry."""

    MISSING = "missing"
    PARTITIONS = "partitions"
    REPLICATION = "replication"
    CLEANUP = "cleanup"
    RETENTION = "retention"
    SETTING = "setting"
    DEPLOYMENT = "deployment"
    """The deployment record is missing, or speaks of another number of partitions."""


_KINDS = {
    "cleanup.policy": DriftKind.CLEANUP,
    "retention.ms": DriftKind.RETENTION,
    "min.compaction.lag.ms": DriftKind.RETENTION,
}


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference, and what cures it."""

    topic: str
    kind: DriftKind
    wanted: str
    found: str
    cure: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.kind} is {self.found}, wanted {self.wanted}. {self.cure}"


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it stands on the cluster; ``partitions`` is 0 where it does not exist."""

    topic: Topic
    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]

    @property
    def exists(self) -> bool:
        return self.partitions > 0


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
    replication: int = DEFAULT_REPLICATION,
) -> Created:
    """Creates what is missing and writes the deployment record once. Safe to repeat.

    Args:
        partitions: P; ``None``: what the topics there have, else :data:`DEFAULT_PARTITIONS`.
        replication: copies of each new topic's partitions, at most the number of brokers.

    Raises:
        KafkaError: the cluster cannot be reached or refuses (rights, too few brokers).
    """
    states = await describe(settings)
    count = partitions or _user_partitions(states) or DEFAULT_PARTITIONS
    missing = [state for state in states if not state.exists]
    async with _admin(settings) as admin:
        await _create(admin, [_new_topic(state, count, replication) for state in missing])
        await _until_led(admin, [state.name for state in missing])
    deployment = await read_deployment(settings)
    if deployment is None:
        deployment = await _write_deployment(settings, count)
    return Created(
        tuple(state.name for state in missing),
        deployment,
        tuple(await check(settings, partitions=count)),
    )


async def check(
    settings: KafkaSettings, *, partitions: int | None = None, replication: int | None = None
) -> list[Drift]:
    """Every difference between the cluster and the registry; empty when all is as it should be.

    Args:
        partitions: P; ``None``: what the deployment record says, else what most topics have.
        replication: ``None``: any.
    """
    states = await describe(settings)
    deployment = await read_deployment(settings)
    wanted = (
        partitions
        or (deployment.partitions if deployment else None)
        or _user_partitions(states)
        or DEFAULT_PARTITIONS
    )
    drifts = [drift for state in states for drift in _drifts(state, wanted, replication)]
    return drifts + _deployment_drifts(settings.topic(SCENARIOS), deployment, wanted)


async def describe(settings: KafkaSettings) -> list[TopicState]:
    """Every topic of the registry as it stands on the cluster, in the registry's order."""
    names = {settings.topic(topic): topic for topic in REGISTRY}
    async with _admin(settings) as admin:
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


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def _partitions_of(topic: Topic, count: int) -> int:
    return 1 if topic.partitioning is Partitioning.SINGLE else count


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
        num_partitions=_partitions_of(state.topic, count),
        replication_factor=replication,
        topic_configs=state.topic.config(),
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


def _drifts(state: TopicState, count: int, replication: int | None) -> list[Drift]:
    if not state.exists:
        return [Drift(state.name, DriftKind.MISSING, "a topic", "none", "Run nudge topics create.")]
    drifts: list[Drift] = []
    wanted = _partitions_of(state.topic, count)
    if state.partitions != wanted:
        drifts.append(
            Drift(state.name, DriftKind.PARTITIONS, str(wanted), str(state.partitions), _PARTITIONS)
        )
    if replication is not None and state.replication != replication:
        drifts.append(
            Drift(
                state.name, DriftKind.REPLICATION, str(replication), str(state.replication),
                "Reassign its partitions with kafka-reassign-partitions.",
            )
        )  # fmt: skip
    for key, value in state.topic.config().items():
        found = state.config.get(key, "unset")
        if not _same(state.topic, key, value, found):
            drifts.append(Drift(state.name, _KINDS.get(key, DriftKind.SETTING), f"{key}={value}",
                                found, _alter(state.name, key, value)))  # fmt: skip
    return drifts


_PARTITIONS = (
    "It cannot be changed in place: users would change partition. Drain, and move to a new"
    " namespace with nudge topics create --partitions."
)


def _same(topic: Topic, key: str, wanted: str, found: str) -> bool:
    # Kept longer than asked is no drift: history that is loaded needs retention.ms=-1.
    if key == "retention.ms" and topic.cleanup is Cleanup.DELETE and found != "unset":
        return int(found) == -1 or int(found) >= int(wanted)
    return wanted == found


def _alter(name: str, key: str, value: str) -> str:
    return (
        f"kafka-configs --alter --entity-type topics --entity-name {name}"
        f" --add-config {key}={value}"
    )


def _deployment_drifts(name: str, deployment: Deployment | None, count: int) -> list[Drift]:
    if deployment is None:
        return [Drift(name, DriftKind.DEPLOYMENT, "a record", "none", "Run nudge topics create.")]
    if deployment.partitions != count:
        return [
            Drift(name, DriftKind.DEPLOYMENT, f"{count} partitions", str(deployment.partitions),
                  "The topics were made with another number: use that one.")
        ]  # fmt: skip
    return []
