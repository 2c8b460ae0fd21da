"""The worker over the rebalances: who owns which partitions, and what runs for them.

A partition's life is one generation: closed when Faust says that partitions are revoked, fenced
and recovered for the next generation, even where it stays here.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from faust.types import TP

from runtime.health import Check, HealthServer, Status
from runtime.metrics import Metric, counter, gauge
from schemas.topics import PROFILES_CHANGELOG, SHOP_CATALOG, USER_INPUTS
from streams.actor import Site
from streams.clock import MarksBoard
from streams.core import CoreMaker
from streams.gauges import begin_at_zero
from streams.generation import Generation
from streams.guard import RefusedError, other_partitions, read_site
from streams.inbox import InputGapError
from streams.inputs import Pressure
from streams.marks import MarksWriter, wall_ms
from streams.reader import WholeTopics
from streams.settings import StreamsSettings
from streams.store import Tables
from streams.transactions import OwnershipLostError
from streams.transport import Answer, Batch

log = structlog.get_logger(__name__)

WAKE_EVERY_S = 0.02
"""How often partitions look at their inputs' answers, at most."""
WATCH_EVERY_S = 5.0
LOST_PATIENCE_S = 30.0
"""How long after it was fenced a worker waits for the rebalance that took its partition."""

Crash = Callable[[BaseException], Awaitable[None]]


