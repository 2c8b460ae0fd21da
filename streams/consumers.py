"""Consumers without a group, closed so that nothing of theirs is taken for our own cancellation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer

from runtime.settings import KafkaSettings


@asynccontextmanager
async def plain_consumer(
    settings: KafkaSettings, isolation: str = "read_committed"
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer that is to be assigned by hand.

    Raises:
        KafkaError: the cluster cannot be reached.
    """
    consumer = AIOKafkaConsumer(
        **settings.client_options(),
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await _stop(consumer)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    # aiokafka cancels its tasks and awaits them; where one had not begun to run, that comes out
    # of stop() as a cancellation, in the middle of it, and would end whoever closes a consumer.
    if not await _ended_well(consumer.stop):
        if consumer._fetcher is not None:
            await _ended_well(consumer._fetcher.close)
        await _ended_well(consumer._client.close)


async def _ended_well(close: Callable[[], Awaitable[None]]) -> bool:
    async def closing() -> None:
        await close()

    task = asyncio.create_task(closing())
    await asyncio.wait({task})
    return not task.cancelled() and task.exception() is None
