"""What one transaction writes: the core's effects and dead letters as records of their topics."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import BaseModel

from processors.effects import Effects
from processors.inputs import Source
from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.partitioner import partition_of
from schemas.people import subscription_key
from schemas.topics import (
    DEAD_LETTER,
    DECISIONS,
    HANDOVERS,
    JOBS,
    LATE,
    PROFILES_CHANGELOG,
    SUBSCRIPTIONS,
    WITHDRAWALS,
    Topic,
)
from streams.decode import Rejected

SOURCE_HEADER = "nudge-source"
"""On a decision: ``topic/partition/offset`` of the input that led to it."""
TRUNCATED_HEADER = "nudge-truncated"
"""On a dead letter whose value was too large to keep: its size in bytes."""
KEEP_BYTES = 500_000
"""Of a dead letter's value."""

Headers = list[tuple[str, bytes]]
_NO_HEADERS: Headers = []


class Record(NamedTuple):
    """``at``: the record's time in ms, ``None`` for the time of writing."""

    key: bytes | None
    value: bytes | None
    at: int | None = None
    headers: Headers = _NO_HEADERS


@dataclass(slots=True)
class Outgoing:
    """Records by topic (its name on the cluster) and partition, in the order of writing."""

    settings: KafkaSettings
    partition: int
    partitions: int
    records: dict[tuple[str, int], list[Record]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.records)

    def put(self, topic: Topic, record: Record, partition: int | None = None) -> None:
        number = self.partition if partition is None else partition
        self.records.setdefault((self.settings.topic(topic), number), []).append(record)

    def add_effects(self, effects: Effects) -> None:
        """The rows of the changelog and everything that the core says to others."""
        self.add_rows(effects.writes.items())
        for job in effects.jobs:
            self._put_model(JOBS, job.user_id, job)
        for withdrawal in effects.withdrawals:
            self._put_model(WITHDRAWALS, withdrawal.user_id, withdrawal)
        for made in effects.decisions:
            source = made.source
            headers = [(SOURCE_HEADER, _place(source))] if source else _NO_HEADERS
            self._put_model(DECISIONS, made.decision.user_id, made.decision, headers)
        for late in effects.late:
            self._put_model(LATE, late.user_id, late)
        self._add_to_others(effects)

    def add_rows(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        written = [Record(key, row) for key, row in rows]
        if written:
            name = self.settings.topic(PROFILES_CHANGELOG)
            self.records.setdefault((name, self.partition), []).extend(written)

    def add_rejected(self, rejected: Rejected) -> None:
        """To the dead letters, with as much of the original value as is kept."""
        headers = rejected.letter.headers()
        value = rejected.value
        if value is not None and len(value) > KEEP_BYTES:
            headers.append((TRUNCATED_HEADER, str(len(value)).encode()))
            value = value[:KEEP_BYTES]
        # A record may have neither key nor value; a producer needs one of them.
        self.put(DEAD_LETTER, Record(rejected.key, value if rejected.key else value or b"", None,
                                     headers))  # fmt: skip

    def _add_to_others(self, effects: Effects) -> None:
        for sent in effects.handovers:
            user = sent.handover.user_id
            self.put(
                HANDOVERS,
                Record(user.encode(), dump(sent.handover), sent.recorded_at),
                partition_of(user, self.partitions),
            )
        for moved in effects.subscriptions:
            key = subscription_key(moved.user_id, moved.subscription_id)
            value = None if moved.subscription is None else dump(moved.subscription)
            self.put(
                SUBSCRIPTIONS,
                Record(key.encode(), value),
                partition_of(moved.user_id, self.partitions),
            )

    def _put_model(
        self, topic: Topic, user: str, model: BaseModel, headers: Headers = _NO_HEADERS
    ) -> None:
        self.put(topic, Record(user.encode(), dump(model), None, headers))


def _place(source: Source) -> bytes:
    return f"{source.topic}/{source.partition}/{source.offset}".encode()
