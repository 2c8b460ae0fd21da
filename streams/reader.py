"""What every worker reads whole: products, scenario versions and pauses, the partitions' marks.

Once a worker, with a consumer of its own and no group. Each partition sees products through the
facts it is told, in its own order.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from processors.catalogue import KEPT_MS, Catalogue
from processors.rule_book import RuleBook
from schemas.adapters import InvalidRecordError
from schemas.products import FOLD_MARK_KEY, FoldMark
from schemas.topics import CAMPAIGNS, HANDOVERS, MARKS, PRODUCTS, SCENARIOS, SHOP_CATALOG, Topic
from streams.clock import FoldFrontier, MarksBoard
from streams.consumers import plain_consumer
from streams.holes import Holes
from streams.internal import pass_over, product_key, read_fold_mark, read_partition_mark
from streams.marks import HURRY_MS, wall_ms
from streams.merge import Fact, FactQueue
from streams.settings import StreamsSettings
from streams.steering import Steering

log = structlog.get_logger(__name__)

LOOK_EVERY_MS = 100
"""How often the ends of ``shop.catalog`` and of the handovers are asked for; at once where the
marks have moved far, since a backlog waits for the answer."""

OnHandovers = Callable[[int, Mapping[int, int]], None]
"""Told the least mark (ms), and where each partition's handovers ended after it was read."""
WALK_MEMORY_MS = 3_600_000
"""How far back from its clock a partition may need the version that a walk is about."""
_MARK = FOLD_MARK_KEY.encode()


