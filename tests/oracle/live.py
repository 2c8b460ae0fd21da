"""A planned life played in real time to real workers, and what they decided."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from runtime.settings import KafkaSettings
from schemas.topics import (
    DECISIONS,
    INTERACTIONS,
    LATE,
    SHOP_CATALOG,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
    Topic,
)
from tests.harness.records import read_to_end
from tests.oracle.generator import Record
from tests.streams.workers import ROOT

WORKER = (sys.executable, "-m", "nudge", "worker")
TOPICS: dict[str, Topic] = {
    topic.name: topic for topic in (SHOP_EVENTS, SHOP_CATALOG, SUBSCRIPTIONS, INTERACTIONS)
}


def now_ms() -> int:
    return int(time.time() * 1000)


class Player:
    """Produces each record when its planned time has come, under that time."""

    def __init__(self, settings: KafkaSettings, records: list[Record]) -> None:
        self._settings = settings
        self.records = records
        self.lag_ms = 0
        """The longest that a record was behind its time when it was handed to the producer."""

    async def play(self) -> None:
        """Returns when the broker has every record."""
        producer = AIOKafkaProducer(
            **self._settings.client_options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            request_timeout_ms=60_000,
        )
        await producer.start()
        try:
            pending: list[Any] = []
            done = 0
            while done < len(self.records):
                now = now_ms()
                while done < len(self.records) and self.records[done]["at"] <= now:
                    record = self.records[done]
                    self.lag_ms = max(self.lag_ms, now - record["at"])
                    pending.append(await self._send(producer, record))
                    done += 1
                pending = [
                    future for future in pending if not future.done() or future.result() is None
                ]
                await asyncio.sleep(0.01)
            await asyncio.gather(*pending)
        finally:
            await producer.stop()

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


async def decided(settings: KafkaSettings, until: int) -> list[dict[str, Any]]:
    """Every committed decision made for a time up to ``until`` (ms)."""
    records = await read_to_end(settings, DECISIONS, deadline_s=120)
    decisions = [record.json() for record in records]
    return [decision for decision in decisions if decision["decided_at"] <= until]


async def late_users(settings: KafkaSettings) -> set[str]:
    return {record.json()["user_id"] for record in await read_to_end(settings, LATE)}


def final_twice(decisions: Iterable[dict[str, Any]]) -> list[str]:
    counts = Counter(d["decision_id"] for d in decisions if d["final"])
    return [number for number, count in counts.items() if count > 1]


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
    """Cart messages that were sent although a purchase, arrived by then, had ended the moment."""
    purchases: dict[str, list[tuple[int, int]]] = {}
    for record in records:
        value = record["value"]
        if record["topic"] == SHOP_EVENTS.name and value["type"] == "purchase":
            purchases.setdefault(record["key"], []).append((value["occurred_at"], record["at"]))
    false = []
    for decision in decisions:
        if decision["outcome"] == "sent" and decision["entity"] == "cart":
            opened, at = decision["evidence"]["opened_at"], decision["decided_at"]
            for occurred, arrived in purchases.get(decision["user_id"], ()):
                if opened <= occurred <= at and arrived <= at:
                    false.append(decision["decision_id"])
    return false
