"""Faust's Kafka transport, one message a fetched batch instead of one a record.

A batch says where the consumer stood before and after it was taken, so that nothing is skipped
unseen: transaction markers and compacted records leave holes inside a batch, never between two.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.holes import Holes
from streams.instance import Instance
from streams.settings import StreamsSettings
from streams.unreadable import Broken, at_position

WAIT_S = 0.1
"""How long a fetch waits for records; answers of quiet inputs are seen as often."""
HELD_WAIT_S = 0.01
"""The same while some inbox is full: its records lie fetched, and nothing new wakes the wait."""
_NO_POLL_LIMIT_MS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Batch:
    """What one fetch brought of one partition. ``records`` are aiokafka's, in offset order.

    ``before`` and ``after``: the consumer's position. ``answered_at``: when the broker's answer
    came (ms). ``broken``: the records at its offsets cannot be read; ``records`` is empty.
    """

    tp: TopicPartition
    records: Sequence[Any]
    before: int
    after: int
    answered_at: int
    generation: int
    broken: Broken | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer of a partition: its time (ms) and the end of the log as it said.

    The time is read first: an end may be newer than the time beside it, never older.
    """

    tp: TopicPartition
    at: int
    highwater: int


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped
    """Runs in a thread and loop of its own, as Faust has it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._holes = Holes()

    async def on_start(self) -> None:
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator
        self._instance = Instance(self.transport.settings, coordinator, self.crash)

    def _create_worker_consumer(self, transport: "Transport") -> AIOKafkaConsumer:
        # Faust's own reads what is not committed, and lets the broker sit on a busy topic's
        # records for 1.5 s because another topic is quiet.
        settings = transport.settings
        self._assignor = self.app.assignor
        return AIOKafkaConsumer(
            **settings.client_options(),
            group_id=self.app.conf.id,
            group_instance_id=settings.group_instance_id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=100,
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(settings.session_timeout_s * 1000 / 5),
            max_poll_interval_ms=_NO_POLL_LIMIT_MS,
            rebalance_timeout_ms=60_000,
        )

    async def take(
        self, wanted: Callable[[], frozenset[TP]], generation: int, wait_s: float
    ) -> tuple[list[Batch], list[Answer]]:
        """Fetched records of the partitions that are ``wanted`` when they are there.

        Raises:
            ConsumerStoppedError: the consumer was stopped.
            KafkaError: this client may not read a topic.
        """
        return await self.call_thread(self._take, wanted, generation, wait_s)  # type: ignore[no-any-return]

    async def rejoin(self) -> None:
        """Joins the group anew: every partition is fenced and read back from what is committed."""
        await self.call_thread(self._rejoin)

    async def _rejoin(self) -> None:
        self._ensure_consumer()._coordinator.request_rejoin()

    async def _take(
        self, wanted: Callable[[], frozenset[TP]], generation: int, wait_s: float
    ) -> tuple[list[Batch], list[Answer]]:
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context():
            batches = await self._drain(fetcher, wanted(), generation)
            if not batches:
                waiter = fetcher._create_fetch_waiter()
                done, _ = await asyncio.wait([waiter], timeout=wait_s)
                if done:
                    waiter.result()
                else:
                    waiter.cancel()
                batches = await self._drain(fetcher, wanted(), generation)
        return batches, self._answers(fetcher)

    async def _drain(self, fetcher: Any, wanted: frozenset[TP], generation: int) -> list[Batch]:
        if fetcher._subscriptions.reassignment_in_progress:
            return []
        batches: list[Batch] = []
        for tp in list(fetcher._records):
            if tp in wanted:
                result = fetcher._records.pop(tp)
                fetcher._notify(fetcher._wait_consume_future)
                if not isinstance(result, FetchResult):
                    result.check_raise()
                batches += await self._read(fetcher, tp, result, generation)
            elif not fetcher._subscriptions.is_assigned(tp):
                del fetcher._records[tp]
        return batches or await self._past_holes(fetcher, wanted, generation)

    async def _read(
        self, fetcher: Any, tp: TopicPartition, result: Any, generation: int
    ) -> list[Batch]:
        # Not FetchResult.getall(): where a later batch of the answer is broken, that loses the
        # good records before it and moves the position past them.
        if not result.check_assignment(tp) or not result.has_more():
            return []
        state = result._assignment.state_value(tp)
        before, answered_at = state.position, state.timestamp
        unpacked = result._partition_records
        # aiokafka's frozen ConsumerRecord costs as much to make as to read; its own will do.
        unpacked._consumer_record = _as_it_is
        records: list[Any] = []
        error: Exception | None = None
        try:
            # What came before an error stays in the list.
            records += unpacked._records_iterator or ()
        except Exception as caught:
            error = caught
        state.consumed_to(unpacked.next_fetch_offset)
        after = state.position
        batches = []
        if after != before:
            batches.append(Batch(tp, records, before, after, answered_at, generation))
        if error is not None:
            found = await at_position(fetcher, tp, after)
            if found is not None and state.position == after:
                broken = found.because(error)
                fetcher.seek_to(tp, broken.after)
                batches.append(
                    Batch(tp, (), after, broken.after, answered_at, generation, broken)
                )  # fmt: skip
        return batches

    async def _past_holes(
        self, fetcher: Any, wanted: frozenset[TP], generation: int
    ) -> list[Batch]:
        return [
            Batch(hole.tp, (), hole.before, hole.after, hole.answered_at, generation)
            for hole in await self._holes.skip(fetcher, wanted)
        ]

    def _answers(self, fetcher: Any) -> list[Answer]:
        subscription = fetcher._subscriptions.subscription
        assignment = subscription and subscription.assignment
        if not assignment or not assignment.active:
            return []
        states = ((tp, assignment.state_value(tp)) for tp in assignment.tps)
        return [
            Answer(tp, state.timestamp, state.highwater)
            for tp, state in states
            if state.timestamp is not None
        ]


def _as_it_is(_: TopicPartition, record: Any) -> Any:
    return record


class Consumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped
    """Faust's consumer, a message a batch."""

    _thread: ConsumerThread
    _sought: int | None = None
    """The generation whose inputs stand at their committed offsets."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        generation = self.app.consumer_generation_id
        await super().perform_seek()
        self._sought = generation

    def _wanted(self, generation: int) -> frozenset[TP]:
        """Partitions to read now. Asked from the consumer's thread too."""
        if not self.flow_active or generation != self.app.consumer_generation_id:
            return frozenset()
        active = frozenset(tuple(self._active_partitions))
        if self.app.rebalancing or self._sought != generation:
            # Inputs stand anywhere until Faust has sought them and cleared its queues.
            return frozenset(tp for tp in active if self._is_changelog_tp(tp))
        return active

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ARG002 - Faust's
        """Fetched batches, as messages whose value is a :class:`Batch`."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        generation = self.app.consumer_generation_id
        wait_s = HELD_WAIT_S if self._buffered_partitions else WAIT_S
        batches, answers = await self._thread.take(
            lambda: self._wanted(generation), generation, wait_s
        )
        for batch in batches:
            if self.should_stop or not self._still(generation):
                return
            tp = TP(batch.tp.topic, batch.tp.partition)
            yield tp, self._to_batch_message(tp, batch)
        if self._still(generation):
            self.transport.on_answers(answers)

    def _still(self, generation: int) -> bool:
        return bool(self.flow_active) and generation == self.app.consumer_generation_id

    def _to_batch_message(self, tp: TP, batch: Batch) -> ConsumerMessage:
        # The offset just before the position, not the last record's: Faust waits in recovery for
        # the end of the changelog, which is a transaction's marker that no record carries.
        return ConsumerMessage(
            tp.topic, tp.partition, batch.after - 1, batch.answered_at / 1000, 0, [],
            None, batch, None, 0, 0, tp, generation_id=batch.generation,
        )  # fmt: skip


class Transport(driver.Transport):  # type: ignore[misc]  # Faust is untyped
    """Give it to a Faust app; ``on_answers`` hears of every look at the inputs."""

    Consumer = Consumer
    settings: StreamsSettings
    on_answers: Callable[[Sequence[Answer]], None]

    @classmethod
    def of(
        cls, app: Any, settings: StreamsSettings, on_answers: Callable[[Sequence[Answer]], None]
    ) -> "Transport":
        transport = cls(app.conf.broker_consumer, app)
        transport.settings = settings
        transport.on_answers = on_answers
        return transport
