"""``nudge bench deliver``: pushes a second on one core, and ``webpush()`` as it comes beside it.

The delivery worker has a core to itself; Kafka, Redis and the push service share another. The
push service is another process that takes real HTTP, checks headers and VAPID, and does not
decrypt, so that it keeps up. Both senders push the same payload to the same subscriptions.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nudge import topics
from nudge.bench.jobs import delivery_settings, payload, produce_jobs, produce_subscriptions
from nudge.bench.process import MEASURED_CORE, Measured, keep_to_other_core, process
from nudge.bench.push_service import Device, PushService, push_service
from nudge.bench.rate import Rate
from nudge.bench.webpush import Order, order_line
from nudge.local import LocalKafka, LocalRedis
from runtime.settings import KafkaSettings
from runtime.vapid import create_key
from schemas.adapters import dump

_COUNT_EVERY_S = 0.02
_DEADLINE_S = 600.0
_FROM, _TO = 0.02, 0.98
"""The part of the run that is measured: from when pushes flow until it runs dry. Jobs are read,
looked up and prepared ahead of their turn, so what is left out at the start is kept small."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DeliverResult:
    """What was measured, and on what."""

    delivery: Rate
    webpush: Rate
    payload_bytes: int

    @property
    def ratio(self) -> float:
        """Of pushes a second of processor time."""
        return self.delivery.per_core_second / self.webpush.per_core_second

    def as_dict(self) -> dict[str, object]:
        return {
            "nudge_deliver": _as_dict(self.delivery),
            "webpush": _as_dict(self.webpush),
            "ratio": round(self.ratio, 2),
            "payload_bytes": self.payload_bytes,
        }


def _as_dict(rate: Rate) -> dict[str, object]:
    return {
        "pushes": rate.count,
        "pushes_per_second": round(rate.per_second),
        "pushes_per_core_second": round(rate.per_core_second),
        "busy": round(rate.core_seconds / rate.seconds, 2),
    }


async def run(*, jobs: int, users: int, webpush_pushes: int, say: Say) -> DeliverResult:
    """Measures both senders, one after the other.

    Args:
        jobs: to deliver; each goes to one device of one of ``users``.

    Raises:
        TimeoutError: the jobs were not delivered within ten minutes.
        LocalStackError: Kafka or Redis does not start.
        Problem: this machine has one core, or the worker ended by itself.
    """
    keep_to_other_core()
    with (
        tempfile.TemporaryDirectory() as directory,
        LocalKafka(say=say) as kafka,
        LocalRedis() as redis,
    ):
        keys = Path(directory) / "keys"
        key = create_key(keys)
        settings = KafkaSettings(kafka_bootstrap=kafka.bootstrap)
        await topics.create(settings, partitions=topics.LOCAL_PARTITIONS, replication=1)
        async with push_service() as service:
            devices = await service.subscribe(key, [f"user-{number}" for number in range(users)])
            say(f"webpush() as it comes: {webpush_pushes:,} pushes")
            webpush = await _measure_webpush(devices, keys / f"{key.key_id}.pem", webpush_pushes)
            say(f"webpush(): {webpush.per_core_second:,.0f} a second of core")
            say(f"writing {jobs:,} jobs")
            await produce_subscriptions(settings, topics.LOCAL_PARTITIONS, devices, key)
            await produce_jobs(settings, topics.LOCAL_PARTITIONS, devices, jobs)
            say("delivering")
            environment = delivery_settings(kafka.bootstrap, redis.url, keys)
            delivery = await _measure_delivery(service, environment, jobs)
            say(f"nudge deliver: {delivery.per_core_second:,.0f} a second of core")
    return DeliverResult(delivery, webpush, len(dump(payload("x" * 32))))


async def _measure_delivery(service: PushService, environment: dict[str, str], jobs: int) -> Rate:
    before = await service.accepted()
    command = [sys.executable, "-m", "nudge", "deliver"]
    with process(command, environment) as worker:
        async with asyncio.timeout(_DEADLINE_S):
            first = await _reach(service, worker, before + int(jobs * _FROM))
            last = await _reach(service, worker, before + int(jobs * _TO))
    return last.since(first)


async def _reach(service: PushService, worker: Measured, count: int) -> Rate:
    """Pushes, wall time and the worker's processor time once ``count`` were accepted."""
    while True:
        worker.check()
        accepted = await service.accepted()
        if accepted >= count:
            return Rate(accepted, time.perf_counter(), worker.core_seconds())
        await asyncio.sleep(_COUNT_EVERY_S)


async def _measure_webpush(devices: list[Device], pem: Path, pushes: int) -> Rate:
    """In a process of its own, on the measured core."""
    targets = [(device.endpoint, device.p256dh, device.auth) for device in devices]
    sender = await asyncio.create_subprocess_exec(
        "taskset", "-c", str(MEASURED_CORE), sys.executable, "-m", "nudge.bench.webpush",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    order = order_line(Order(targets, str(pem), pushes))
    output, _ = await asyncio.wait_for(sender.communicate(order), _DEADLINE_S)
    return Rate(**json.loads(output))
