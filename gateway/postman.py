"""From ``push.jobs`` and ``push.withdrawals`` to the inboxes: one copy of the gateway a partition.

Offsets are committed once Redis has what was read, so that nothing is missing after a crash; what
is read twice is put there once.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from redis.exceptions import RedisError

from gateway.inbox import Inbox
from gateway.settings import GatewaySettings
from gateway.tabs import Change, News, Tabs
from schemas.adapters import InvalidRecordError, adapter_of, parse
from schemas.push import PushJob, Withdrawal
from schemas.topics import JOBS, WITHDRAWALS

log = structlog.get_logger(__name__)
GROUP = "inbox"
_POLL_MS = 500
_MOST_AT_ONCE = 500
_RETRY_S = 1.0
_JOB, _WITHDRAWAL = adapter_of(PushJob), adapter_of(Withdrawal)


class Postman:
    """Reads as a member of the group of all copies."""

    def __init__(self, settings: GatewaySettings, inbox: Inbox, tabs: Tabs) -> None:
        self._settings = settings
        self._inbox = inbox
        self._tabs = tabs
        self._jobs = settings.topic(JOBS)

    async def run(self) -> None:
        """Works for ever; what fails is tried again."""
        while True:
            try:
                await self._work()
            except KafkaError as error:
                log.warning("inbox_not_fed", error=repr(error))
            await asyncio.sleep(_RETRY_S)

    async def _work(self) -> None:
        consumer = AIOKafkaConsumer(
            self._jobs,
            self._settings.topic(WITHDRAWALS),
            **self._settings.client_options(),
            group_id=self._settings.group(GROUP),
            isolation_level="read_committed",
            enable_auto_commit=False,
            # The first start fills the inboxes with what the topics hold.
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            while True:
                batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
                records = [record for batch in batches.values() for record in batch]
                if records:
                    await self._deliver(records)
                    # A partition that is another's by now: that copy reads it again.
                    with suppress(CommitFailedError, IllegalStateError):
                        await consumer.commit()
        finally:
            await consumer.stop()

    async def _deliver(self, records: Sequence[ConsumerRecord]) -> None:
        jobs: list[PushJob] = []
        withdrawals: list[Withdrawal] = []
        for record in records:
            with suppress(InvalidRecordError):  # delivery dead-letters it
                if record.topic == self._jobs:
                    jobs.append(parse(_JOB, record.value))
                else:
                    withdrawals.append(parse(_WITHDRAWAL, record.value))
        while True:
            try:
                await self._put(jobs, withdrawals)
                return
            except RedisError as error:
                log.warning("inbox_waits_for_redis", error=repr(error))
                await asyncio.sleep(_RETRY_S)

    async def _put(self, jobs: list[PushJob], withdrawals: list[Withdrawal]) -> None:
        changes: list[Change] = []
        if jobs:
            changes += [
                Change(owner=put.owner, news=News.MESSAGE, job_ids=[put.job_id])
                for put in await self._inbox.put(jobs)
                if put.fresh
            ]
        if withdrawals:
            await self._inbox.take_back(withdrawals)
            changes += [
                Change(owner=each.user_id, news=News.GONE, job_ids=[each.job_id])
                for each in withdrawals
            ]
        if changes:
            await self._tabs.announce(changes)
