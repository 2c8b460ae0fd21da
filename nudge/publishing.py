"""Events on their way into Kafka, a bounded number under way at a time."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from nudge.events import ReadyEvent
from nudge.kafka import partition_counts, writer
from runtime.settings import KafkaSettings
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS

_UNDER_WAY = 1000


@dataclass(frozen=True, slots=True)
class Published:
    """An event that every replica has, and where."""

    event: ReadyEvent
    topic: str
    partition: int
    offset: int

    def as_json(self) -> dict[str, Any]:
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "key": self.event.key,
            "type": self.event.type,
            "event_id": self.event.event_id,
            "occurred_at": self.event.occurred_at,
        }


async def publish(
    settings: KafkaSettings, events: AsyncIterator[ReadyEvent]
) -> AsyncIterator[Published]:
    """Sends events in order and answers for each once it is safe, in the same order.

    Raises:
        Problem: Kafka cannot be reached, or a topic does not exist.
        KafkaError: a record was refused.
    """
    await partition_counts(settings, (SHOP_EVENTS, SHOP_CATALOG))
    async with writer(settings) as producer:
        answers: asyncio.Queue[tuple[ReadyEvent, asyncio.Future[Any]] | None]
        answers = asyncio.Queue(_UNDER_WAY)
        sending = asyncio.create_task(_send_all(producer, settings, events, answers))
        try:
            while (answer := await answers.get()) is not None:
                event, future = answer
                meta = await future
                yield Published(event, meta.topic, meta.partition, meta.offset)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        sending.result()


async def _send_all(
    producer: AIOKafkaProducer,
    settings: KafkaSettings,
    events: AsyncIterator[ReadyEvent],
    answers: "asyncio.Queue[tuple[ReadyEvent, asyncio.Future[Any]] | None]",
) -> None:
    """Ends ``answers`` with ``None``; whoever cancels it waits for no more of them."""
    try:
        async for event in events:
            future = await producer.send(
                settings.topic(event.topic), event.value, key=event.key.encode()
            )
            await answers.put((event, future))
    except Exception:
        await answers.put(None)
        raise
    await answers.put(None)


async def as_they_are(events: Iterable[ReadyEvent]) -> AsyncIterator[ReadyEvent]:
    """The events of an iterator that does not block."""
    for event in events:
        yield event


async def in_background(events: Iterator[ReadyEvent]) -> AsyncIterator[ReadyEvent]:
    """The events of an iterator that may block on a pipe for ever.

    A daemon thread of its own, since an executor's would hold up the exit after Ctrl-C.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[ReadyEvent | BaseException | None] = asyncio.Queue(_UNDER_WAY)

    def put(item: ReadyEvent | BaseException | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def pump() -> None:
        try:
            for event in events:
                put(event)
            put(None)
        except BaseException as error:  # the reader of the queue raises it
            put(error)

    threading.Thread(target=pump, daemon=True).start()
    while (item := await queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item
