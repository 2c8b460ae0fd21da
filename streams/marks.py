"""How far each partition has told its users, told to every worker through ``nudge-marks``.

Without a transaction: a mark speaks of what is committed already, and stays true whoever owns
the partition by the time it is read.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.control import PartitionMark
from schemas.topics import MARKS

log = structlog.get_logger(__name__)
HURRY_MS = 500
"""A mark that moved so far is told at once: a backlog waits for it."""


def wall_ms() -> int:
    return int(time.time() * 1000)


class MarksWriter:
    """Writes the marks of this worker's partitions, where they have moved.

    Args:
        own: how far each partition of this worker is (ms), asked each time.
        every_ms: how long a mark that moves slowly waits for the others.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        own: Callable[[], Mapping[int, int]],
        every_ms: int,
    ) -> None:
        self._topic = settings.topic(MARKS)
        self._own = own
        self._every_s = every_ms / 1000
        self._told: dict[int, int] = {}
        self._hurry = asyncio.Event()
        self._fails = False
        # Not idempotent: after a batch that was refused the broker would refuse all that follow.
        self._producer = AIOKafkaProducer(**settings.client_options(), acks="all")

    def moved(self, partition: int, until: int) -> None:
        """A partition has come as far as ``until`` (ms)."""
        if until - self._told.get(partition, 0) >= HURRY_MS:
            self._hurry.set()

    async def run(self) -> None:
        """Until cancelled."""
        await self._producer.start()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._every_s):
                        await self._hurry.wait()
                self._hurry.clear()
                await self._write()
        finally:
            await self._producer.stop()

    async def _write(self) -> None:
        moved = {p: until for p, until in self._own().items() if until > self._told.get(p, 0)}
        if not moved:
            return
        batch = self._producer.create_batch()
        for partition, until in moved.items():
            mark = PartitionMark(partition=partition, until=until)
            batch.append(key=str(partition).encode(), value=dump(mark), timestamp=None)
        try:
            await (await self._producer.send_batch(batch, self._topic, partition=0))
        except KafkaError as error:
            # The others' clocks wait for the next one, as they would for a worker that is away.
            if not self._fails:
                log.warning("marks_not_written", error=repr(error))
            self._fails = True
            return
        self._fails = False
        self._told |= moved
