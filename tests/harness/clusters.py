"""Namespaces on a test broker: each test has topics of its own, gone when it is over."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from nudge import topics
from runtime.settings import KafkaSettings, RedisSettings
from schemas.topics import REGISTRY, Topic

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


async def delete_topics(settings: KafkaSettings) -> None:
    """What ``nudge topics`` never does."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        await admin.delete_topics([settings.topic(topic) for topic in REGISTRY])
    finally:
        await admin.close()


async def configure(settings: KafkaSettings, topic: Topic, **config: str) -> None:
    """Gives a topic other settings than its own; ``_`` stands for a dot."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        named = {name.replace("_", "."): value for name, value in config.items()}
        resource = ConfigResource(
            ConfigResourceType.TOPIC, settings.topic(topic), topic.config() | named
        )
        await admin.alter_configs([resource])
    finally:
        await admin.close()
