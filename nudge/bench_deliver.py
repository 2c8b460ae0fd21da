"""``nudge bench deliver``: pushes a second on one core, and ``webpush()`` as it comes beside it.

The delivery worker has a core to itself; Kafka, Redis and the push service share another. The
push service is another process that takes real HTTP, checks headers and VAPID, and does not
decrypt, so that it keeps up. Both senders push the same payload to the same subscriptions.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaProducer

from nudge import topics
from nudge.local import LocalKafka, LocalRedis
from runtime.settings import KafkaSettings
from runtime.vapid import VapidKey, create_key
from schemas.adapters import dump
from schemas.partitioner import partition_of
from schemas.people import Subscription, subscription_id_of, subscription_key
from schemas.push import MessageClass, Payload, PushJob
from schemas.topics import JOBS, SUBSCRIPTIONS, Topic

PARTITIONS = 4
SUBJECT = "mailto:ops@shop.example"
_TTL_MS = 4 * 3_600_000
_COUNT_EVERY_S = 0.02
_DEADLINE_S = 300.0
_WEBPUSH = "--webpush"
_FROM, _TO = 0.15, 0.95
"""The part of the run that is measured: warm, and not yet running dry."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a sender was, or how far it had come.

    ``core_seconds``: processor time it took, user and system.
    """

    pushes: int
    seconds: float
    core_seconds: float

    @property
    def per_second(self) -> float:
        return self.pushes / self.seconds

    @property
    def per_core_second(self) -> float:
        return self.pushes / self.core_seconds


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, and on what."""

    delivery: Rate
    webpush: Rate
    payload_bytes: int
    sender_core: int
    other_core: int


@dataclass(frozen=True, slots=True)
class Device:
    """A subscription at the push service."""

    user: str
    endpoint: str
    p256dh: str
    auth: str

    @property
    def subscription_id(self) -> str:
        return subscription_id_of(self.endpoint, self.p256dh, self.auth)


async def run(
    *,
    jobs: int = 40_000,
    users: int = 2_000,
    webpush_pushes: int = 1_000,
    sender_core: int = 0,
    other_core: int = 1,
    say: Callable[[str], None] = print,
) -> Figures:
    """Measures both senders, one after the other.

    Args:
        jobs: to deliver; each goes to one device of one of ``users``.
        sender_core: for the sender alone. ``other_core``: for everything else.

    Raises:
        TimeoutError: the jobs were not delivered within five minutes.
        LocalStackError: Kafka or Redis does not start.
    """
    # Children inherit it: Kafka, Redis, the push service.
    os.sched_setaffinity(0, {other_core})
    with tempfile.TemporaryDirectory() as directory, LocalKafka() as kafka, LocalRedis() as redis:
        key = create_key(Path(directory) / "keys")
        async with _push_service() as origin, aiohttp.ClientSession(origin) as session:
            devices = await _subscribe(session, key, users)
            say("webpush() as it comes …")
            webpush = await _measure_webpush(devices, key, directory, sender_core, webpush_pushes)
            say(f"writing {jobs} jobs …")
            settings = KafkaSettings.model_validate({"kafka_bootstrap": kafka.bootstrap})
            await topics.create(settings, partitions=PARTITIONS, replication=1)
            await _produce(settings, devices, key, jobs)
            say("delivering …")
            environment = _environment(kafka.bootstrap, redis.url, Path(directory) / "keys")
            delivery = await _measure_delivery(session, environment, sender_core, jobs)
    return Figures(delivery, webpush, len(_payload("x" * 32)), sender_core, other_core)


