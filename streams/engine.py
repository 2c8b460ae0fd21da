"""The worker's partitions over the rebalances: who owns what, and what runs for it.

A partition's life is one generation: closed when Faust says that partitions are revoked, fenced
and recovered for the next generation, even where it stays here.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from faust.types import TP

from runtime.health import Check, HealthServer, Status
from runtime.metrics import Metric, counter
from schemas.topics import PROFILES_CHANGELOG, SHOP_CATALOG, USER_INPUTS
from streams.actor import PartitionActor, Site
from streams.catalogue import CatalogueActor
from streams.clock import MarksBoard
from streams.core import CoreMaker
from streams.guard import (
    DEPLOYMENT_ROW,
    INPUTS_ROW,
    check_deployment,
    read_site,
    stored_inputs,
)
from streams.inputs import PartitionInputs
from streams.marks import MarksWriter, wall_ms
from streams.merge import InputGapError
from streams.offsets import Positions, read_positions
from streams.outgoing import Outgoing
from streams.reader import WholeTopics
from streams.settings import StreamsSettings
from streams.store import Tables
from streams.transactions import OwnershipLostError, Transactions
from streams.transport import Answer, Batch

log = structlog.get_logger(__name__)

WAKE_EVERY_S = 0.02
"""How often partitions look at their inputs' answers, at most."""
CLOSE_PATIENCE_S = 10.0
FORGET_EVERY_S = 5.0
LOST_PATIENCE_S = 30.0
"""How long after it was fenced a worker waits for the rebalance that took its partition."""

_USERS, _CATALOGUE = "nudge-partition", "nudge-catalogue"
"""Names of the transactional producers; the partition's number follows."""

Crash = Callable[[BaseException], Awaitable[None]]


