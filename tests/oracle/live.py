"""A planned life played in real time to real workers, and what they decided."""

import asyncio
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import count, islice
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from runtime.settings import KafkaSettings
from schemas.partitioner import partition_of
from schemas.topics import (
    DECISIONS,
    INTERACTIONS,
    LATE,
    SHOP_CATALOG,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
    Topic,
)
from tests.harness.records import Sent, produce, read_to_end
from tests.harness.waiting import eventually
from tests.oracle.generator import Record, moved
from tests.streams.workers import ROOT

WORKER = (sys.executable, "-m", "nudge", "worker")
CLOCKS_DEADLINE_S = 300
SLIP = 300
"""Milliseconds by which the player may be behind before life slips."""
TOPICS: dict[str, Topic] = {
    topic.name: topic for topic in (SHOP_EVENTS, SHOP_CATALOG, SUBSCRIPTIONS, INTERACTIONS)
}


def now_ms() -> int:
    return int(time.time() * 1000)


class Player:
    """Produces each record when its time has come, under that time.

    A broker that is away, or a machine that is busy, makes the shop's life slip: what is still to
    come happens so much later. ``played`` is what was told, at the times it was told with.
    """

    def __init__(self, settings: KafkaSettings, records: list[Record]) -> None:
        self._settings = settings
        self._records = records
        self.played: list[Record] = []
        self.slipped_ms = 0

    async def play(self) -> None:
        """Returns when the broker has every record."""
        producer = AIOKafkaProducer(
            **self._settings.client_options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=2,
            request_timeout_ms=60_000,
        )
        await producer.start()
        try:
            while len(self.played) < len(self._records):
                due = self._due()
                acknowledged = [await self._send(producer, record) for record in due]
                await asyncio.gather(*acknowledged)
                self.played += due
                await asyncio.sleep(0.01)
        finally:
            await producer.stop()

    def _due(self) -> list[Record]:
        """What is to happen now."""
        now, done = now_ms(), len(self.played)
        behind = now - self._records[done]["at"] - self.slipped_ms
        if behind > SLIP:
            self.slipped_ms += behind
        until = now - self.slipped_ms
        end = bisect_right(self._records, until, lo=done, key=lambda record: record["at"])
        return moved(self._records[done:end], self.slipped_ms)

    async def _send(self, producer: AIOKafkaProducer, record: Record) -> Any:
        key, value = record["key"], record["value"]
        if record["topic"] == SUBSCRIPTIONS.name:
            key = f"{key}/{record['subscription_id']}"
        return await producer.send(
            self._settings.topic(TOPICS[record["topic"]]),
            None if value is None else orjson.dumps(value),
            key=key.encode(),
            partition=record["partition"],
            timestamp_ms=record["at"],
        )


async def clocks_past(settings: KafkaSettings, until: int, partitions: int) -> None:
    """Returns when every partition's clock has passed ``until`` (ms).

    A shopper of each partition has a payment fail then: when they are told, all before is told.
    """
    await asyncio.sleep(max(0, until - now_ms()) / 1000)
    names = (f"last-{number}" for number in count())
    last = {partition_of(name, partitions): name for name in islice(names, 20 * partitions)}
    failed = [
        Sent(
            name,
            {
                "type": "payment_failed",
                "event_id": f"e-{name}",
                "user_id": name,
                "order_id": "last",
                "occurred_at": now_ms(),
            },
        )
        for name in last.values()
    ]
    await produce(settings, SHOP_EVENTS, failed)

    async def told() -> bool:
        decisions = await read_to_end(settings, DECISIONS, deadline_s=120)
        return {record.key for record in decisions} >= set(last.values())

    await eventually(told, CLOCKS_DEADLINE_S, every_s=5, what="not every partition got so far")


async def decided(settings: KafkaSettings, until: int) -> list[dict[str, Any]]:
    """Every committed decision made for a time up to ``until`` (ms)."""
    records = await read_to_end(settings, DECISIONS, deadline_s=120)
    decisions = [
        record.json() | {"stood": (record.partition, record.offset, record.headers)}
        for record in records
    ]
    return [decision for decision in decisions if decision["decided_at"] <= until]


async def late_users(settings: KafkaSettings) -> set[str]:
    return {record.json()["user_id"] for record in await read_to_end(settings, LATE)}


def final_twice(decisions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The final decisions whose id has several of them."""
    finals = [decision for decision in decisions if decision["final"]]
    counts = Counter(decision["decision_id"] for decision in finals)
    return [decision for decision in finals if counts[decision["decision_id"]] > 1]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


async def replayed_from_topics(
    settings: KafkaSettings, rules: Path, out: Path, until: int, grace_ms: int
) -> list[dict[str, Any]]:
    """What ``nudge replay --from-topics`` makes of the same topics."""
    command = (
        *(sys.executable, "-m", "nudge", "replay", "--from-topics"),
        *("--scenarios", str(rules), "--out", str(out)),
        *("--until", str(until), "--grace", f"{grace_ms}ms"),
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "NUDGE_NAMESPACE": settings.namespace,
    }
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return await asyncio.to_thread(_lines, out)


def bought_in_time(decisions: Iterable[dict[str, Any]], records: Iterable[Record]) -> list[str]:
    """Cart messages that were sent although a purchase, arrived by then, had ended the moment.

    A login since then may have brought a cart that was not bought; what is due in the very
    millisecond of a purchase comes before it.
    """
    purchases: dict[str, list[tuple[int, int]]] = {}
    logins: dict[str, list[int]] = {}
    for record in records:
        value = record["value"]
        if record["topic"] == SHOP_EVENTS.name and value["type"] == "purchase":
            purchases.setdefault(record["key"], []).append((value["occurred_at"], record["at"]))
        elif record["topic"] == SHOP_EVENTS.name and value["type"] in ("login", "sign_up"):
            logins.setdefault(value["user_id"], []).append(value["occurred_at"])
    false = []
    for decision in decisions:
        if decision["outcome"] == "sent" and decision["entity"] == "cart":
            opened, at = decision["evidence"]["opened_at"], decision["decided_at"]
            brought = max(logins.get(decision["user_id"], ()), default=0)
            for occurred, arrived in purchases.get(decision["user_id"], ()):
                if opened < occurred < at and brought <= occurred and arrived <= at:
                    false.append(decision["decision_id"])
    return false
