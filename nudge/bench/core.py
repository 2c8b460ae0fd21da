"""``nudge bench core``: everything between fetch and commit, without Kafka, in processor time.

The partitions of a worker take turns, a step of so many records each, as they do when a backlog is
worked off. Processor time is what is counted: other processes on the machine do not show in it.
"""

import gc
import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from aiokafka.producer.message_accumulator import BatchBuilder

from nudge.bench.mix import Mix, Traffic, Wire
from nudge.bench.rules import version_for
from processors.catalogue import Catalogue
from processors.fold import fold
from processors.inputs import HANDOVER_RANK, FactRecord, Input, Source, Tick
from processors.partition import Partition
from processors.rule_book import RuleBook
from processors.table import NEVER, ProfileTable
from schemas.adapters import dump
from schemas.partitioner import partition_of
from schemas.products import Product
from schemas.structs import ContentPublished, read_catalog_event
from schemas.topics import HANDOVERS, PRODUCTS, SHOP_CATALOG, SHOP_EVENTS, USER_INPUTS
from streams.decode import Decoder, Rejected
from streams.engine import tune_garbage_collector
from streams.handovers import HandoverInbox
from streams.inbox import Fetched, Inbox, Taken
from streams.merge import Fact, FactQueue, Merge
from streams.outgoing import Outgoing, Record
from streams.settings import StreamsSettings
from streams.transactions import BATCH_BYTES

START_MS = 1_773_136_800_000
"""2026-03-10, 10:00 UTC."""
DISORDER_MS = 60_000
_WORK_EVERY = 32_000
"""Events fetched before the partitions work them off."""


class Phase(StrEnum):
    """Where the time goes, in the order in which a record passes through."""

    MERGE = "merge"
    DECODE = "decode"
    CORE = "core"
    ENCODE = "encode"


class Fetchable(NamedTuple):
    """As much of a fetched record as the worker looks at."""

    key: bytes
    value: bytes
    offset: int
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True)
class CoreResult:
    """``seconds`` of processor time by phase; ``digest``: of everything that was written."""

    events: int = 0
    seconds: dict[Phase, float] = field(default_factory=lambda: dict.fromkeys(Phase, 0.0))
    written: Counter[str] = field(default_factory=Counter)
    written_bytes: Counter[str] = field(default_factory=Counter)
    batch_bytes: int = 0
    profiles: int = 0
    digest: str = ""

    @property
    def micros(self) -> float:
        """Microseconds an event, all phases."""
        return sum(self.seconds.values()) / self.events * 1e6

    def as_dict(self) -> dict[str, object]:
        return {
            "events": self.events,
            "micros": {
                phase.value: round(seconds / self.events * 1e6, 2)
                for phase, seconds in self.seconds.items()
            },
            "events_per_second": round(1e6 / self.micros),
            "profiles": self.profiles,
            "written": dict(self.written),
            "digest": self.digest,
        }


class Lane:
    """One partition and its inputs, as a worker's actor holds them."""

    def __init__(self, number: int, partitions: int, book: RuleBook, catalogue: Catalogue) -> None:
        self.number = number
        table = self.table = ProfileTable()
        self.core = Partition(number, partitions, book, catalogue, table)
        self.decoder = Decoder(number, partitions, table.__contains__, 1_000_000)
        self.inboxes: dict[str, Inbox | HandoverInbox] = {
            topic.name: Inbox(topic.name, rank, number, 0)
            for rank, topic in enumerate(USER_INPUTS, start=1)
        }
        self.handovers = HandoverInbox(HANDOVER_RANK, number, 0)
        self.inboxes[HANDOVERS.name] = self.handovers
        self.facts = FactQueue()
        self.merge = Merge(tuple(self.inboxes.values()), self.facts, 0)
        self._offsets: Counter[str] = Counter()
        self._coming: defaultdict[str, list[Fetchable]] = defaultdict(list)

    def tell(self, topic: str, key: str, value: bytes, at: int) -> None:
        """A record comes; it is fetched with the next batch."""
        self._coming[topic].append(Fetchable(key.encode(), value, self._offsets[topic], at))
        self._offsets[topic] += 1

    def fetch(self, now: int) -> None:
        """What came goes into the inboxes; by ``now`` (ms) there is no more."""
        for topic, records in self._coming.items():
            before, after = records[0].offset, records[-1].offset + 1
            self.inboxes[topic].add(Fetched(records, before, after, NEVER))
        self._coming.clear()
        self.facts.frontier = now
        for inbox in self.inboxes.values():
            inbox.answer(now, inbox.position or 0)
        self.handovers.look(now, self.handovers.position)

    def decode(self, taken: list[Taken]) -> list[Input]:
        """What the core is told; nothing in the mix is unreadable."""
        inputs: list[Input] = []
        for arrived_at, _, _, _, inbox, record, recorded_at in taken:
            if inbox is None:
                source = Source(PRODUCTS.name, record.partition, record.offset)
                inputs.append(FactRecord(record.key, recorded_at, source))
                continue
            read = self.decoder.decode(inbox.name, inbox.rank, record, recorded_at, arrived_at)
            assert not isinstance(read, Rejected)
            inputs.append(read)
        return inputs


