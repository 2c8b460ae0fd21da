"""Profiles at the mix, as many as wanted, in a changelog that a worker recovers from.

The core makes some thousands of them from the traffic of the benchmarks; the others are these
under other names of the same length.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from nudge.bench.core import CoreBench
from nudge.bench.mix import Mix
from runtime.settings import KafkaSettings
from schemas.partitioner import partition_of
from schemas.topics import PROFILES_CHANGELOG

MADE = 10_000
"""Users whose profiles the core makes."""
_EVENTS_A_USER = 20
"""As in the mix: a million events of 50,000 users."""
_NAME = re.compile(rb"(user|browser)-([0-9]{6})")
_BATCH_BYTES = 900_000

Say = Callable[[str], None]
Row = tuple[bytes, bytes]
"""A profile's key and its JSON."""


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in the changelog."""

    profiles: int
    json_bytes: int
    """Of all rows, keys not counted."""


def made_profiles(users: int = MADE) -> list[Row]:
    """Those of so many users of the mix, anonymous ones among them, as they are now."""
    mix = Mix(events=users * _EVENTS_A_USER, users=users)
    bench = CoreBench(mix, start=int(time.time() * 1000) - mix.duration_ms)
    bench.run()
    return [(key, row) for lane in bench.lanes for _, key, row in lane.table.users()]


def copies(made: list[Row], profiles: int, users: int = MADE) -> Iterator[Row]:
    """So many profiles: ``made``, and again under other names."""
    for number in range(profiles):
        round_, place = divmod(number, len(made))
        key, row = made[place]
        ahead = round_ * users

        def renamed(match: re.Match[bytes], ahead: int = ahead) -> bytes:
            return b"%b-%06d" % (match[1], int(match[2]) + ahead)

        yield _NAME.sub(renamed, key), _NAME.sub(renamed, row) if ahead else row


async def write_changelog(settings: KafkaSettings, partitions: int, rows: Iterator[Row]) -> Written:
    """The rows into ``nudge-profiles-changelog``, each to its user's partition."""
    topic = settings.topic(PROFILES_CHANGELOG)
    count = size = 0
    async with AIOKafkaProducer(
        **settings.client_options(), max_batch_size=_BATCH_BYTES
    ) as producer:
        batches = {number: producer.create_batch() for number in range(partitions)}
        sent: list[Awaitable[Any]] = []
        for key, row in rows:
            number = partition_of(key.decode(), partitions)
            if batches[number].append(key=key, value=row, timestamp=None) is None:
                sent.append(await producer.send_batch(batches[number], topic, partition=number))
                batches[number] = producer.create_batch()
                batches[number].append(key=key, value=row, timestamp=None)
            count, size = count + 1, size + len(row)
        for number, batch in batches.items():
            sent.append(await producer.send_batch(batch, topic, partition=number))
        for acknowledged in sent:
            await acknowledged
    return Written(count, size)
