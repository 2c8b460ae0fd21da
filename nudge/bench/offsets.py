"""How far a worker has come in a topic, by what its group has committed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from nudge.bench.process import Measured
from nudge.kafka import reader
from runtime.deployment import admin_client
from runtime.settings import KafkaSettings
from schemas.topics import Topic

_POLL_S = 0.1
_DEADLINE_S = 1800.0


class Offsets:
    """Where topics of so many partitions end, and how far a group has come."""

    def __init__(
        self, settings: KafkaSettings, admin: AIOKafkaAdminClient, partitions: int
    ) -> None:
        self._settings = settings
        self._admin = admin
        self._partitions = partitions

    async def end(self, topic: Topic) -> int:
        """The sum over its partitions."""
        name = self._settings.topic(topic)
        async with reader(self._settings) as consumer:
            ends = await consumer.end_offsets(
                [TopicPartition(name, number) for number in range(self._partitions)]
            )
            return sum(ends.values())

    async def committed(self, group: str, topic: Topic, process: Measured) -> AsyncIterator[int]:
        """Again and again the sum of what ``group`` has committed.

        Raises:
            Problem: ``process`` has ended.
            TimeoutError: after half an hour.
        """
        name, deadline = self._settings.topic(topic), time.perf_counter() + _DEADLINE_S
        while time.perf_counter() < deadline:
            process.check()
            with contextlib.suppress(KafkaError):
                offsets = await self._admin.list_consumer_group_offsets(group)
                yield sum(max(at.offset, 0) for tp, at in offsets.items() if tp.topic == name)
            await asyncio.sleep(_POLL_S)
        raise TimeoutError(f"{group} has not come to the end of {name}")


@asynccontextmanager
async def offsets(settings: KafkaSettings, partitions: int) -> AsyncIterator[Offsets]:
    """Raises:
    KafkaError: the cluster cannot be reached.
    """
    async with admin_client(settings) as admin:
        yield Offsets(settings, admin, partitions)


async def done(
    settings: KafkaSettings, partitions: int, inputs: Iterable[Topic], process: Measured
) -> None:
    """Returns when the worker has committed all that ``inputs`` hold now.

    Raises:
        Problem: the worker has ended.
        TimeoutError: after half an hour.
    """
    async with offsets(settings, partitions) as looked:
        for topic in inputs:
            goal = await looked.end(topic)
            async for committed in looked.committed(settings.group("nudge"), topic, process):
                if committed >= goal:
                    break