class WholeTopics:
    """
    Args:
        on_change: called when there is something new to partitions.
    """

    def __init__(
        self,
        settings: StreamsSettings,
        partitions: int,
        board: MarksBoard,
        on_change: Callable[[], None],
        on_handovers: OnHandovers,
    ) -> None:
        self._settings = settings
        self._board = board
        self._on_change = on_change
        self._on_handovers = on_handovers
        self.catalogue = Catalogue()
        self.book = RuleBook()
        self.steering = Steering(self.book)
        self.fold_marks: dict[int, FoldMark] = {}
        """The last mark of each partition of ``nudge-products``."""
        self.positions: dict[int, int] = {}
        """Up to which offset each partition of ``nudge-products`` was read."""
        self._frontier = FoldFrontier(partitions)
        self._products = [TopicPartition(settings.topic(PRODUCTS), p) for p in range(partitions)]
        self._scenarios = TopicPartition(settings.topic(SCENARIOS), 0)
        self._campaigns = TopicPartition(settings.topic(CAMPAIGNS), 0)
        self._marks = TopicPartition(settings.topic(MARKS), 0)
        self._catalog = [TopicPartition(settings.topic(SHOP_CATALOG), p) for p in range(partitions)]
        self._handovers = [TopicPartition(settings.topic(HANDOVERS), p) for p in range(partitions)]
        self._following: set[FactQueue] = set()
        self._catching_up: set[FactQueue] = set()
        self._whole = asyncio.Event()
        self._has_rules = asyncio.Event()
        self._hurry = asyncio.Event()
        self._asked_least = 0
        self._holes = Holes()
        self._moved = asyncio.Condition()

    async def run(self) -> None:
        """Reads until cancelled.

        Raises:
            KafkaError: the cluster cannot be reached at the start, or refuses.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            tasks.create_task(self._look_at_ends())

    async def ready(self) -> None:
        """Returns when everything was read once and there is a version of the scenario file."""
        await self._whole.wait()
        if not self.book:
            log.warning("no_scenarios", cure="run `nudge scenarios apply FILE`: nothing is decided")
        await self._has_rules.wait()

    @property
    def is_whole(self) -> bool:
        return self._whole.is_set()

    async def read_products_to_end(self, partition: int) -> None:
        """Returns when all that the partition of ``nudge-products`` holds now was read."""
        await self._whole.wait()
        tp = self._products[partition]
        async with plain_consumer(self._settings) as consumer:
            end = (await consumer.end_offsets([tp]))[tp]
        async with self._moved:
            await self._moved.wait_for(lambda: self.positions.get(partition, 0) >= end)

    async def _read(self) -> None:
        async with plain_consumer(self._settings) as consumer:
            steered = (self._scenarios, self._campaigns)
            consumer.assign([*self._products, *steered, self._marks])
            await consumer.seek_to_end(self._marks)
            ends = await consumer.end_offsets([*self._products, *steered])
            while True:
                await self._read_on(consumer)
                if not self.is_whole and await self._reached(consumer, ends):
                    self._whole.set()
                    log.info("products_read", products=len(self.catalogue))
                self._tell()

    async def _read_on(self, consumer: AIOKafkaConsumer) -> None:
        batches = await consumer.getmany(timeout_ms=100)
        for tp, records in batches.items():
            self._take(tp, records)
        if not batches:
            await self._holes.skip(consumer._fetcher, consumer.assignment())
        for tp in self._products:
            self.positions[tp.partition] = await consumer.position(tp)
        async with self._moved:
            self._moved.notify_all()

    @staticmethod
    async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
        return all([await consumer.position(tp) >= end for tp, end in ends.items()])

    def mark(self, partition: int, until: int) -> None:
        """A partition, here or elsewhere, has told its users what was recorded up to then (ms)."""
        now = wall_ms()
        self._board.mark(partition, until, now)
        if self._board.least(now) - self._asked_least >= HURRY_MS:
            self._hurry.set()

    async def _look_at_ends(self) -> None:
        # Uncommitted: the end that counts is the log's, not the last stable offset.
        async with plain_consumer(self._settings, "read_uncommitted") as consumer:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_MS / 1000):
                        await self._hurry.wait()
                self._hurry.clear()
                at = wall_ms()
                least = self._asked_least = self._board.least(at)
                try:
                    ends = await consumer.end_offsets([*self._catalog, *self._handovers])
                except KafkaError as error:
                    log.warning("ends_not_seen", error=str(error))
                    continue
                for tp in self._catalog:
                    self._frontier.look(tp.partition, at - self._settings.order_slack_ms, ends[tp])
                self._on_handovers(least, {tp.partition: ends[tp] for tp in self._handovers})
                self._tell()

    def _take(self, tp: TopicPartition, records: Iterable[Any]) -> None:
        if tp == self._scenarios:
            for record in records:
                self.steering.control(record)
            if self.book:
                self._has_rules.set()
        elif tp == self._campaigns:
            for record in records:
                self.steering.campaign(record)
        elif tp == self._marks:
            for record in records:
                self._told(MARKS, record, self._partition_mark)
        else:
            for record in records:
                self._told(PRODUCTS, record, self._product)

    @staticmethod
    def _told(topic: Topic, record: Any, take: Callable[[Any], None]) -> None:
        try:
            take(record)
        except InvalidRecordError as error:
            pass_over(topic, record, error)

    def _partition_mark(self, record: Any) -> None:
        mark = read_partition_mark(record, len(self._products))
        self.mark(mark.partition, mark.until)

    def _product(self, record: Any) -> None:
        if record.key == _MARK:
            mark = read_fold_mark(record)
            self.fold_marks[record.partition] = mark
            self._frontier.mark(record.partition, mark.until, mark.offset)
            return
        fact = self._remember(record)
        for queue in (*self._following, *self._catching_up):
            queue.add(fact)

    def _remember(self, record: Any) -> Fact:
        key = product_key(record)
        self.catalogue.append(key, record.partition, record.offset, record.timestamp, record.value)
        return Fact(record.timestamp, record.partition, record.offset, key)

    def _tell(self) -> None:
        frontier = self._frontier.value()
        for queue in self._following:
            queue.frontier = frontier
        self._on_change()

    async def follow(self, applied: dict[int, int], clock: int) -> FactQueue:
        """The facts of a partition that has applied those up to ``applied``, from now on.

        A partition that never applied any starts at the end: ``applied`` is set to that.

        Raises:
            KafkaError: the cluster refuses.
        """
        queue = FactQueue()
        self._catching_up.add(queue)
        targets = dict(self.positions)
        try:
            if not applied:
                applied.update({p: position - 1 for p, position in targets.items()})
            else:
                await self._read_again(queue, applied, targets, clock)
        finally:
            self._catching_up.discard(queue)
        self._following.add(queue)
        queue.frontier = self._frontier.value()
        return queue

    def unfollow(self, queue: FactQueue) -> None:
        self._following.discard(queue)

    def forget_before(self, clock: int) -> None:
        """No partition of this worker is behind ``clock`` (ms)."""
        self.catalogue.forget_before(clock - KEPT_MS)

    async def _read_again(
        self, queue: FactQueue, applied: Mapping[int, int], targets: Mapping[int, int], clock: int
    ) -> None:
        memory = max(clock - WALK_MEMORY_MS, 0)
        forgotten = self.catalogue.floor > memory
        self.catalogue.floor = min(self.catalogue.floor, memory)
        starts = {tp: applied.get(tp.partition, -1) + 1 for tp in self._products}
        if not forgotten and all(start >= targets[tp.partition] for tp, start in starts.items()):
            return
        async with plain_consumer(self._settings) as consumer:
            if forgotten:
                by_time = await consumer.offsets_for_times(dict.fromkeys(self._products, memory))
                for tp, found in by_time.items():
                    starts[tp] = min(starts[tp], found.offset if found else targets[tp.partition])
            await self._queue_between(consumer, queue, applied, starts, targets)

    async def _queue_between(
        self,
        consumer: AIOKafkaConsumer,
        queue: FactQueue,
        applied: Mapping[int, int],
        starts: Mapping[TopicPartition, int],
        targets: Mapping[int, int],
    ) -> None:
        ends = {
            tp: targets[tp.partition] for tp, at in starts.items() if at < targets[tp.partition]
        }
        if not ends:
            return
        consumer.assign(list(ends))
        for tp in ends:
            consumer.seek(tp, starts[tp])
        while not await self._reached(consumer, ends):
            batches = await consumer.getmany(timeout_ms=100)
            for tp, records in batches.items():
                for record in records:
                    if record.key == _MARK or record.offset >= ends[tp]:
                        continue
                    # What cannot be read was named when it was read first.
                    with suppress(InvalidRecordError):
                        fact = self._remember(record)
                        if fact.offset > applied.get(tp.partition, -1):
                            queue.add(fact)
            if not batches:
                await self._holes.skip(consumer._fetcher, consumer.assignment())
