"""Namespaces on a test broker: each test has topics of its own, gone when it is over."""

import re
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from itertools import count

from aiokafka.admin import NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from nudge import topics
from nudge.drift import TopicState
from runtime.deployment import admin_client
from runtime.settings import KafkaSettings, RedisSettings
from schemas.topics import REGISTRY, Topic
from tests.harness.waiting import eventually

PARTITIONS = 4
"""Of every topic keyed by user or product in tests."""

_numbers = count(1)


def fresh_namespace(test: str) -> str:
    """``t12-abandoned-cart``: a number of its own, and which test it was."""
    words = re.sub(r"[^a-z0-9]+", "-", test.lower().removeprefix("test_")).strip("-")
    return f"t{next(_numbers)}-{words}"[:30].rstrip("-")


def kafka_settings(bootstrap: str, namespace: str = "") -> KafkaSettings:
    """Settings for a test broker, whatever the developer's environment and ``.env`` say."""
    return KafkaSettings.model_validate(
        {
            "kafka_bootstrap": bootstrap,
            "kafka_security": "PLAINTEXT",
            "kafka_ca_file": None,
            "namespace": namespace,
        }
    )


def redis_settings(url: str, namespace: str = "") -> RedisSettings:
    return RedisSettings.model_validate({"redis_url": url, "namespace": namespace})


@asynccontextmanager
async def fresh_cluster(bootstrap: str, namespace: str) -> AsyncIterator[KafkaSettings]:
    """All topics of the registry under ``namespace``, deleted at the end."""
    settings = kafka_settings(bootstrap, namespace)
    await topics.create(settings, partitions=PARTITIONS, replication=1)
    try:
        yield settings
    finally:
        await delete_topics(settings)


async def delete_topics(settings: KafkaSettings, *only: Topic) -> None:
    """What ``nudge topics`` never does. Returns when the broker no longer knows those named."""
    async with admin_client(settings) as admin:
        await admin.delete_topics([settings.topic(topic) for topic in only or REGISTRY])
    if only:
        await _until(settings, only, lambda state: not state.exists)


async def configure(settings: KafkaSettings, topic: Topic, **config: str) -> None:
    """Gives a topic other settings than its own; ``_`` stands for a dot."""
    wanted = topic.config() | {name.replace("_", "."): value for name, value in config.items()}
    async with admin_client(settings) as admin:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, settings.topic(topic), wanted)]
        )
    await _until(settings, [topic], lambda state: wanted.items() <= state.config.items())


async def grow(settings: KafkaSettings, partitions: int, *grown: Topic) -> None:
    """Gives topics more partitions."""
    async with admin_client(settings) as admin:
        await admin.create_partitions(
            {settings.topic(topic): NewPartitions(partitions) for topic in grown}
        )
    await _until(settings, grown, lambda state: state.partitions == partitions)


async def _until(
    settings: KafkaSettings, only: Collection[Topic], holds: Callable[[TopicState], bool]
) -> None:
    """Kafka's controller acknowledges a change before the brokers answer by it."""

    async def seen() -> bool:
        states = await topics.describe(settings)
        return all(holds(state) for state in states if state.topic in only)

    await eventually(seen, 60)
