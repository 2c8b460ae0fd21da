"""Shoppers who go on and on while things break around them."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from runtime.settings import KafkaSettings
from schemas.topics import SHOP_EVENTS
from tests.streams.shoppers import now_ms, view


class Traffic:
    """Each of ``users`` does something every ``every_s``; ``sent`` counts what Kafka has."""

    def __init__(self, settings: KafkaSettings, users: Sequence[str], every_s: float) -> None:
        self._settings = settings
        self._users = users
        self._every_s = every_s
        self.sent: Counter[str] = Counter()
        self.ended_at = 0
        """When the last event was recorded, at the latest (ms)."""

    async def run(self) -> None:
        producer = AIOKafkaProducer(
            **self._settings.client_options(), enable_idempotence=True, linger_ms=5
        )
        await producer.start()
        try:
            number = 0
            while True:
                number += 1
                await self._round(producer, number)
                await asyncio.sleep(self._every_s)
        finally:
            await producer.stop()

    async def _round(self, producer: AIOKafkaProducer, number: int) -> None:
        topic = self._settings.topic(SHOP_EVENTS)
        # A round that has begun is sent whole, so that the count is exact.
        await asyncio.shield(
            asyncio.gather(*(self._send(producer, topic, u, number) for u in self._users))
        )

    async def _send(self, producer: AIOKafkaProducer, topic: str, user: str, number: int) -> None:
        event = view(user, number)
        await producer.send_and_wait(
            topic, event.encoded(), key=user.encode(), timestamp_ms=event.at
        )
        self.sent[user] += 1
        self.ended_at = max(self.ended_at, now_ms())


@asynccontextmanager
async def traffic(
    settings: KafkaSettings, users: Sequence[str], every_s: float = 0.5
) -> AsyncIterator[Traffic]:
    """Runs while the block does; afterwards every event that was sent stands in Kafka."""
    made = Traffic(settings, users, every_s)
    task = asyncio.create_task(made.run())
    try:
        yield made
        if task.done():
            task.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
