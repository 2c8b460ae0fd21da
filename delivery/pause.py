"""Whether sending is paused, known for certain or not at all.

``nudge pause`` writes a record and returns. Two seconds later no worker may start a POST: a worker
that cannot confirm within two seconds that there is no pause behaves as if there were one.
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import TypeAdapter

from delivery.background import Background, Broken
from delivery.freshness import Freshness
from runtime.metrics import Metric, gauge
from runtime.settings import KafkaSettings
from schemas.adapters import InvalidRecordError, parse
from schemas.control import PAUSE_KEY, Pause
from schemas.topics import SCENARIOS

log = structlog.get_logger(__name__)
_PAUSE: TypeAdapter[Pause] = TypeAdapter(Pause)
CONFIRMED_FOR_S = 1.9
"""A little less than the two seconds promised: a POST takes a moment to start."""
_FETCH_WAIT_MS = 200
_LOOK_EVERY_MS = 50


class PauseReader:
    """Reads the whole of ``nudge.scenarios`` and follows it."""

    def __init__(
        self,
        settings: KafkaSettings,
        broken: Broken,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broken = broken
        self._partition = TopicPartition(settings.topic(SCENARIOS), 0)
        self._consumer = AIOKafkaConsumer(
            **settings.client_options(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        self._clock = clock
        self._paused = False
        self._freshness: Freshness | None = None
        self._reader: Background | None = None
        self._gauge = gauge(Metric.PAUSED)

    @property
    def paused(self) -> bool:
        """What the last record read says."""
        return self._paused

    @property
    def confirmed(self) -> bool:
        """Whether that was still so less than two seconds ago."""
        known = self._freshness.known_as_of if self._freshness else float("-inf")
        return self._clock() - known < CONFIRMED_FOR_S

    def may_send(self) -> bool:
        """Whether a POST may start now."""
        return not self._paused and self.confirmed

    async def start(self) -> None:
        """Raises:
        KafkaError: the cluster cannot be reached.
        """
        await self._consumer.start()
        self._consumer.assign([self._partition])
        await self._consumer.seek_to_beginning(self._partition)
        self._freshness = Freshness(self._consumer, self._partition, self._clock)
        self._reader = Background(self._read(self._freshness), "pause reader", self._broken)

    async def stop(self) -> None:
        if self._reader is not None:
            await self._reader.stop()
        await self._consumer.stop()

    async def _read(self, freshness: Freshness) -> None:
        while True:
            try:
                batches = await self._consumer.getmany(timeout_ms=_LOOK_EVERY_MS)
                for record in batches.get(self._partition, ()):
                    if record.key == PAUSE_KEY.encode():
                        self._apply(record.value)
                await freshness.look()
            except KafkaError as error:
                log.warning("pause_not_confirmed", error=repr(error))
                await asyncio.sleep(_LOOK_EVERY_MS / 1000)

    def _apply(self, value: bytes | None) -> None:
        before = self._paused
        if value is None:
            self._paused = False
        else:
            try:
                self._paused = parse(_PAUSE, value).paused
            except InvalidRecordError as error:
                # Somebody meant to stop something.
                log.error("pause_record_unreadable", error=str(error))
                self._paused = True
        self._gauge.set(self._paused)
        if self._paused != before:
            log.warning("sending_paused" if self._paused else "sending_resumed")
