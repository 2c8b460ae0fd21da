"""The catalogue agent: ``shop.catalog`` folded into ``nudge-products``, which is its own state."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import TopicPartition

from processors.catalogue import facts_of
from processors.fold import fold, fold_content, says_what_is_known
from runtime.metrics import Metric, counter
from schemas.adapters import InvalidRecordError, check_catalog_key, dump
from schemas.decisions import DeadLetterReason
from schemas.products import FOLD_MARK_KEY, FoldMark
from schemas.structs import (
    CatalogEvent,
    Content,
    ContentPublished,
    Product,
    ProductPublished,
    moved_to,
    read_catalog_event,
    read_content,
    read_product,
)
from schemas.topics import MAX_FUTURE_MS, PRODUCTS, SHOP_CATALOG
from streams.decode import (
    check_partition,
    check_size,
    record_key,
    rejected,
    rejected_batch,
)
from streams.inbox import InputGapError
from streams.loop import WorkLoop
from streams.outgoing import Outgoing
from streams.reader import WholeTopics
from streams.settings import StreamsSettings
from streams.transactions import Transactions
from streams.transport import Batch

QUEUED_BATCHES = 4


class CatalogueActor:
    """Folds one partition of ``shop.catalog``, as many batches a transaction as wait for it.

    Args:
        position: the next offset to read.
        pressure: told (tp, full) when batches queue up and when they are done.
    """

    def __init__(
        self,
        settings: StreamsSettings,
        partition: int,
        partitions: int,
        position: int,
        transactions: Transactions,
        reader: WholeTopics,
        pressure: Callable[[TopicPartition, bool], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._settings = settings
        self._partition = partition
        self._partitions = partitions
        self._tp = TopicPartition(settings.topic(SHOP_CATALOG), partition)
        self._position = position
        self._committed = position
        self._highwater: int | None = None
        self._transactions = transactions
        self._reader = reader
        self._pressure = pressure
        self._queue: deque[Batch] = deque()
        self._newest = 0
        self._written: dict[str, bytes] = {}
        self._written_to = -1
        self.loop = WorkLoop(self._prepare, self._advance, on_error)

    def add(self, batch: Batch) -> None:
        """Queues a fetched batch.

        Raises:
            InputGapError: it does not begin where the last one ended.
        """
        if batch.before > self._position:
            raise InputGapError(
                f"{SHOP_CATALOG.name}-{self._partition}: offsets {self._position} to"
                f" {batch.before - 1} were never read"
            )
        if batch.after <= self._position:
            return
        self._queue.append(batch)
        self._position = batch.after
        if len(self._queue) >= QUEUED_BATCHES:
            self._pressure(self._tp, True)
        self.loop.wake()

    def answer(self, highwater: int) -> None:
        """The broker said that the partition ends there."""
        self._highwater = highwater

    def lag(self) -> Mapping[str, int]:
        """Records between what is folded and the end, by topic; empty while that is unknown."""
        if self._highwater is None:
            return {}
        return {SHOP_CATALOG.name: max(0, self._highwater - self._committed)}

    async def _prepare(self) -> None:
        # Our producer has fenced the one before: what it committed is all there will ever be.
        await self._reader.read_products_to_end(self._partition)
        mark = self._reader.fold_marks.get(self._partition)
        self._newest = 0 if mark is None else mark.until

    async def _advance(self) -> bool:
        if not self._queue:
            return False
        batches = self._next()
        if len(self._queue) < QUEUED_BATCHES // 2:
            self._pressure(self._tp, False)
        await self._fold(batches)
        return bool(self._queue)

    def _next(self) -> list[Batch]:
        """As many of the batches that wait as a step may hold records of, one at least."""
        batches = [self._queue.popleft()]
        room = self._settings.step_records - len(batches[0].records)
        while self._queue and (room := room - len(self._queue[0].records)) >= 0:
            batches.append(self._queue.popleft())
        return batches

    async def _fold(self, batches: Sequence[Batch]) -> None:
        outgoing = Outgoing(self._settings, self._partition, self._partitions)
        if self._reader.positions.get(self._partition, 0) > self._written_to:
            self._written.clear()
        for batch in batches:
            if batch.broken is not None:
                letter = rejected_batch(SHOP_CATALOG.name, self._partition, batch.broken)
                outgoing.add_rejected(letter)
            for record in batch.records:
                self._fold_record(record, batch.answered_at, outgoing)
        after = batches[-1].after
        mark = FoldMark(until=self._newest, offset=after)
        outgoing.put(PRODUCTS, FOLD_MARK_KEY.encode(), dump(mark), at=self._newest or None)
        written = await self._transactions.commit(outgoing, {self._tp: after})
        self._committed = after
        self._written_to = written[self._settings.topic(PRODUCTS), self._partition]
        folded = sum(len(batch.records) for batch in batches)
        counter(Metric.EVENTS).labels(topic=SHOP_CATALOG.name).inc(folded)

    def _fold_record(self, record: Any, answered_at: int, outgoing: Outgoing) -> None:
        time = record.timestamp
        recorded_at = time if 0 <= time < answered_at else answered_at
        self._newest = max(self._newest, recorded_at)
        try:
            key = record_key(record)
            check_size(record, self._settings.max_record_bytes)
            event = read_catalog_event(record.value)
            check_catalog_key(event, key)
            known = self._reader.catalogue.newest(key)
            if known is None or known.partition != self._partition:
                check_partition(key, self._partition, self._partitions)
            row = self._written.get(key) or (None if known is None else known.raw)
            folded = self._read_and_fold(row, self._clamped(event, recorded_at))
        except InvalidRecordError as error:
            letter = rejected(SHOP_CATALOG.name, self._partition, record, error)
            counter(Metric.DEAD_LETTERS).labels(SHOP_CATALOG.name, error.reason).inc()
            outgoing.add_rejected(letter)
            return
        if folded is not None:
            # The record's time is of what caused it, and never before that of one before it.
            self._written[key] = value = dump(folded)
            outgoing.put(PRODUCTS, key.encode(), value, at=self._newest)

    def _clamped(self, event: CatalogEvent, recorded_at: int) -> CatalogEvent:
        bound = recorded_at + MAX_FUTURE_MS
        if event.occurred_at <= bound:
            return event
        counter(Metric.CLAMPED).labels(topic=SHOP_CATALOG.name).inc()
        return moved_to(event, bound)

    def _read_and_fold(self, known: bytes | None, event: CatalogEvent) -> Product | Content | None:
        try:
            return self._folded(known, event)
        except msgspec.ValidationError:
            # A product may be called "content/…" like the key of a piece of content.
            raise InvalidRecordError(
                DeadLetterReason.WRONG_KEY, "a product and a piece of content share that key"
            ) from None

    @staticmethod
    def _folded(known: bytes | None, event: CatalogEvent) -> Product | Content | None:
        if isinstance(event, ContentPublished):
            return fold_content(None if known is None else read_content(known), event)
        if known is None:
            return fold(None, event)
        if isinstance(event, ProductPublished) and says_what_is_known(facts_of(known), event):
            return None
        return fold(read_product(known), event)
