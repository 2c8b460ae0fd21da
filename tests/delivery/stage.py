"""The rest of Nudge, as far as delivery can see it: jobs in, results out, browsers at the end."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from pydantic import ValidationError

from delivery.app import Delivery
from delivery.settings import DeliverySettings
from nudge.pushlab import Browser, PushLab
from runtime.settings import KafkaSettings
from runtime.vapid import create_key
from schemas.adapters import dump
from schemas.control import PAUSE_KEY, Pause
from schemas.partitioner import partition_of
from schemas.people import split_subscription_key, subscription_key
from schemas.push import MessageClass, Payload, PushJob, PushResult, ResultOutcome, Withdrawal
from schemas.topics import (
    DEAD_LETTER,
    JOBS,
    RESULTS,
    SCENARIOS,
    SUBSCRIPTIONS,
    WITHDRAWALS,
    Topic,
)
from tests.harness.clusters import PARTITIONS
from tests.harness.waiting import eventually

ROOT = Path(__file__).parents[2]
MARKETING, TRANSACTIONAL = MessageClass.MARKETING, MessageClass.TRANSACTIONAL
_numbers = count(1)


def now_ms() -> int:
    return int(time.time() * 1000)


class Stage:
    """One test's topics, push service and keys. Use as an async context manager."""

    def __init__(self, kafka: KafkaSettings, redis_url: str, keys: Path) -> None:
        self.kafka = kafka
        self.redis_url = redis_url
        self.lab = PushLab()
        self.results: list[PushResult] = []
        self.dead_letters: list[ConsumerRecord] = []
        self.subscription_records: list[ConsumerRecord] = []
        self._keys = keys
        self.key = create_key(keys)

    async def __aenter__(self) -> Self:
        await self.lab.start()
        self._producer = AIOKafkaProducer(**self.kafka.client_options(), acks="all")
        await self._producer.start()
        topics = [self.kafka.topic(topic) for topic in (RESULTS, DEAD_LETTER, SUBSCRIPTIONS)]
        self._consumer = AIOKafkaConsumer(
            *topics,
            **self.kafka.client_options(),
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )
        await self._consumer.start()
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reader.cancel()
        await self._consumer.stop()
        await self._producer.stop()
        await self.lab.stop()

    def values(self, **overrides: Any) -> dict[str, Any]:
        """Settings of a worker for this test: quick, and allowed to push to this machine."""
        return {
            "kafka_bootstrap": self.kafka.kafka_bootstrap,
            "namespace": self.kafka.namespace,
            "redis_url": self.redis_url,
            "vapid_keys": str(self._keys),
            "vapid_subject": "mailto:ops@shop.example",
            "token_secret": "only for tests, and long enough for one",
            "push_allow_loopback": True,
            "delivery_backoff_s": 0.1,
            "delivery_post_timeout_s": 2.0,
            "delivery_session_timeout_ms": 6000,
        } | overrides

    def settings(self, **overrides: Any) -> DeliverySettings:
        return DeliverySettings.model_validate(self.values(**overrides))

    @asynccontextmanager
    async def worker(self, **overrides: Any) -> AsyncIterator[Delivery]:
        """A worker in this process, stopped cleanly at the end."""
        delivery = Delivery(self.settings(**overrides))
        task = asyncio.create_task(delivery.run(handle_signals=False))
        try:
            yield delivery
        finally:
            delivery.stop()
            await task

    @asynccontextmanager
    async def process(self, **overrides: Any) -> AsyncIterator["WorkerProcess"]:
        """A worker in a process of its own, killed at the end if it still lives."""
        process = WorkerProcess(self.values(**overrides))
        await process.start()
        try:
            yield process
        finally:
            await process.kill()

    def rotate_key(self) -> None:
        """A second key pair, which new subscriptions get."""
        self.key = create_key(self._keys, another=True)

    async def subscribe(
        self,
        user: str,
        *,
        browser: Browser | None = None,
        key_id: str | None = None,
        p256dh: str | None = None,
    ) -> Browser:
        """A browser of that user, known to the topic."""
        found = browser or self.lab.subscribe(self.key.public_key)
        subscription = found.subscription(user, now_ms(), key_id or self.key.key_id)
        if p256dh:
            subscription = subscription.model_copy(update={"p256dh": p256dh})
        await self.send(
            SUBSCRIPTIONS, user, dump(subscription),
            key=subscription_key(user, found.subscription_id),
        )  # fmt: skip
        return found

    async def unsubscribe(self, user: str, browser: Browser) -> None:
        key = subscription_key(user, browser.subscription_id)
        await self.send(SUBSCRIPTIONS, user, None, key=key)

    def tombstones(self) -> list[tuple[str, str]]:
        """Users and subscriptions that were ended in the topic, oldest first."""
        keys = [r.key.decode() for r in self.subscription_records if r.value is None]
        return [split_subscription_key(key) for key in keys]

    def job(
        self,
        user: str,
        *browsers: Browser,
        message_class: MessageClass = MARKETING,
        ttl_s: float = 60.0,
        job_id: str | None = None,
        devices: Iterable[str] = (),
    ) -> PushJob:
        """A job for the user's browsers, as streams would write it."""
        name = job_id or f"job-{next(_numbers)}"
        return PushJob(
            job_id=name,
            user_id=user,
            scenario="cart_abandoned",
            message_class=message_class,
            created_at=now_ms(),
            expires_at=now_ms() + int(ttl_s * 1000),
            tag="cart",
            topic="cart",
            devices=(*(browser.subscription_id for browser in browsers), *devices),
            payload=Payload(
                title="Your cart is waiting",
                body="Two things you liked",
                url="https://shop.example/cart",
                tag="cart",
                scenario="cart_abandoned",
                job_id=name,
            ),
        )

    async def put(self, job: PushJob) -> None:
        """Writes a job to its topic."""
        await self.send(JOBS, job.user_id, dump(job))

    async def emit(self, user: str, *browsers: Browser, **fields: Any) -> PushJob:
        """:meth:`job` and :meth:`put`."""
        job = self.job(user, *browsers, **fields)
        await self.put(job)
        return job

    async def withdraw(self, job: PushJob) -> None:
        withdrawal = Withdrawal(
            job_id=job.job_id, user_id=job.user_id, at=now_ms(), reason="purchased"
        )
        await self.send(WITHDRAWALS, job.user_id, dump(withdrawal))

    async def pause(self, *, paused: bool) -> None:
        record = Pause(type="pause", paused=paused, at=now_ms())
        await self._producer.send_and_wait(
            self.kafka.topic(SCENARIOS), dump(record), key=PAUSE_KEY.encode(), partition=0
        )

    async def send(
        self, topic: Topic, user: str, value: bytes | None, *, key: str | None = None
    ) -> None:
        await self._producer.send_and_wait(
            self.kafka.topic(topic),
            value,
            key=(key or user).encode(),
            partition=partition_of(user, PARTITIONS),
        )

    def results_of(self, job: PushJob) -> list[PushResult]:
        return [result for result in self.results if result.job_id == job.job_id]

    def outcomes(self, job: PushJob) -> list[ResultOutcome]:
        """How the job ended at each device, oldest first; tries are left out."""
        return [r.outcome for r in self.results_of(job) if r.outcome.is_terminal]

    async def ends(self, job: PushJob, *outcomes: ResultOutcome, deadline_s: float = 30.0) -> None:
        """Waits until the job has ended just so."""

        def ended() -> bool:
            assert sorted(self.outcomes(job)) == sorted(outcomes), job.job_id
            return True

        await eventually(ended, deadline_s)

    def posts(self, job: PushJob) -> int:
        """POSTs of the job, however often and wherever."""
        return len(self.lab.posts_of(job.job_id))

    async def _read(self) -> None:
        results, dead = self.kafka.topic(RESULTS), self.kafka.topic(DEAD_LETTER)
        while True:
            for tp, records in (await self._consumer.getmany(timeout_ms=50)).items():
                if tp.topic == results:
                    for record in records:
                        with suppress(ValidationError):  # a stranger's
                            self.results.append(PushResult.model_validate_json(record.value or b""))
                elif tp.topic == dead:
                    self.dead_letters += records
                else:
                    self.subscription_records += records


class WorkerProcess:
    """``python -m tests.delivery.main`` with the settings in its environment."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._environment = {
            **os.environ,
            **{f"NUDGE_{name.upper()}": str(value) for name, value in values.items()},
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.delivery.main", cwd=ROOT, env=self._environment
        )

    async def kill(self) -> None:
        """SIGKILL: it gets no chance to do anything more."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """SIGTERM, and its exit code."""
        return await self._end(signal.SIGTERM)

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await self._process.wait()
