"""Shoppers' events for engine tests, and what the tiny core must have made of them."""

import time
from collections import Counter
from collections.abc import Iterable

from runtime.settings import KafkaSettings
from schemas.partitioner import partition_of
from schemas.topics import DECISIONS, PROFILES_CHANGELOG
from tests.harness.clusters import PARTITIONS
from tests.harness.records import Read, Sent, read_to_end


def now_ms() -> int:
    return int(time.time() * 1000)


def view(user: str, number: int, at: int | None = None, **fields: object) -> Sent:
    """A page view of ``user``; ``at`` is when it happened and was recorded (ms)."""
    when = at or now_ms()
    value = {
        "type": "page_view", "event_id": f"{user}-{number}", "user_id": user,
        "occurred_at": when, "url": "https://shop.example/", **fields,
    }  # fmt: skip
    return Sent(user, value, at=when)


def login(anonymous: str, user: str, at: int | None = None) -> Sent:
    """``anonymous`` turns out to be ``user``."""
    when = at or now_ms()
    value = {
        "type": "login", "event_id": f"login-{anonymous}", "anonymous_id": anonymous,
        "user_id": user, "occurred_at": when,
    }  # fmt: skip
    return Sent(anonymous, value, at=when)


def user_in(partition: int, stem: str = "user") -> str:
    """A user id that belongs in ``partition``."""
    return next(
        u for n in range(1_000) if partition_of(u := f"{stem}-{n}", PARTITIONS) == partition
    )


async def idle_counts(settings: KafkaSettings) -> dict[str, list[int]]:
    """The counts told of each user, in order."""
    told: dict[str, list[int]] = {}
    for record in await read_to_end(settings, DECISIONS):
        decision = record.json()
        told.setdefault(decision["user_id"], []).append(decision["evidence"]["n"])
    return told


async def rows(settings: KafkaSettings) -> dict[tuple[int, str], bytes | None]:
    """The newest row by partition and key, reserved ones included."""
    newest: dict[tuple[int, str], bytes | None] = {}
    for record in await read_to_end(settings, PROFILES_CHANGELOG):
        newest[record.partition, record.key or ""] = record.value
    return newest


def doubled(records: Iterable[Read]) -> list[str]:
    """Decision ids that stand more than once."""
    counts = Counter(record.json()["decision_id"] for record in records)
    return [one for one, count in counts.items() if count > 1]
