"""One partition's life in one generation: its inputs, its core, its clock, its transactions."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from processors.effects import Effects
from processors.inputs import FactRecord, Input, Source, Tick
from schemas.topics import PRODUCTS, PROFILES_CHANGELOG, USER_INPUTS
from streams.clock import PartitionClock, Patience
from streams.core import Core, CoreMaker
from streams.decode import Decoder, Rejected, rejected_batch
from streams.gauges import Gauges
from streams.guard import DEPLOYMENT_ROW, HEARD_ROW, INPUTS_ROW, inputs_row
from streams.inbox import Taken
from streams.inputs import PartitionInputs
from streams.loop import WorkLoop
from streams.marks import wall_ms
from streams.merge import Fact, FactQueue, Merge
from streams.outgoing import Outgoing
from streams.reader import WholeTopics
from streams.settings import StreamsSettings
from streams.store import Tables
from streams.transactions import Transactions
from streams.transport import Answer, Batch
from streams.unreadable import Broken


@dataclass(frozen=True, slots=True)
class Site:
    """What all partitions of a worker share."""

    settings: StreamsSettings
    partitions: int
    deployment_row: bytes
    tables: Tables
    reader: WholeTopics
    make_core: CoreMaker
    on_told: Callable[[int, int], None]
    """Told that a partition has come to a time (ms), see :attr:`PartitionActor.told_until`."""

    @property
    def patience(self) -> Patience:
        settings = self.settings
        return Patience(
            settings.grace_ms, settings.disorder_ms, settings.silence_ms, settings.hold_ms
        )


class PartitionActor:
    """Steps one partition until it is closed.

    Args:
        transactions: started, so that nobody else writes to the partition any more.
        on_error: told of an error that ends it.
    """

    def __init__(
        self,
        site: Site,
        partition: int,
        inputs: PartitionInputs,
        transactions: Transactions,
        on_error: Callable[[Exception], None],
    ) -> None:
        self.partition = partition
        self._site = site
        self._settings = site.settings
        self._inputs = inputs
        self._transactions = transactions
        self._changelog = (site.settings.topic(PROFILES_CHANGELOG), partition)
        self._table = site.tables.of(partition)
        self._decoder = Decoder(
            partition, site.partitions, self._table.__contains__, site.settings.max_record_bytes
        )
        self._gauges = Gauges(partition)
        self._core: Core | None = None
        self._clock: PartitionClock | None = None
        self._facts: FactQueue | None = None
        self._merge: Merge | None = None
        self._clean = True
        self._at_work = False
        self._told_until = 0
        self._taken_at = wall_ms()
        self.loop = WorkLoop(self._prepare, self._advance, on_error)

    @property
    def is_ready(self) -> bool:
        return self.loop.prepared

    @property
    def is_at_work(self) -> bool:
        """Whether it has ended a step, or found nothing to do, since it was taken over.

        Without that a partition whose every step hangs would look well after each rebalance.
        """
        return self._at_work

    @property
    def clock(self) -> int:
        """The core's clock (ms), 0 while it is not there yet."""
        return self._core.clock if self._core else 0

    @property
    def told_until(self) -> int:
        """Every handover that an earlier record causes (ms) is committed."""
        return self._told_until

    @property
    def has_work(self) -> bool:
        return self._core is not None and self._core.has_work()

    def add(self, batch: Batch) -> None:
        """Queues a fetched batch.

        Raises:
            InputGapError: records between this batch and the last one are missing.
        """
        self._inputs.add(batch)
        self.loop.wake()

    def answer(self, answer: Answer) -> None:
        """The broker answered about one of its inputs."""
        name = self._inputs.answer(answer)
        if self._clock is not None:
            self._clock.inputs[name].answer(answer.at, answer.highwater)

    def silent_for(self, now: int) -> int:
        """Milliseconds since the broker was heard of last about any of its inputs."""
        return now - max(self._inputs.newest_answer(), self._taken_at)

    def stand(self, now: int, catalogue_lag: Mapping[str, int]) -> None:
        """Shows Prometheus where it stands at ``now`` (ms)."""
        core = self._core
        if core is None:
            return
        lag = {**self._inputs.lag(), **catalogue_lag}
        self._gauges.stand(lag, now - (core.clock or self._taken_at), len(self._table))
        self._gauges.waiting(core.open_moments, core.open_walks)

    def on_handovers(self, least: int, end: int) -> None:
        """Its handovers ended at ``end`` after the marks had stood at ``least`` (ms)."""
        self._inputs.handovers.look(least, end)
        self.loop.wake()

    async def close(self, patience_s: float) -> None:
        """Lets the step under way end, for ``patience_s``; then nothing more is written."""
        await self.loop.close(patience_s)
        await self._transactions.stop()
        if not self._clean:
            # The table holds what was never committed.
            self._site.tables.drop(self.partition)
        if self._facts is not None:
            self._site.reader.unfollow(self._facts)
        self._gauges.forget()

    async def _prepare(self) -> None:
        site = self._site
        await site.reader.ready()
        core = self._core = site.make_core(
            self.partition,
            site.partitions,
            site.reader.book,
            site.reader.catalogue,
            self._table,
            slice_size=self._settings.profile_slice,
        )
        self._facts = await site.reader.follow(core.applied, core.clock)
        self._merge = Merge(tuple(self._inputs), self._facts, self._settings.merge_wait_ms)
        names = [topic.name for topic in USER_INPUTS]
        heard = int(self._table.reserved.get(HEARD_ROW, b"0"))
        self._clock = PartitionClock(site.patience, names, core.clock, wall_ms(), heard)

    async def _advance(self) -> bool:
        assert self._core is not None
        assert self._merge is not None
        now = wall_ms()
        self._inputs.handovers.pace(now)
        taken = self._merge.take(now, self._settings.step_records)
        self._inputs.relieve()
        if taken:
            self._inputs.told_up_to(taken[-1][0])
        tick = self._tick(self._core, now, busy=bool(taken))
        if not taken and tick is None and not self._core.has_work():
            self._note_done()
            self._gauges.waited(self._merge)
            self._at_work = self._at_work or self._inputs.nothing_waits()
            return False
        inputs, rejected = self._read(taken)
        self._clean = False
        effects = self._core.step(inputs, tick)
        await self._commit(effects, rejected)
        self._clean = self._at_work = True
        self._note_done()
        self._gauges.stepped(inputs, effects, rejected)
        if self._decoder.clamped:
            self._gauges.clamped(self._decoder.clamped)
            self._decoder.clamped = 0
        return True

    def _tick(self, core: Core, now: int, *, busy: bool) -> Tick | None:
        """The clock after what was just taken; ``None`` where that needs no step."""
        assert self._clock is not None
        assert self._facts is not None
        clock = self._clock.look(
            self._inputs.done(),
            self._inputs.handed_over_until(),
            (self._facts.frontier, self._facts.first_at()),
            now,
        )
        moved = clock - core.clock
        if moved > 0 and (busy or core.next_due() <= clock or moved >= self._settings.idle_tick_ms):
            return Tick(clock, self._inputs.newest_answer())
        return None

    def _read(self, taken: Iterable[Taken]) -> tuple[list[Input], list[Rejected]]:
        inputs: list[Input] = []
        rejected: list[Rejected] = []
        for arrived_at, _, _, _, inbox, record, recorded_at in taken:
            if inbox is None:
                inputs.append(_fact(record))
            elif isinstance(record, Broken):
                rejected.append(rejected_batch(inbox.name, self.partition, record))
            else:
                read = self._decoder.decode(inbox.name, inbox.rank, record, recorded_at, arrived_at)
                if isinstance(read, Rejected):
                    rejected.append(read)
                else:
                    inputs.append(read)
        return inputs, rejected

    async def _commit(self, effects: Effects, rejected: Iterable[Rejected]) -> None:
        outgoing = Outgoing(self._settings, self.partition, self._site.partitions)
        outgoing.add_effects(effects)
        for one in rejected:
            outgoing.add_rejected(one)
        offsets = self._inputs.to_commit()
        if not outgoing and not offsets:
            return
        outgoing.add_rows(self._own_rows().items())
        started = time.perf_counter()
        written = await self._transactions.commit(outgoing, offsets)
        self._gauges.committed(time.perf_counter() - started)
        self._inputs.committed(offsets)
        if self._changelog in written:
            self._site.tables.keep(self.partition, written[self._changelog])

    def _own_rows(self) -> dict[bytes, bytes | None]:
        assert self._clock is not None
        rows = {
            INPUTS_ROW: inputs_row(self._inputs.rows()),
            DEPLOYMENT_ROW: self._site.deployment_row,
            HEARD_ROW: b"%d" % self._clock.heard,
        }
        changed = {key: row for key, row in rows.items() if row != self._table.reserved.get(key)}
        for key, row in changed.items():
            self._table.put(key, row)
        return dict(changed)

    def _note_done(self) -> None:
        until = self._inputs.untaken_from()
        if until != self._told_until:
            self._told_until = until
            self._site.on_told(self.partition, until)


def _fact(fact: Fact) -> FactRecord:
    source = Source(PRODUCTS.name, fact.partition, fact.offset)
    return FactRecord(key=fact.key, recorded_at=fact.recorded_at, source=source)
