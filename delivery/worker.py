"""The parts of a delivery worker, put together, and in what order they start and end."""

import asyncio
import secrets
import socket
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress

import structlog
from aiokafka import ConsumerRecord

from delivery.admission import Admission
from delivery.attempt import Attempts, Patience, Voice
from delivery.authorization import Authorizations
from delivery.background import Background, Broken
from delivery.dispatcher import Dispatcher, Rules
from delivery.ending import Ends
from delivery.intake import Intake
from delivery.ledger import Ledger
from delivery.opening import Opener
from delivery.partition import Partition, Phase
from delivery.pause import PauseReader
from delivery.pushes import Push
from delivery.redis_link import RedisLink
from delivery.results import Results
from delivery.rounds import Limits
from delivery.sender import Sender
from delivery.settings import DeliverySettings
from delivery.side_reader import Mark, PartitionLostError, SideReader
from delivery.steps import Ending
from delivery.subscriptions import SubscriptionStore
from delivery.topics import check_topics
from runtime.health import Check, Status
from runtime.vapid import KeyRing

log = structlog.get_logger(__name__)
_REDIS_PATIENCE_S = 2.0


class Worker:
    """Made inside a running loop, used once.

    Args:
        broken: told of an error that nothing was written for; the worker is then to be stopped.
    """

    def __init__(self, settings: DeliverySettings, keys: KeyRing, broken: Broken) -> None:
        self._settings = settings
        self._broken = broken
        self._admissions: set[Background] = set()
        longest_ttl_ms = settings.delivery_longest_ttl_s * 1000
        self._link = RedisLink(settings, settings.delivery_redis_timeout_s)
        self._ledger = Ledger(self._link, settings, broken)
        self._results = Results(settings, broken)
        self._pause = PauseReader(settings, broken)
        self._dispatcher = Dispatcher(
            Limits(
                settings.delivery_concurrency,
                settings.delivery_per_origin,
                settings.delivery_breaker_failures,
            ),
            broken,
        )
        subscriptions = SubscriptionStore(self._link, settings)
        self._side = SideReader(
            settings, subscriptions, longest_ttl_ms, self._dispatcher.withdraw, broken
        )
        self._ends = Ends(self._ledger, self._results, subscriptions, self._dispatcher.over)
        self._sender = Sender(
            self._pause.may_send,
            connect_timeout_s=settings.delivery_connect_timeout_s,
            timeout_s=settings.delivery_post_timeout_s,
            allow_loopback=settings.push_allow_loopback,
        )
        self._intake = Intake(
            settings,
            open_partition=self._open,
            take=self._take,
            close_partitions=self._close,
            held=lambda: self._dispatcher.held,
            broken=broken,
        )
        self._opener = Opener(
            settings,
            self._ledger,
            self._side,
            longest_ttl_ms,
            prove=lambda partition: self._intake.commit([partition]),
            opened=self._dispatcher.resume,
            broken=broken,
        )
        self._attempts = Attempts(
            self._ledger,
            Voice(
                self._sender,
                Authorizations(keys, settings.vapid_subject),
                settings.interaction_tokens(),
            ),
            Patience(
                settings.delivery_backoff_s,
                settings.delivery_longest_backoff_s,
                contested_s=2 * settings.delivery_post_timeout_s,
            ),
            ending_now=self._dispatcher.ending_now,
            may_send=self._pause.may_send,
            flushed=self._opener.flushed,
            retrying=self._retrying,
        )
        self._admission = Admission(
            f"{socket.gethostname()}-{secrets.token_hex(6)}",
            longest_ttl_ms,
            ledger=self._ledger,
            side=self._side,
            policy=settings.policy(),
            dispatcher=self._dispatcher,
            ends=self._ends,
            results=self._results,
            flushed=self._opener.flushed,
        )

    async def work(self, stop: asyncio.Event) -> None:
        """Starts, works until ``stop``, finishes what is in flight, commits, leaves the group.

        Raises:
            TopicsError: topics are missing or do not fit together.
            KafkaError: the cluster cannot be reached at the start.
        """
        async with AsyncExitStack() as stack:
            # Ended in the opposite order, whether they were started or not.
            for end in (
                self._sender.close,
                self._link.close,
                self._results.stop,
                self._pause.stop,
                self._side.stop,
                self._ledger.stop,
                self._intake.leave,
                self._dispatcher.stop,
            ):
                stack.push_async_callback(end)
            partitions = await check_topics(self._settings)
            await self._results.start()
            await self._pause.start()
            await self._side.start()
            self._ledger.start()
            self._dispatcher.start(
                Rules(self._pause.may_send, self._side.is_fresh, self._side.withdrawn),
                self._attempts.attempt,
                self._ends.end,
            )
            await self._intake.start()
            log.info("delivery_started", partitions=partitions)
            memory = Background(self._warn_of_eviction(), "memory", self._broken)
            stack.push_async_callback(memory.stop)
            intake = Background(self._intake.run(), "intake", self._broken)
            await stop.wait()
            log.info("delivery_stopping", held=self._dispatcher.held)
            self._intake.stop_taking()
            await intake.over()

    async def _warn_of_eviction(self) -> None:
        warning = await self._link.memory_warning()
        if warning is not None:
            log.warning("redis_may_evict", detail=warning)

    def checks(self) -> dict[str, Check]:
        """What readiness asks."""
        return {
            "kafka": self._check_kafka,
            "redis": self._check_redis,
            "pause": self._check_pause,
            "push_services": self._check_push_services,
        }

    async def _open(self, partition: Partition, first_start: bool) -> None:
        with suppress(PartitionLostError):
            await self._opener.open(partition, first_start=first_start)

    def _take(self, partition: Partition, records: Sequence[ConsumerRecord]) -> None:
        mark = self._side.mark(partition.number)
        partition.began()
        self._keep(self._admit(partition, records, mark))

    async def _admit(
        self, partition: Partition, records: Sequence[ConsumerRecord], mark: Mark
    ) -> None:
        try:
            await self._admission.admit(partition, records, mark)
        finally:
            partition.ended()

    async def _close(self, closed: Sequence[Partition]) -> None:
        """Lets what is under way come to its end; what waits is left to whoever comes next."""
        for partition in closed:
            partition.enter(Phase.CLOSED)
            await self._opener.close(partition)
        self._side.drop(partition.number for partition in closed)
        for partition in closed:
            self._dispatcher.forget(partition)
        idle = [asyncio.create_task(partition.idle()) for partition in closed]
        until = time.monotonic() + self._settings.delivery_drain_timeout_s
        while idle and time.monotonic() < until:
            _, pending = await asyncio.wait(idle, timeout=_REDIS_PATIENCE_S)
            idle = list(pending)
            if idle and self._link.trouble is not None:
                for partition in closed:
                    self._ledger.abandon(partition.number)
        for task in idle:
            task.cancel()
        for partition in closed:
            self._dispatcher.abandon(partition)
            self._ledger.epochs.forget(partition.number)
            if partition.under_way:
                log.warning("not_drained", partition=partition.number, left=partition.under_way)

    def _retrying(self, push: Push, ending: Ending) -> None:
        self._dispatcher.tell(push, self._ends.retrying(push, ending))

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = Background(work, "admission", self._broken)
        self._admissions.add(task)
        task.when_done(lambda: self._admissions.discard(task))

    def _check_kafka(self) -> Status:
        partitions = self._intake.partitions.values()
        waiting = sorted(p.number for p in partitions if p.phase is not Phase.OPEN)
        if waiting:
            return Status(False, f"partitions {waiting} are not open yet")
        stale = sorted(p.number for p in partitions if not self._side.is_fresh(p.number))
        if stale:
            detail = f"withdrawals of partitions {stale} are not known up to now: nothing is sent"
            return Status(False, detail)
        return Status(True, f"{len(partitions)} partitions, {self._dispatcher.held} pushes in hand")

    def _check_redis(self) -> Status:
        trouble = self._link.trouble
        return Status(trouble is None, trouble or "answers")

    def _check_pause(self) -> Status:
        if not self._pause.confirmed:
            return Status(False, "cannot confirm that sending is not paused: nothing is sent")
        return Status(True, "paused" if self._pause.paused else "not paused")

    def _check_push_services(self) -> Status:
        return Status(True, "; ".join(self._dispatcher.trouble()) or "all are spoken to")
