"""What one transaction writes: the core's effects and dead letters as records of their topics."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import BaseModel

from processors.effects import Effects
from processors.inputs import Source
from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.headers import HISTORICAL_HEADER, KEYLESS_HEADER, SOURCE_HEADER, TRUNCATED_HEADER
from schemas.partitioner import partition_of
from schemas.people import subscription_key
from schemas.topics import (
    ATTRIBUTIONS,
    DEAD_LETTER,
    DECISIONS,
    HANDOFFS,
    HANDOVERS,
    JOBS,
    LATE,
    PROFILES_CHANGELOG,
    SEGMENTS,
    SUBSCRIPTIONS,
    WITHDRAWALS,
    Topic,
)
from streams.decode import Rejected

KEEP_BYTES = 500_000
"""Of a dead letter's value."""
KEEP_KEY_BYTES = 4_096
"""A dead letter's key is kept whole or, where it is longer, left out: cut it would be another."""

Headers = list[tuple[str, bytes]]
_NO_HEADERS: Headers = []


Record = tuple[bytes | None, bytes | None, int | None, Headers]
"""Key, value, time in ms (``None``: that of writing), headers. Plain: there is one a row."""


@dataclass(slots=True)
class Outgoing:
    """Records by topic (its name on the cluster) and partition, in the order of writing."""

    settings: KafkaSettings
    partition: int
    partitions: int
    records: dict[tuple[str, int], list[Record]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.records)

    def put(
        self,
        topic: Topic,
        key: bytes | None,
        value: bytes | None,
        *,
        at: int | None = None,
        headers: Headers = _NO_HEADERS,
        partition: int | None = None,
    ) -> None:
        """Adds a record; to this partition's number where none is given."""
        number = self.partition if partition is None else partition
        place = (self.settings.topic(topic), number)
        self.records.setdefault(place, []).append((key, value, at, headers))

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
        for credit in effects.attributions:
            self._put_model(ATTRIBUTIONS, credit.user_id, credit)
        for handoff in effects.handoffs:
            self._put_model(HANDOFFS, handoff.user_id, handoff)
        for change in effects.segments:
            self._put_model(SEGMENTS, change.user_id, change)
        self._add_to_others(effects)

    def add_rows(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        written: list[Record] = [(key, row, None, _NO_HEADERS) for key, row in rows]
        if written:
            name = self.settings.topic(PROFILES_CHANGELOG)
            self.records.setdefault((name, self.partition), []).extend(written)

    def add_rejected(self, rejected: Rejected) -> None:
        """To the dead letters, with as much of the original as is kept."""
        headers = rejected.letter.headers()
        if rejected.historical:
            headers.append((HISTORICAL_HEADER, b"1"))
        value = rejected.value
        if value is not None and len(value) > KEEP_BYTES:
            headers.append((TRUNCATED_HEADER, str(len(value)).encode()))
            value = value[:KEEP_BYTES]
        key = rejected.key
        if key is not None and len(key) > KEEP_KEY_BYTES:
            headers.append((KEYLESS_HEADER, str(len(key)).encode()))
            key = None
        # A record may have neither key nor value; a producer needs one of them.
        if value is None and key is None:
            value = b""
        self.put(DEAD_LETTER, key, value, headers=headers)

    def _add_to_others(self, effects: Effects) -> None:
        for sent in effects.handovers:
            user = sent.handover.user_id
            self.put(
                HANDOVERS,
                user.encode(),
                dump(sent.handover),
                at=sent.place,
                partition=partition_of(user, self.partitions),
            )
        for moved in effects.subscriptions:
            key = subscription_key(moved.user_id, moved.subscription_id)
            value = None if moved.subscription is None else dump(moved.subscription)
            partition = partition_of(moved.user_id, self.partitions)
            self.put(SUBSCRIPTIONS, key.encode(), value, partition=partition)

    def _put_model(
        self, topic: Topic, user: str, model: BaseModel, headers: Headers = _NO_HEADERS
    ) -> None:
        self.put(topic, user.encode(), dump(model), headers=headers)


def _place(source: Source) -> bytes:
    return f"{source.topic}/{source.partition}/{source.offset}".encode()