class Engine:
    """
    Args:
        group: the consumer group's name.
        crash: ends the worker with an error.
        rejoin: has the group share out its partitions anew.
        pressure: pauses (``True``) and resumes fetching of a topic's partition.
        generation_now: the group's generation, as Faust has it.
    """

    def __init__(
        self,
        settings: StreamsSettings,
        group: str,
        make_core: CoreMaker,
        *,
        crash: Crash,
        pressure: Pressure,
        rejoin: Callable[[], Awaitable[None]],
        generation_now: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._group = group
        self._make_core = make_core
        self._crash = crash
        self._pressure = pressure
        self._rejoin = rejoin
        self._generation_now = generation_now
        self.tables = Tables()
        self._site: Site | None = None
        self._health: HealthServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._generation: Generation | None = None
        self._mismatch = ""
        self._woken_at = 0.0
        self._look_due: asyncio.TimerHandle | None = None
        self._input_topics = {settings.topic(topic) for topic in (*USER_INPUTS, SHOP_CATALOG)}
        self._copartitioned = (settings.topic(PROFILES_CHANGELOG), *self._input_topics)

    # What the app calls

    async def start(self) -> None:
        """Before Faust joins the group.

        Raises:
            RefusedError: there is no deployment to work for, or its topics do not fit it.
            KafkaError: the cluster cannot be reached.
        """
        tune_garbage_collector()
        begin_at_zero()
        settings = self._settings
        deployment, row = await read_site(settings)
        board = MarksBoard(deployment.partitions, settings.hold_ms, wall_ms())
        reader = WholeTopics(settings, deployment.partitions, board, self._look, self._on_handovers)
        marks = MarksWriter(settings, self._told_until, settings.mark_every_ms)

        def told(partition: int, until: int) -> None:
            reader.mark(partition, until)
            marks.moved(partition, until)

        self._site = Site(
            settings, deployment.partitions, row, self.tables, reader, self._make_core, told
        )
        self._health = await HealthServer(settings, self.checks()).start()
        for work in (reader.run(), marks.run(), self._watch()):
            self._run(work)

    async def stop(self) -> None:
        """Lets every step under way end, and stops."""
        await self.close_partitions()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._health is not None:
            await self._health.stop()

    def deliver(self, batch: Batch) -> None:
        """Hands a fetched batch to its partition."""
        try:
            if self._generation is not None:
                self._generation.deliver(batch)
        except InputGapError as error:
            self.fail(error)

    def on_answers(self, answers: Sequence[Answer]) -> None:
        """What the broker said of the topics; from Faust's consumer, several times a second."""
        if self._generation is not None:
            self._generation.on_answers(a for a in answers if a.tp.topic in self._input_topics)
        self._look()

    async def close_partitions(self) -> None:
        """The first thing in a rebalance, and the last of a worker."""
        generation, self._generation = self._generation, None
        if generation is not None:
            await generation.close()

    def checks(self) -> dict[str, Check]:
        """For ``/readyz``."""
        return {"partitions": self._check_partitions, "whole_topics": self._check_reader}

    # What Faust's store calls

    async def begin_generation(self, number: int, assigned: frozenset[TP]) -> None:
        """Starts new producers for every partition: that fences whoever owned it before.

        Raises:
            RefusedError: the topics have got more partitions than they were made with.
            KafkaError: the cluster cannot be reached.
        """
        assert self._site is not None
        counter(Metric.REBALANCES).inc()
        await self.close_partitions()
        last, known = max((tp.partition for tp in assigned), default=0), self._site.partitions
        if last >= known:
            raise RefusedError(other_partitions(known, f"there is one of number {last}"))
        partitions, self._mismatch = self._owned(assigned)
        if self._mismatch:
            # A worker of another release in the group: none may work until all read the same.
            log.error("assignment_differs", detail=self._mismatch)
        self.tables.own(partitions)
        generation = Generation(
            self._site, self._group, number, partitions, self._pressure, self.fail
        )
        await generation.fence()
        self._generation = generation

    async def partitions_recovered(self, number: int) -> None:
        """Starts what runs for each partition.

        Raises:
            RefusedError: the stored state does not fit the topics.
            KafkaError: the cluster cannot be reached.
        """
        generation = self._generation
        if generation is None or generation.number != number or not generation.partitions:
            return
        started = time.perf_counter()
        positions = await generation.find_positions()
        if generation is not self._generation or number != self._generation_now():
            return
        generation.start(positions)
        gc.collect()
        gc.freeze()
        log.info(
            "partitions_taken",
            generation=number,
            partitions=list(generation.partitions),
            profiles=sum(len(self.tables.of(p)) for p in generation.partitions),
            seconds=round(time.perf_counter() - started, 3),
        )

    def fail(self, error: BaseException) -> None:
        """Ends the worker: it starts again from what is committed."""
        log.error("worker_failed", error=f"{type(error).__name__}: {error}", exc_info=error)
        self._run(self._crash(error))

    def _owned(self, assigned: frozenset[TP]) -> tuple[tuple[int, ...], str]:
        """The partitions that are assigned, and how the topics' sets differ (they must not)."""
        owned: dict[str, list[int]] = {
            name: sorted(tp.partition for tp in assigned if tp.topic == name)
            for name in self._copartitioned
        }
        first = owned[self._copartitioned[0]]
        if all(partitions == first for partitions in owned.values()):
            return tuple(first), ""
        return (), "; ".join(f"{name}: {partitions}" for name, partitions in owned.items())

    # Background

    def _run(self, work: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                self.fail(error)

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _look(self) -> None:
        """Lets every partition look at what is new, soon."""
        if self._look_due is None:
            wait_s = self._woken_at + WAKE_EVERY_S - time.monotonic()
            self._look_due = asyncio.get_running_loop().call_later(max(wait_s, 0.0), self._wake)

    def _wake(self) -> None:
        self._look_due = None
        self._woken_at = time.monotonic()
        if self._generation is not None:
            self._generation.wake()

    def _told_until(self) -> Mapping[int, int]:
        return {} if self._generation is None else self._generation.told_until()

    def _on_handovers(self, least: int, ends: Mapping[int, int]) -> None:
        if self._generation is not None:
            self._generation.on_handovers(least, ends)

    async def _watch(self) -> None:
        assert self._site is not None
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            generation = self._generation
            if generation is None:
                continue
            if generation.lost_for() > LOST_PATIENCE_S:
                raise OwnershipLostError("a partition was fenced and no rebalance came")
            if generation.has_failed:
                await self._rejoin()
            oldest = generation.oldest_clock()
            if oldest is not None:
                self._site.reader.forget_before(oldest)

    def _check_partitions(self) -> Status:
        if self._mismatch:
            return Status(False, f"topics have different partitions here: {self._mismatch}")
        generation = self._generation
        if generation is None:
            return Status(False, "the group is sharing out the partitions")
        now = wall_ms()
        generation.stand(now)
        if stalled := generation.stalled(now):
            return Status(False, stalled)
        waiting, owned = generation.waiting(), generation.partitions
        if waiting:
            return Status(False, f"{len(waiting)} of {len(owned)} partitions are not ready yet")
        return Status(True, f"{len(owned)} partitions")

    def _check_reader(self) -> Status:
        if self._site is None or not self._site.reader.is_whole:
            return Status(False, "products and scenarios are still being read")
        reader = self._site.reader
        refused = reader.steering.refused(wall_ms())
        gauge(Metric.REFUSED).labels("version").set(refused is not None)
        gauge(Metric.REFUSED).labels("campaign").set(len(reader.steering.campaigns))
        if not reader.book:
            nothing = "no scenario file was applied: nudge scenarios apply FILE"
            return Status(False, refused or nothing)
        products = f"{len(reader.catalogue)} products"
        return Status(True, f"{products}; {refused}" if refused else products)


def tune_garbage_collector() -> None:
    """A worker's state is large and acyclic: looking through it again and again costs a third.

    What a step opens is most often closed before so much more is there than there was.
    """
    gc.set_threshold(400_000, 50, 100)