class CoreBench:
    """The pipeline of a worker that owns all ``partitions``, fed from memory.

    Args:
        start: when the shop's own time begins (ms).
        step_records: inputs in one step at most; without it, as a worker has it.
        book: the rules; without it, those of :mod:`nudge.bench.rules`.
    """

    def __init__(
        self,
        mix: Mix,
        *,
        partitions: int = 4,
        start: int = START_MS,
        step_records: int | None = None,
        book: RuleBook | None = None,
    ) -> None:
        self._traffic = Traffic(mix, start)
        self._partitions = partitions
        self._settings = StreamsSettings()
        self._step_records = step_records or self._settings.step_records
        self._catalogue = Catalogue()
        self._products: dict[str, Product] = {}
        if book is None:
            book = RuleBook()
            book.add_version(version_for(start))
        self.lanes = [Lane(n, partitions, book, self._catalogue) for n in range(partitions)]
        self._facts = 0
        self._begin()
        for wire in chain(self._traffic.shelves(), self._traffic.subscriptions()):
            self._tell(wire)
        self._work(start - 1)
        self._begin()

    def _begin(self) -> None:
        self.result = CoreResult()
        self._hash = hashlib.blake2b(digest_size=8)

    def run(self) -> CoreResult:
        """The whole mix."""
        result = self.result
        with collector_kept_off():
            for wire in self._traffic.records():
                result.events += 1
                self._tell(wire)
                if result.events % _WORK_EVERY == 0:
                    self._work(wire.at)
            self._work(self._traffic.end)
        result.profiles = sum(len(lane.table) for lane in self.lanes)
        result.digest = self._hash.hexdigest()
        return result

    def _tell(self, wire: Wire) -> None:
        if wire.topic is SHOP_CATALOG:
            self._fold(wire)
        else:
            lane = self.lanes[wire.partition(self._partitions)]
            lane.tell(wire.topic.name, wire.key, wire.value, wire.at)

    def _fold(self, wire: Wire) -> None:
        event = read_catalog_event(wire.value)
        assert not isinstance(event, ContentPublished)
        product = fold(self._products.get(event.product_id), event)
        if product is None:
            return
        self._products[event.product_id] = product
        self._facts += 1
        self._catalogue.append(event.product_id, 0, self._facts, wire.at, dump(product))
        for lane in self.lanes:
            lane.facts.add(Fact(wire.at, 0, self._facts, event.product_id))

    def _work(self, now: int) -> None:
        """Steps of all partitions in turn, until nothing is left."""
        waiting = self.lanes
        for lane in waiting:
            with self._timed(Phase.MERGE):
                lane.fetch(now)
        while waiting:
            waiting = [lane for lane in waiting if self._step(lane)]

    def _step(self, lane: Lane) -> bool:
        with self._timed(Phase.MERGE):
            taken = lane.merge.take(0, self._step_records)
        if not taken and not lane.core.has_work():
            return False
        with self._timed(Phase.DECODE):
            inputs = lane.decode(taken)
        clock = max(lane.core.clock, lane.inboxes[SHOP_EVENTS.name].taken_newest - DISORDER_MS)
        with self._timed(Phase.CORE):
            effects = lane.core.step(inputs, Tick(clock, clock))
        with self._timed(Phase.ENCODE):
            outgoing = Outgoing(self._settings, lane.number, self._partitions)
            outgoing.add_effects(effects)
            batches = [_batch(records) for records in outgoing.records.values()]
        self._note(outgoing, batches)
        for sent in effects.handovers:
            user = sent.handover.user_id
            other = self.lanes[partition_of(user, self._partitions)]
            other.tell(HANDOVERS.name, user, dump(sent.handover), sent.place)
        return True

    def _note(self, outgoing: Outgoing, batches: list[bytearray]) -> None:
        result = self.result
        for (topic, _), records in outgoing.records.items():
            result.written[topic] += len(records)
            for record in records:
                result.written_bytes[topic] += len(record[1] or b"")
                self._hash.update(repr((topic, record)).encode())
        result.batch_bytes += sum(map(len, batches))

    @contextmanager
    def _timed(self, phase: Phase) -> Iterator[None]:
        began = time.process_time()
        yield
        self.result.seconds[phase] += time.process_time() - began


def _batch(records: list[Record]) -> bytearray:
    """As :mod:`streams.transactions` makes them, the network aside."""
    batch = BatchBuilder(BATCH_BYTES, 0, is_transactional=True)
    for key, value, at, headers in records:
        batch.append(timestamp=at, key=key, value=value, headers=headers)
    built: bytearray = batch._build()
    return built


@contextmanager
def collector_kept_off() -> Iterator[None]:
    """The garbage collector as a worker has it: what is there already is not looked through."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    tune_garbage_collector()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