class Engine:
    """
    Args:
        crash: ends the worker with an error.
        pressure: pauses (``True``) and resumes fetching of a topic's partition.
        generation: the consumer group's generation now.
    """

    def __init__(
        self,
        settings: StreamsSettings,
        group: str,
        make_core: CoreMaker,
        *,
        crash: Crash,
        pressure: Callable[[TopicPartition, bool], None],
        generation: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._group = group
        self._make_core = make_core
        self._crash = crash
        self._pressure = pressure
        self._generation_now = generation
        self.tables = Tables()
        self._site: Site | None = None
        self._health: HealthServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._generation = 0
        self._partitions: tuple[int, ...] = ()
        self._mismatch = ""
        self._producers: dict[str, dict[int, Transactions]] = {}
        self._actors: dict[int, PartitionActor] = {}
        self._catalogues: dict[int, CatalogueActor] = {}
        self._lost_since: dict[int, float] = {}
        self._woken_at = 0.0
        self._input_topics = {settings.topic(topic) for topic in USER_INPUTS}
        self._catalog_topic = settings.topic(SHOP_CATALOG)

    # What the app calls

    async def start(self) -> None:
        """Before Faust joins the group.

        Raises:
            RefusedError: there is no deployment to work for.
            KafkaError: the cluster cannot be reached.
        """
        tune_garbage_collector()
        settings = self._settings
        deployment, row = await read_site(settings)
        board = MarksBoard(deployment.partitions, settings.hold_ms, wall_ms())
        reader = WholeTopics(settings, deployment.partitions, board, self._wake_all)
        self._site = Site(
            settings, deployment.partitions, row, self.tables, reader, board, self._make_core
        )
        marks = MarksWriter(settings, self._events_until, settings.mark_every_ms)
        self._health = await HealthServer(settings, self.checks()).start()
        for work in (reader.run(), marks.run(), self._watch()):
            self._run(work)

    async def stop(self) -> None:
        """Lets every step under way end, and stops."""
        await self._close_partitions()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._health is not None:
            await self._health.stop()

    def deliver(self, batch: Batch) -> None:
        """Hands a fetched batch to its partition; one of another generation is dropped."""
        if batch.generation != self._generation:
            return
        actor: PartitionActor | CatalogueActor | None
        if batch.tp.topic == self._catalog_topic:
            actor = self._catalogues.get(batch.tp.partition)
        else:
            actor = self._actors.get(batch.tp.partition)
        if actor is None:
            return
        try:
            actor.add(batch)
        except InputGapError as error:
            self.fail(error)

    def on_answers(self, answers: Sequence[Answer]) -> None:
        """What the broker said of the inputs; from Faust's consumer, several times a second."""
        for answer in answers:
            if answer.tp.topic in self._input_topics:
                actor = self._actors.get(answer.tp.partition)
                if actor is not None:
                    actor.answer(answer)
        self._wake_all()

    async def on_partitions_revoked(self) -> None:
        """The first thing in a rebalance."""
        counter(Metric.REBALANCES).inc()
        await self._close_partitions()

    def checks(self) -> dict[str, Check]:
        """For ``/readyz``."""
        return {"partitions": self._check_partitions, "whole_topics": self._check_reader}

    # What Faust's store calls

    async def begin_generation(self, generation: int, assigned: frozenset[TP]) -> None:
        """Starts new producers for every partition: that fences whoever owned it before.

        Raises:
            KafkaError: the cluster cannot be reached.
        """
        await self._close_partitions()
        self._generation = generation
        self._partitions, self._mismatch = self._owned(assigned)
        if self._mismatch:
            log.error("assignment_differs", detail=self._mismatch)
        self.tables.retain(self._partitions)
        self._producers = {
            name: {
                p: Transactions(self._settings, f"{name}-{p}", self._group)
                for p in self._partitions
            }
            for name in ("nudge-partition", "nudge-catalogue")
        }
        await asyncio.gather(
            *(one.start() for owned in self._producers.values() for one in owned.values())
        )

    async def partitions_recovered(self, generation: int) -> None:
        """Starts what runs for each partition.

        Raises:
            RefusedError: the stored state does not fit the topics.
            KafkaError: the cluster cannot be reached.
        """
        if generation != self._generation or self._mismatch or not self._partitions:
            return
        assert self._site is not None
        started = time.perf_counter()
        for partition in self._partitions:
            stored = self.tables.of(partition).reserved.get(DEPLOYMENT_ROW)
            check_deployment(partition, stored, self._site.deployment_row)
        positions = await self._positions()
        await self._restore(positions)
        if generation != self._generation_now() or generation != self._generation:
            return
        for partition in self._partitions:
            self._start_partition(self._site, partition, positions)
        gc.collect()
        gc.freeze()
        log.info(
            "partitions_taken",
            generation=generation,
            partitions=list(self._partitions),
            profiles=sum(len(self.tables.of(p)) for p in self._partitions),
            seconds=round(time.perf_counter() - started, 3),
        )

    def fail(self, error: BaseException) -> None:
        """Ends the worker: it starts again from what is committed."""
        log.error("worker_failed", error=f"{type(error).__name__}: {error}", exc_info=error)
        self._run(self._crash(error))

    # Partitions

    def _owned(self, assigned: frozenset[TP]) -> tuple[tuple[int, ...], str]:
        """The partitions that are assigned, and how the topics' sets differ (they must not)."""
        names = [*self._input_topics, self._catalog_topic, self._settings.topic(PROFILES_CHANGELOG)]
        owned = {
            name: sorted(tp.partition for tp in assigned if tp.topic == name) for name in names
        }
        first = owned[names[-1]]
        differing = {name: sets for name, sets in owned.items() if sets != first}
        if not differing:
            return tuple(first), ""
        return (), f"{names[-1]}: {first}; " + "; ".join(f"{n}: {s}" for n, s in differing.items())

    async def _positions(self) -> Positions:
        stored = {
            TopicPartition(self._settings.topic(topic), partition): known[topic.name][0]
            for partition in self._partitions
            for known in [stored_inputs(self.tables.of(partition).reserved.get(INPUTS_ROW))]
            for topic in USER_INPUTS
            if topic.name in known
        }
        wanted = [
            TopicPartition(name, partition)
            for name in (*self._input_topics, self._catalog_topic)
            for partition in self._partitions
        ]
        return await read_positions(
            self._settings, self._group, wanted, stored,
            accept_lost=self._settings.accept_lost_input,
        )  # fmt: skip

    async def _restore(self, positions: Positions) -> None:
        for tp, offset in positions.to_restore.items():
            log.warning("offset_restored", topic=tp.topic, partition=tp.partition, offset=offset)
            nothing = Outgoing(self._settings, tp.partition, 0)
            producer = self._producers[_USERS][tp.partition]
            await producer.commit(nothing, {tp: offset})

    def _start_partition(self, site: Site, partition: int, positions: Positions) -> None:
        known = stored_inputs(self.tables.of(partition).reserved.get(INPUTS_ROW))
        start = {
            topic.name: (
                positions.start[TopicPartition(self._settings.topic(topic), partition)],
                known.get(topic.name, (0, 0))[1],
            )
            for topic in USER_INPUTS
        }
        generation = self._generation

        def ended(error: Exception) -> None:
            self._ended(partition, generation, error)

        actor = self._actors[partition] = PartitionActor(
            site,
            partition,
            PartitionInputs(self._settings, partition, start, self._pressure),
            self._producers[_USERS][partition],
            ended,
        )
        catalogue = self._catalogues[partition] = CatalogueActor(
            self._settings,
            partition,
            site.partitions,
            positions.start[TopicPartition(self._catalog_topic, partition)],
            self._producers[_CATALOGUE][partition],
            site.reader,
            self._pressure,
            ended,
        )
        actor.loop.start()
        catalogue.loop.start()

    def _ended(self, partition: int, generation: int, error: Exception) -> None:
        if generation != self._generation:
            return
        if isinstance(error, OwnershipLostError):
            # Another worker goes on with it. Ours learns so by the rebalance that is on its way.
            log.warning("partition_lost", partition=partition)
            self._lost_since.setdefault(partition, time.monotonic())
        else:
            self.fail(error)

    async def _close_partitions(self) -> None:
        actors, catalogues = self._actors, self._catalogues
        producers, self._producers = self._producers, {}
        self._actors, self._catalogues, self._lost_since = {}, {}, {}
        await asyncio.gather(
            *(actor.close(CLOSE_PATIENCE_S) for actor in actors.values()),
            *(catalogue.loop.close(CLOSE_PATIENCE_S) for catalogue in catalogues.values()),
        )
        await asyncio.gather(
            *(one.stop() for owned in producers.values() for one in owned.values())
        )

    # Background

    def _run(self, work: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self.fail(error)

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _wake_all(self) -> None:
        now = time.monotonic()
        if now - self._woken_at >= WAKE_EVERY_S:
            self._woken_at = now
            self._mark_own()
            for actor in self._actors.values():
                actor.loop.wake()

    def _mark_own(self) -> None:
        assert self._site is not None
        now = wall_ms()
        for partition, until in self._events_until().items():
            self._site.board.mark(partition, until, now)

    def _events_until(self) -> Mapping[int, int]:
        return {p: actor.events_until for p, actor in self._actors.items() if actor.is_ready}

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(FORGET_EVERY_S)
            for partition, since in self._lost_since.items():
                if time.monotonic() - since > LOST_PATIENCE_S:
                    raise OwnershipLostError(
                        f"partition {partition} was fenced and no rebalance came"
                    )
            actors = self._actors.values()
            if self._site and actors and all(a.is_ready and not a.has_work for a in actors):
                self._site.reader.forget_before(min(actor.clock for actor in actors))

    def _check_partitions(self) -> Status:
        if self._mismatch:
            return Status(False, f"topics have different partitions here: {self._mismatch}")
        waiting = [p for p in self._partitions if not self._is_ready(p)]
        if waiting:
            return Status(False, f"{len(waiting)} of {len(self._partitions)} are not ready yet")
        return Status(self._generation > 0, f"{len(self._partitions)} partitions")

    def _is_ready(self, partition: int) -> bool:
        actor = self._actors.get(partition)
        return actor is not None and actor.is_ready and partition not in self._lost_since

    def _check_reader(self) -> Status:
        if self._site is None or not self._site.reader.is_whole:
            return Status(False, "products and scenarios are still being read")
        if not self._site.reader.book:
            return Status(False, "no scenario file was applied: nudge scenarios apply FILE")
        return Status(True, f"{len(self._site.reader.catalogue)} products")


def tune_garbage_collector() -> None:
    """A worker's state is large and acyclic: looking through it again and again costs a third."""
    gc.set_threshold(100_000, 50, 100)
