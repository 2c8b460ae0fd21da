"""Bytes of a user-keyed input to what the core is told, or to a dead letter."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from processors.inputs import Source, UserRecord, UserValue
from schemas.adapters import (
    HANDOVER,
    InvalidRecordError,
    adapter_of,
    parse,
)
from schemas.decisions import DeadLetter, DeadLetterReason
from schemas.headers import HISTORICAL_HEADER
from schemas.partitioner import partition_of
from schemas.people import Interaction, Subscription, split_subscription_key
from schemas.push import PushResult
from schemas.structs import Envelope, ShopEvent, key_of, moved_to, read_shop_event
from schemas.topics import (
    HANDOVERS,
    INTERACTIONS,
    MAX_FUTURE_MS,
    RESULTS,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
)
from streams.unreadable import Broken


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record on its way to ``push.dead-letter``, as it came."""

    letter: DeadLetter
    key: bytes | None
    value: bytes | None
    historical: bool = False
    """It came as history, and is history when it is replayed."""


class Decoder:
    """Reads the records of one partition.

    Args:
        partition, partitions: where they stand, of how many.
        known: whether the partition holds a profile under a key; whoever is known was put here.
        max_bytes: of a record's value; a larger one is not parsed.
    """

    def __init__(
        self,
        partition: int,
        partitions: int,
        known: Callable[[bytes], bool],
        max_bytes: int,
    ) -> None:
        self._partition = partition
        self._partitions = partitions
        self._known = known
        self._max_bytes = max_bytes
        self.clamped = 0
        """Records whose own time lay too far ahead."""

    def decode(
        self, topic: str, rank: int, record: Any, recorded_at: int, arrived_at: int
    ) -> UserRecord | Rejected:
        """A record of ``topic`` (the registry's name), or why it cannot be used."""
        # The busiest lines there are: structs are made by place, and what nearly every record
        # passes is looked at here, its story told elsewhere.
        try:
            raw, body = record.key, record.value
            key = raw.decode() if raw and raw.isascii() else record_key(record)
            if body is not None and len(body) > self._max_bytes:
                check_size(record, self._max_bytes)
            value, user = _PARSERS[topic](body, key)
            if not self._known(raw if user is key else user.encode()):
                check_partition(user, self._partition, self._partitions)
        except InvalidRecordError as error:
            return rejected(topic, self._partition, record, error)
        bound = recorded_at + MAX_FUTURE_MS
        if value is not None and getattr(value, "occurred_at", bound) > bound:
            value = self._clamped(value, bound)
        headers = record.headers
        return UserRecord(
            rank, key, value, recorded_at, arrived_at,
            Source(topic, self._partition, record.offset),
            is_historical(headers) if headers else False,
        )  # fmt: skip

    def _clamped(self, value: UserValue, bound: int) -> UserValue:
        self.clamped += 1
        if isinstance(value, Envelope):
            return moved_to(value, bound)
        return value.model_copy(update={"occurred_at": bound})


def rejected(topic: str, partition: int, record: Any, error: InvalidRecordError) -> Rejected:
    """The dead letter of a record that was read and cannot be used."""
    letter = DeadLetter(
        reason=error.reason,
        error=str(error),
        topic=topic,
        partition=partition,
        offset=record.offset,
        timestamp=max(record.timestamp, -1),
    )
    return Rejected(letter, record.key, record.value, is_historical(record.headers))


def is_historical(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether a record with these headers builds state only."""
    return any(name == HISTORICAL_HEADER for name, _ in headers)


def rejected_batch(topic: str, partition: int, broken: Broken) -> Rejected:
    """The dead letter of offsets whose records cannot be read; its value is their batch."""
    letter = DeadLetter(
        reason=broken.reason,
        error=f"offsets {broken.first} to {broken.after - 1}: {broken.error}",
        topic=topic,
        partition=partition,
        offset=broken.first,
        timestamp=-1,
    )
    return Rejected(letter, None, broken.header)


def record_key(record: Any) -> str:
    """A record's key as text.

    Raises:
        InvalidRecordError: it has none, or one that is not UTF-8.
    """
    key: bytes | None = record.key
    if not key:
        raise InvalidRecordError(DeadLetterReason.NO_KEY, "the record has no key")
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise InvalidRecordError(
            DeadLetterReason.WRONG_KEY, f"the key is not UTF-8: {error.reason}"
        ) from None


def check_size(record: Any, limit: int) -> None:
    """
    Raises:
        InvalidRecordError: the value is larger than ``limit`` bytes.
    """
    value: bytes | None = record.value
    if value is not None and len(value) > limit:
        raise InvalidRecordError(
            DeadLetterReason.TOO_LARGE, f"{len(value)} bytes, at most {limit} are read"
        )


def check_partition(key: str, partition: int, partitions: int) -> None:
    """
    Raises:
        InvalidRecordError: ``key`` belongs in another partition.
    """
    expected = partition_of(key, partitions)
    if expected != partition:
        raise InvalidRecordError(
            DeadLetterReason.WRONG_PARTITION,
            f"{key!r} belongs in partition {expected} of {partitions} (murmur2);"
            " librdkafka needs partitioner=murmur2_random",
        )


def read_event(value: bytes | None, key: str) -> tuple[ShopEvent, str]:
    """An event of ``shop.events`` and whose it is.

    Raises:
        InvalidRecordError: it cannot be read, or belongs under another key.
    """
    event = read_shop_event(value)
    if event.anonymous_id is not None or key != event.user_id:
        _check_user(key_of(event) or "", key)
    return event, key


_INTERACTION = adapter_of(Interaction)
_RESULT = adapter_of(PushResult)
_SUBSCRIPTION = adapter_of(Subscription)


def read_interaction(value: bytes | None, key: str) -> tuple[Interaction, str]:
    """The same of ``push.interactions``."""
    interaction = parse(_INTERACTION, value)
    _check_user(interaction.user_id, key)
    return interaction, key


def _result(value: bytes | None, key: str) -> tuple[UserValue, str]:
    result = parse(_RESULT, value)
    _check_user(result.user_id, key)
    return result, key


def _handover(value: bytes | None, key: str) -> tuple[UserValue, str]:
    handover = parse(HANDOVER, value)
    _check_user(handover.user_id, key)
    return handover, key


def read_subscription(value: bytes | None, key: str) -> tuple[Subscription | None, str]:
    """The same of ``push.subscriptions``; without a value it has ended."""
    try:
        user, number = split_subscription_key(key)
    except ValueError as error:
        raise InvalidRecordError(DeadLetterReason.WRONG_KEY, str(error)) from None
    if value is None:
        return None, user
    subscription = parse(_SUBSCRIPTION, value)
    if (subscription.user_id, subscription.subscription_id) != (user, number):
        raise InvalidRecordError(
            DeadLetterReason.WRONG_KEY,
            f"the key is {key!r}, the subscription belongs under"
            f" {subscription.user_id}/{subscription.subscription_id}",
        )
    return subscription, user


def _check_user(user: str, key: str) -> None:
    if user != key:
        raise InvalidRecordError(
            DeadLetterReason.WRONG_KEY, f"the key is {key!r}, the record belongs under {user!r}"
        )


_PARSERS: dict[str, Callable[[bytes | None, str], tuple[UserValue | None, str]]] = {
    SHOP_EVENTS.name: read_event,
    INTERACTIONS.name: read_interaction,
    RESULTS.name: _result,
    HANDOVERS.name: _handover,
    SUBSCRIPTIONS.name: read_subscription,
}
