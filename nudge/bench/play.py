"""Records sent to a running shop, each when its time has come, or as fast as it goes."""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable, Iterator

import orjson
from aiokafka import AIOKafkaProducer

from nudge.bench.mix import Traffic, Wire
from nudge.bench.process import Measured
from nudge.bench.push_service import PushService
from nudge.bench.visits import CURRENCY, product_name
from nudge.topics import LOCAL_PARTITIONS
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from schemas.topics import SHOP_EVENTS

SHOPPERS_A_SECOND = 25
WARM_UP_S = 15
"""How long the traffic goes on before the first shopper comes."""
_SAY_EVERY_S = 10.0
_AT_ONCE_MS = 20
"""How far ahead of its time a record may be sent: so finely is the traffic spread."""

Say = Callable[[str], None]


async def publish(settings: KafkaSettings, wires: Iterable[Wire]) -> int:
    """Sends all at once; how many there were, once the broker has them."""
    sent = 0
    async with AIOKafkaProducer(
        **settings.client_options(), linger_ms=20, max_batch_size=262_144
    ) as producer:
        for wire in wires:
            await _send(producer, settings, wire)
            sent += 1
            if sent % 100 == 0:
                # Whoever else has something to send at its time is let through.
                await asyncio.sleep(0)
        await producer.flush()
    return sent


async def _send(producer: AIOKafkaProducer, settings: KafkaSettings, wire: Wire) -> None:
    await producer.send(
        settings.topic(wire.topic),
        wire.value,
        key=wire.key.encode(),
        partition=wire.partition(LOCAL_PARTITIONS),
        timestamp_ms=wire.at,
    )


class Play:
    """Sends each record of the traffic, and each shopper's, when its time has come."""

    def __init__(
        self, settings: KafkaSettings, workers: list[Measured], service: PushService, say: Say
    ) -> None:
        self.sent = 0
        self._settings = settings
        self._workers = workers
        self._service = service
        self._say = say
        self._say_at = time.monotonic() + _SAY_EVERY_S

    async def run(self, traffic: Traffic, shoppers: list[str]) -> None:
        """The whole traffic, shoppers among it."""
        wires = heapq.merge(
            traffic.records(), _carts(shoppers, traffic.start + WARM_UP_S * 1000), key=_at
        )
        async with AIOKafkaProducer(
            **self._settings.client_options(), linger_ms=5, max_batch_size=262_144
        ) as producer:
            for wire in wires:
                ahead_ms = wire.at - now_ms()
                if ahead_ms > _AT_ONCE_MS:
                    await asyncio.sleep(ahead_ms / 1000)
                await _send(producer, self._settings, wire)
                self.sent += 1
                if time.monotonic() >= self._say_at:
                    await self._tell(-ahead_ms)
            await producer.flush()

    async def _tell(self, behind_ms: int) -> None:
        self._say_at += _SAY_EVERY_S
        for worker in self._workers:
            worker.check()
        accepted = await self._service.accepted()
        self._say(
            f"{self.sent:,} events, {max(0, behind_ms) / 1000:.1f} s behind; {accepted:,} pushes"
        )


def _at(wire: Wire) -> int:
    return wire.at


def _carts(shoppers: list[str], start: int) -> Iterator[Wire]:
    """Each fills a cart, one after the other, from ``start`` (ms) on."""
    for number, user in enumerate(shoppers):
        at = start + number * 1000 // SHOPPERS_A_SECOND
        event = {
            "type": "add_to_cart",
            "event_id": f"cart-of-{user}",
            "occurred_at": at,
            "user_id": user,
            "product_id": product_name(number),
            "quantity": 1,
            "price": 4990,
            "currency": CURRENCY,
        }
        yield Wire(SHOP_EVENTS, user, orjson.dumps(event), at)
