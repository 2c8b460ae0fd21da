"""Push jobs of the benchmarks, as the core would write them, and the settings to deliver them."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer

from nudge.bench.push_service import Device
from runtime.settings import KafkaSettings
from runtime.vapid import VapidKey
from schemas.adapters import dump
from schemas.partitioner import partition_of
from schemas.people import subscription_key
from schemas.push import MessageClass, Payload, PushJob
from schemas.topics import JOBS, SUBSCRIPTIONS

SUBJECT = "mailto:ops@shop.example"
_TTL_MS = 4 * 3_600_000


def delivery_settings(kafka: str, redis_url: str, keys: Path) -> dict[str, str]:
    """The environment of a delivery worker that pushes to this machine."""
    return {
        "NUDGE_KAFKA_BOOTSTRAP": kafka,
        "NUDGE_REDIS_URL": redis_url,
        "NUDGE_VAPID_KEYS": str(keys),
        "NUDGE_VAPID_SUBJECT": SUBJECT,
        "NUDGE_TOKEN_SECRET": "for this bench alone, which keeps no secrets",
        "NUDGE_PUSH_ALLOW_LOOPBACK": "true",
        "NUDGE_LOG_LEVEL": "ERROR",
    }


def payload(job_id: str) -> Payload:
    return Payload(
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
        payload=payload(job_id),
    )


@asynccontextmanager
async def _producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(
        **settings.client_options(), acks="all", linger_ms=20, max_batch_size=262_144
    ) as producer:
        yield producer
        await producer.flush()


async def produce_subscriptions(
    settings: KafkaSettings, partitions: int, devices: Sequence[Device], key: VapidKey
) -> None:
    """The devices into ``push.subscriptions``."""
    now = int(time.time() * 1000)
    async with _producer(settings) as producer:
        for device in devices:
            await producer.send(
                settings.topic(SUBSCRIPTIONS),
                dump(device.record(key, now)),
                key=subscription_key(device.user, device.subscription_id).encode(),
                partition=partition_of(device.user, partitions),
            )


async def produce_jobs(
    settings: KafkaSettings, partitions: int, devices: Sequence[Device], jobs: int
) -> None:
    """So many jobs, each for one device, in turn."""
    now = int(time.time() * 1000)
    async with _producer(settings) as producer:
        for number in range(jobs):
            device = devices[number % len(devices)]
            await producer.send(
                settings.topic(JOBS),
                dump(_job(device, f"{number:032x}", now)),
                key=device.user.encode(),
                partition=partition_of(device.user, partitions),
            )
