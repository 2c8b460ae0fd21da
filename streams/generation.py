"""What runs for the partitions of one generation of the consumer group, from fencing to closing."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import SHOP_CATALOG, USER_INPUTS
from streams.actor import PartitionActor, Site
from streams.catalogue import CatalogueActor
from streams.guard import (
    DEPLOYMENT_ROW,
    INPUTS_ROW,
    StoredInput,
    check_deployment,
    stored_inputs,
)
from streams.inputs import PartitionInputs, Pressure
from streams.marks import wall_ms
from streams.offsets import Positions, read_positions
from streams.outgoing import Outgoing
from streams.reader import WALK_MEMORY_MS
from streams.transactions import OwnershipLostError, Transactions
from streams.transport import Answer, Batch

log = structlog.get_logger(__name__)

CLOSE_PATIENCE_S = 10.0
STANDSTILL_S = 15.0
"""A step that takes longer, or a broker that says nothing for longer, is no work: a broker that
restarts is back by then, and a transaction that hangs is given up after three times that."""


class Generation:
    """
    Args:
        number: the group's; 0 before there is any.
        partitions: that this worker owns.
        on_error: told of an error that ends one of them.
    """

    def __init__(
        self,
        site: Site,
        group: str,
        number: int,
        partitions: Sequence[int],
        pressure: Pressure,
        on_error: Callable[[Exception], None],
    ) -> None:
        self.number = number
        self.partitions = tuple(partitions)
        self._site = site
        self._group = group
        self._pressure = pressure
        self._on_error = on_error
        self._catalog_topic = site.settings.topic(SHOP_CATALOG)
        self._users = self._producers("nudge-partition")
        self._folds = self._producers("nudge-catalogue")
        self._actors: dict[int, PartitionActor] = {}
        self._catalogues: dict[int, CatalogueActor] = {}
        self._lost_since: dict[int, float] = {}
        self._failed: set[int] = set()

    def _producers(self, name: str) -> dict[int, Transactions]:
        settings = self._site.settings
        return {p: Transactions(settings, f"{name}-{p}", self._group) for p in self.partitions}

    async def fence(self) -> None:
        """Starts the producers: whoever owned a partition before can write nothing more to it.

        Raises:
            KafkaError: the cluster cannot be reached.
        """
        await asyncio.gather(
            *(producer.start() for producer in (*self._users.values(), *self._folds.values()))
        )

    async def find_positions(self) -> Positions:
        """Where each input goes on, once the tables are recovered.

        Raises:
            RefusedError: the stored state does not fit the topics.
            KafkaError: the cluster cannot be reached.
        """
        settings = self._site.settings
        stored: dict[TopicPartition, int] = {}
        for partition in self.partitions:
            rows = self._site.tables.of(partition).reserved
            check_deployment(partition, rows.get(DEPLOYMENT_ROW), self._site.deployment_row)
            known = stored_inputs(rows.get(INPUTS_ROW))
            for topic in USER_INPUTS:
                if topic.name in known:
                    tp = TopicPartition(settings.topic(topic), partition)
                    stored[tp] = known[topic.name].offset
        positions = await read_positions(
            settings,
            self._group,
            [
                TopicPartition(settings.topic(topic), partition)
                for topic in (*USER_INPUTS, SHOP_CATALOG)
                for partition in self.partitions
            ],
            stored,
            accept_lost=settings.accept_lost_input,
        )
        for tp, offset in positions.to_restore.items():
            log.warning("offset_restored", topic=tp.topic, partition=tp.partition, offset=offset)
            nothing = Outgoing(settings, tp.partition, self._site.partitions)
            await self._users[tp.partition].commit(nothing, {tp: offset})
        return positions

    def start(self, positions: Positions) -> None:
        """Starts every partition's core and catalogue agent."""
        for partition in self.partitions:
            self._start(partition, positions.start)

    def _start(self, partition: int, positions: Mapping[TopicPartition, int]) -> None:
        site, settings = self._site, self._site.settings
        known = stored_inputs(site.tables.of(partition).reserved.get(INPUTS_ROW))
        start = {
            topic.name: known.get(topic.name, StoredInput(0))._replace(
                offset=positions[TopicPartition(settings.topic(topic), partition)]
            )
            for topic in USER_INPUTS
        }

        def ended(error: Exception) -> None:
            self._ended(partition, error)

        actor = self._actors[partition] = PartitionActor(
            site,
            partition,
            PartitionInputs(settings, partition, start, self._pressure),
            self._users[partition],
            ended,
        )
        catalogue = self._catalogues[partition] = CatalogueActor(
            settings,
            partition,
            site.partitions,
            positions[TopicPartition(self._catalog_topic, partition)],
            self._folds[partition],
            site.reader,
            self._pressure,
            ended,
        )
        actor.loop.start()
        catalogue.loop.start()

    def _ended(self, partition: int, error: Exception) -> None:
        if isinstance(error, OwnershipLostError):
            # Another worker goes on with it. Ours learns so by the rebalance that is on its way.
            log.warning("partition_lost", partition=partition)
            self._lost_since.setdefault(partition, time.monotonic())
        elif isinstance(error, KafkaError):
            # The broker went away in the middle of a transaction. Whether it was committed the
            # changelog will tell, in the next generation.
            log.warning("partition_failed", partition=partition, error=str(error))
            self._failed.add(partition)
        else:
            self._on_error(error)

    def deliver(self, batch: Batch) -> None:
        """Hands a fetched batch to its partition; one of another generation is dropped.

        Raises:
            InputGapError: records between this batch and the last one are missing.
        """
        if batch.generation != self.number:
            return
        owners = self._catalogues if batch.tp.topic == self._catalog_topic else self._actors
        actor: PartitionActor | CatalogueActor | None = owners.get(batch.tp.partition)
        if actor is not None:
            actor.add(batch)

    def on_answers(self, answers: Iterable[Answer]) -> None:
        """What the broker said of the inputs."""
        for answer in answers:
            partition = answer.tp.partition
            if partition not in self._actors:
                continue
            if answer.tp.topic == self._catalog_topic:
                self._catalogues[partition].answer(answer.highwater)
            else:
                self._actors[partition].answer(answer)

    def wake(self) -> None:
        for actor in self._actors.values():
            actor.loop.wake()

    def on_handovers(self, least: int, ends: Mapping[int, int]) -> None:
        """Where each partition's handovers ended after the marks had stood at ``least`` (ms)."""
        for partition, end in ends.items():
            actor = self._actors.get(partition)
            if actor is not None:
                actor.on_handovers(least, end)

    def told_until(self) -> dict[int, int]:
        """Up to when (ms) each partition's users were told; those not ready left out."""
        return {p: actor.told_until for p, actor in self._actors.items() if actor.is_ready}

    def oldest_clock(self) -> int | None:
        """The least clock (ms), ``None`` while a partition is not ready or walks are under way.

        Without partitions it is an hour ago: one that comes and needs more has it read again.
        """
        if not self.partitions:
            return wall_ms() - WALK_MEMORY_MS
        actors = self._actors.values()
        if not actors or any(not actor.is_ready or actor.has_work for actor in actors):
            return None
        return min(actor.clock for actor in actors)

    def waiting(self) -> list[int]:
        """The partitions that are not at work."""
        return [p for p in self.partitions if not self._is_at_work(p)]

    def _is_at_work(self, partition: int) -> bool:
        actor = self._actors.get(partition)
        ended = partition in self._lost_since or partition in self._failed
        return actor is not None and actor.is_at_work and not ended

    def stalled(self, now: int) -> str:
        """Which partitions stand still at ``now`` (ms), and why; empty where none does.

        A clock that is held because an input was silent is no standstill: its steps end.
        """
        silent = [p for p, a in self._actors.items() if a.silent_for(now) > STANDSTILL_S * 1000]
        hung = [
            p
            for p, actor in self._actors.items()
            if max(actor.loop.busy_for(), self._catalogues[p].loop.busy_for()) > STANDSTILL_S
        ]
        for_long = f"for over {STANDSTILL_S:.0f} s"
        told = (
            f"no answer from Kafka {for_long} to partitions {silent}" if silent else "",
            f"a step is under way {for_long} in partitions {hung}" if hung else "",
        )
        return "; ".join(filter(None, told))

    def stand(self, now: int) -> None:
        """Shows Prometheus where each partition stands at ``now`` (ms)."""
        for partition, actor in self._actors.items():
            actor.stand(now, self._catalogues[partition].lag())

    @property
    def has_failed(self) -> bool:
        """Whether the broker failed a partition, which only a new generation can take up again."""
        return bool(self._failed)

    def lost_for(self) -> float:
        """Seconds since a partition was fenced and no rebalance came; 0 where none was."""
        since = min(self._lost_since.values(), default=None)
        return 0.0 if since is None else time.monotonic() - since

    async def close(self) -> None:
        """Lets every step under way end; then nothing more is written."""
        actors, self._actors = self._actors, {}
        catalogues, self._catalogues = self._catalogues, {}
        await asyncio.gather(
            *(actor.close(CLOSE_PATIENCE_S) for actor in actors.values()),
            *(catalogue.loop.close(CLOSE_PATIENCE_S) for catalogue in catalogues.values()),
        )
        await asyncio.gather(
            *(producer.stop() for producer in (*self._users.values(), *self._folds.values()))
        )