@asynccontextmanager
async def _push_service() -> AsyncIterator[str]:
    """The origin of a push service in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nudge.pushlab", "--blind", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        match = re.search(r"http://\S+", line)
        assert match, f"the push service said {line!r}"
        yield match[0]
    finally:
        process.terminate()
        await process.wait()


async def _subscribe(session: aiohttp.ClientSession, key: VapidKey, users: int) -> list[Device]:
    body = {"application_server_key": key.public_key, "count": users}
    async with session.post("/api/subscriptions", json=body) as answer:
        made: list[dict[str, Any]] = await answer.json()
    return [
        Device(f"user-{number}", one["endpoint"], one["keys"]["p256dh"], one["keys"]["auth"])
        for number, one in enumerate(made)
    ]


async def _produce(
    settings: KafkaSettings, devices: list[Device], key: VapidKey, jobs: int
) -> None:
    now = int(time.time() * 1000)
    async with AIOKafkaProducer(**settings.client_options(), acks="all", linger_ms=20) as producer:

        async def send(topic: Topic, user: str, record_key: str, value: bytes) -> Awaitable[Any]:
            acknowledged: Awaitable[Any] = await producer.send(
                settings.topic(topic),
                value,
                key=record_key.encode(),
                partition=partition_of(user, PARTITIONS),
            )
            return acknowledged

        sent = [
            await send(
                SUBSCRIPTIONS,
                device.user,
                subscription_key(device.user, device.subscription_id),
                dump(_subscription(device, key, now)),
            )
            for device in devices
        ]
        for number in range(jobs):
            device = devices[number % len(devices)]
            job = _job(device, f"{number:032x}", now)
            sent.append(await send(JOBS, device.user, device.user, dump(job)))
        await asyncio.gather(*sent)


def _subscription(device: Device, key: VapidKey, now: int) -> Subscription:
    return Subscription(
        subscription_id=device.subscription_id,
        user_id=device.user,
        endpoint=device.endpoint,
        p256dh=device.p256dh,
        auth=device.auth,
        created_at=now,
        last_seen_at=now,
        key_id=key.key_id,
    )


def _job(device: Device, job_id: str, now: int) -> PushJob:
    return PushJob(
        job_id=job_id,
        user_id=device.user,
        scenario="cart_abandoned",
        message_class=MessageClass.MARKETING,
        created_at=now,
        expires_at=now + _TTL_MS,
        tag="cart",
        topic="cart",
        devices=(device.subscription_id,),
        payload=Payload.model_validate_json(_payload(job_id)),
    )


def _payload(job_id: str) -> bytes:
    return dump(
        Payload(
            title="Your cart is waiting",
            body="Rain jacket and 2 more · 412,50 zł · free delivery from 200 zł",
            url="https://shop.example/cart?utm_source=push&utm_campaign=cart_abandoned",
            icon="https://shop.example/icon-192.png",
            image="https://shop.example/media/products/rain-jacket-720.webp",
            tag="cart",
            locale="pl",
            scenario="cart_abandoned",
            job_id=job_id,
        )
    )


def _environment(kafka: str, redis_url: str, keys: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("NUDGE_")}
    return own | {
        "NUDGE_KAFKA_BOOTSTRAP": kafka,
        "NUDGE_REDIS_URL": redis_url,
        "NUDGE_VAPID_KEYS": str(keys),
        "NUDGE_VAPID_SUBJECT": SUBJECT,
        "NUDGE_TOKEN_SECRET": "for this bench alone, which keeps no secrets",
        "NUDGE_PUSH_ALLOW_LOOPBACK": "true",
        "NUDGE_LOG_LEVEL": "WARNING",
    }


async def _measure_delivery(
    session: aiohttp.ClientSession, environment: dict[str, str], core: int, jobs: int
) -> Rate:
    before = await _accepted(session)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nudge", "deliver", env=environment
    )
    try:
        os.sched_setaffinity(process.pid, {core})
        async with asyncio.timeout(_DEADLINE_S):
            first = await _reach(session, process.pid, before + int(jobs * _FROM))
            last = await _reach(session, process.pid, before + int(jobs * _TO))
    finally:
        process.kill()
        await process.wait()
    return Rate(
        last.pushes - first.pushes,
        last.seconds - first.seconds,
        last.core_seconds - first.core_seconds,
    )


async def _reach(session: aiohttp.ClientSession, pid: int, count: int) -> Rate:
    """Pushes, wall time and the sender's processor time once ``count`` were accepted."""
    while True:
        accepted = await _accepted(session)
        if accepted >= count:
            return Rate(accepted, time.perf_counter(), _core_seconds(pid))
        await asyncio.sleep(_COUNT_EVERY_S)


async def _accepted(session: aiohttp.ClientSession) -> int:
    async with session.get("/api/counts") as answer:
        return int((await answer.json())["accepted"])


def _core_seconds(pid: int) -> float:
    """User and system time of a process so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measure_webpush(
    devices: list[Device], key: VapidKey, directory: str, core: int, pushes: int
) -> Rate:
    """In a process of its own, on the sender's core, one push after the other."""
    order = {
        "targets": [(d.endpoint, d.p256dh, d.auth) for d in devices],
        "pem": str(Path(directory) / "keys" / f"{key.key_id}.pem"),
        "pushes": pushes,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nudge.bench_deliver", _WEBPUSH,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    os.sched_setaffinity(process.pid, {core})
    output, _ = await asyncio.wait_for(process.communicate(json.dumps(order).encode()), _DEADLINE_S)
    return Rate(**json.loads(output))


def _webpush(targets: list[tuple[str, str, str]], pem: str, pushes: int) -> Rate:
    from pywebpush import webpush

    data = _payload("x" * 32)

    def push(number: int) -> None:
        endpoint, p256dh, auth = targets[number % len(targets)]
        webpush(
            {"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": auth}},
            data,
            vapid_private_key=pem,
            vapid_claims={"sub": SUBJECT},
            ttl=3600,
        )

    for number in range(50):
        push(number)
    started, core_started = time.perf_counter(), time.process_time()
    for number in range(pushes):
        push(number)
    return Rate(pushes, time.perf_counter() - started, time.process_time() - core_started)


def main() -> None:
    """``python -m nudge.bench_deliver``: the figures as JSON."""
    if sys.argv[1:] == [_WEBPUSH]:
        print(json.dumps(asdict(_webpush(**json.load(sys.stdin)))))
        return
    figures = asyncio.run(run(say=lambda line: print(line, file=sys.stderr)))
    shown = {
        name: {
            "pushes_per_second": round(rate.per_second),
            "pushes_per_core_second": round(rate.per_core_second),
            "busy": round(rate.core_seconds / rate.seconds, 2),
            "pushes": rate.pushes,
        }
        for name, rate in (("delivery", figures.delivery), ("webpush", figures.webpush))
    }
    print(json.dumps(shown | {"payload_bytes": figures.payload_bytes}, indent=2))


if __name__ == "__main__":
    main()
