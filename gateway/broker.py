"""What the gateway writes to Kafka. Nothing is answered before every in-sync replica has it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from gateway.problems import Code, RefusedError, unavailable
from gateway.settings import GatewaySettings
from runtime.health import Status
from schemas.partitioner import partition_of
from schemas.topics import INTERACTIONS, SHOP_CATALOG, SHOP_EVENTS, SUBSCRIPTIONS, Topic

_LINGER_MS = 2


class TopicsMissingError(Exception):
    """A topic is missing, or two that share users differ in their partitions."""


@dataclass(frozen=True, slots=True)
class Record:
    """``owner``: the user or anonymous id whose partition it belongs to."""

    owner: str
    value: bytes | None
    key: str | None = None
    """``None``: the owner is the key."""


class Broker:
    """A producer of our three topics, in the demo of the catalogue too. Made in a running loop."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        topics = (SHOP_EVENTS, SUBSCRIPTIONS, INTERACTIONS)
        own = (*topics, SHOP_CATALOG) if settings.gateway_demo_shop else topics
        self._topics = {topic: settings.topic(topic) for topic in own}
        self._partitions = 0
        timeout_ms = int(settings.gateway_ack_timeout_s * 1000)
        # Not idempotent: after a batch that failed for good, aiokafka's numbers have a hole and the
        # broker refuses all that follows. What comes twice is told by its id.
        self._producer = AIOKafkaProducer(
            **settings.client_options(),
            acks="all",
            linger_ms=_LINGER_MS,
            compression_type="lz4",
            request_timeout_ms=timeout_ms,
        )

    async def start(self) -> None:
        """Raises:
        TopicsMissingError: the topics are not there, or do not fit together.
        KafkaError: the cluster cannot be reached.
        """
        await self._producer.start()
        try:
            counts = await self._counts()
        except BaseException:
            await self._producer.stop()
            raise
        self._partitions = counts

    async def _counts(self) -> int:
        known = await self._producer.client.fetch_all_metadata()
        counts = {
            name: len(known.partitions_for_topic(name) or ()) for name in self._topics.values()
        }
        if missing := [name for name, count in counts.items() if not count]:
            raise TopicsMissingError(f"no topic {', '.join(missing)}. Cure: nudge topics create")
        if len(set(counts.values())) > 1:
            raise TopicsMissingError(
                f"{', '.join(counts)} must have the same number of partitions."
                " Cure: a new namespace, and nudge topics create"
            )
        return next(iter(counts.values()))

    async def stop(self) -> None:
        """Sends what waits, and closes."""
        await self._producer.stop()

    async def write(self, topic: Topic, records: Sequence[Record]) -> None:
        """Returns once the broker has acknowledged every record.

        Raises:
            RefusedError: it did not within the time we wait (503): records may or may not be
                there, and are to be sent again; or one is larger than the broker takes (413).
        """
        name = self._topics[topic]
        try:
            async with asyncio.timeout(self._settings.gateway_ack_timeout_s):
                pending = [
                    await self._producer.send(
                        name,
                        record.value,
                        key=(record.key or record.owner).encode(),
                        partition=partition_of(record.owner, self._partitions),
                    )
                    for record in records
                ]
                await asyncio.gather(*pending)
        except MessageSizeTooLargeError:
            raise RefusedError(413, Code.TOO_LARGE) from None
        except (KafkaError, TimeoutError):
            raise unavailable("Kafka") from None

    async def check(self) -> Status:
        """For readiness: asks the cluster."""
        return Status(True, f"{await self._counts()} partitions")
