"""The identity of a deployment's topics: what a worker holds its state against before it starts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from runtime.settings import KafkaSettings
from schemas.adapters import CONTROL, InvalidRecordError, parse
from schemas.control import DEPLOYMENT_KEY, Deployment
from schemas.topics import SCENARIOS

_DEADLINE_S = 30.0


async def read_deployment(settings: KafkaSettings) -> Deployment | None:
    """The record that ``nudge topics create`` wrote; ``None`` where there is none, or no topic.

    Raises:
        TimeoutError: the topic could not be read to its end within 30 s.
        KafkaError: the cluster cannot be reached.
    """
    found: Deployment | None = None
    partition = TopicPartition(settings.topic(SCENARIOS), 0)
    consumer = AIOKafkaConsumer(
        **settings.client_options(), isolation_level="read_committed", enable_auto_commit=False
    )
    await consumer.start()
    try:
        if partition.topic not in await consumer.topics():
            return None
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        async with asyncio.timeout(_DEADLINE_S):
            while await consumer.position(partition) < end:
                batches = await consumer.getmany(partition, timeout_ms=200)
                for record in batches.get(partition, ()):
                    if record.key == DEPLOYMENT_KEY.encode() and record.value is not None:
                        found = _deployment(record.value) or found
    finally:
        await consumer.stop()
    return found


def _deployment(value: bytes) -> Deployment | None:
    try:
        control = parse(CONTROL, value)
    except InvalidRecordError:
        return None
    return control if isinstance(control, Deployment) else None


async def read_cluster_id(settings: KafkaSettings) -> str:
    """The id that the cluster was formatted with.

    Raises:
        KafkaError: the cluster cannot be reached.
    """
    async with admin_client(settings) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


async def partition_counts(settings: KafkaSettings) -> dict[str, int]:
    """How many partitions each topic of the cluster has, by its name there.

    Raises:
        KafkaError: the cluster cannot be reached.
    """
    async with admin_client(settings) as admin:
        # All of them: asking by name may create what is missing.
        entries = await admin.describe_topics()
    return {entry["topic"]: len(entry["partitions"]) for entry in entries}


@asynccontextmanager
async def admin_client(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client: started, and closed in the end.

    Raises:
        KafkaError: the cluster cannot be reached.
    """
    admin = AIOKafkaAdminClient(**settings.client_options())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
