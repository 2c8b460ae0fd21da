"""Records of topics, told to a listener in the order in which a worker merges them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Protocol

from nudge.reading import topic_behind
from nudge.replay.several import Listener
from nudge.replay.tapped import TappedEvent
from nudge.terminal import note, plain
from processors.inputs import EVENT_RANK, FACT_RANK, INTERACTION_RANK, SUBSCRIPTION_RANK
from schemas.adapters import InvalidRecordError, check_catalog_key
from schemas.base import EPOCH_MS_LIMIT
from schemas.decisions import DeadLetterReason
from schemas.people import Subscription, split_subscription_key
from schemas.structs import key_of, read_catalog_event
from schemas.topics import INTERACTIONS, SHOP_CATALOG, SHOP_EVENTS, SUBSCRIPTIONS, Topic
from streams.decode import (
    is_historical,
    read_event,
    read_interaction,
    read_subscription,
    record_key,
)

RANKS: dict[Topic, int] = {
    SHOP_CATALOG: FACT_RANK,
    SUBSCRIPTIONS: SUBSCRIPTION_RANK,
    SHOP_EVENTS: EVENT_RANK,
    INTERACTIONS: INTERACTION_RANK,
}
"""The topics that a replay is told, and their order within one millisecond."""

LATEST_MS = EPOCH_MS_LIMIT - 10 * 365 * 86_400_000
"""The latest time (ms) of a record: what it opens comes due years later, and is a time too."""


@lru_cache(maxsize=256)
def rank_behind(name: str) -> int | None:
    """The rank of a topic (by its name on the cluster); ``None``: no replay is told of it."""
    topic = topic_behind(name)
    return None if topic is None else RANKS.get(topic)


_BAD_SHOWN = 10


class Record(Protocol):
    """What is looked at of a record, be it Kafka's own or a line that tells of one."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def headers(self) -> Iterable[tuple[str, Any]]: ...
    @property
    def value(self) -> bytes | None: ...


@dataclass(slots=True)
class BadLine:
    """A line that could not be read: its place, and what is wrong with it."""

    source: str
    line: int
    message: str


@dataclass(slots=True)
class Read:
    """How much was read, and what could not be.

    ``passed_over``: how many records were of topics that no replay reads.
    """

    records: int = 0
    passed_over: int = 0
    oldest: int = 0
    """The time (ms) of the first record, what is older than the stretch aside; 0 for none."""
    bad: list[BadLine] = field(default_factory=list)

    def could_not(self, source: str, line: int, error: InvalidRecordError) -> None:
        """Notes what could not be read, and where."""
        self.bad.append(BadLine(source, line, f"{error.reason}: {error}"))


def tell_bad(read: Read) -> None:
    """Names what could not be read on standard error: the first lines, and how many more."""
    for bad in read.bad[:_BAD_SHOWN]:
        note(plain(f"{bad.source}:{bad.line}: {bad.message}"))
    if len(read.bad) > _BAD_SHOWN:
        note(f"… and {len(read.bad) - _BAD_SHOWN} more that cannot be read")


def check_time(name: str, at: int) -> None:
    """Holds a time (ms) against what a replay can be told.

    Raises:
        InvalidRecordError: it is no time, or so late that what follows from it were none.
    """
    if at < 0:
        raise InvalidRecordError(DeadLetterReason.INVALID, f"{name}: {at} is no time")
    if at > LATEST_MS:
        raise InvalidRecordError(
            DeadLetterReason.INVALID,
            f"{name}: so far off that what follows could come after the year 9999, where times end",
        )


class Together:
    """Keeps the records of one millisecond until all are there: then their order is known."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._at = -1
        self.held: list[tuple[int, int, int, Callable[[], None]]] = []
        """Rank, partition and offset of each, and what tells it."""

    def add(self, rank: int, record: Record) -> None:
        """One more record, of a topic of that rank; those of another time are told first.

        Raises:
            InvalidRecordError: it cannot be read, or a worker would not take it.
        """
        if record.timestamp != self._at:
            self.tell()
            self._at = record.timestamp
        said = _telling(self._listener, rank, record)
        self.held.append((rank, record.partition, record.offset, said))

    def add_event(self, record: TappedEvent) -> bool:
        """The same of an event; ``False`` where there is more to it than to most."""
        at, event = record.timestamp, record.value
        if (
            record.headers
            or not 0 <= at <= LATEST_MS
            or rank_behind(record.topic) != EVENT_RANK
            or key_of(event) != record.key
        ):
            return False
        if at != self._at:
            self.tell()
            self._at = at
        said = partial(self._listener.shop_event, event, at)
        self.held.append((EVENT_RANK, record.partition, record.offset, said))
        return True

    def tell(self) -> None:
        """Tells what is held, in the order of a worker's merge."""
        held = self.held
        if len(held) > 1:
            held.sort(key=_PLACE)
        for _, _, _, say in held:
            say()
        held.clear()


_PLACE = itemgetter(0, 1, 2)


def tell_as_it_stood(listener: Listener, record: Record, at: int) -> None:
    """A subscription from before the stretch, as of its beginning (ms).

    Whether it came by a login makes no difference any more: no replay is told of that login.

    Raises:
        InvalidRecordError: it cannot be read.
    """
    user, number, subscription = _subscription(record.value, record_key(record))
    if subscription is not None:
        subscription = subscription.model_copy(update={"handed_over": False})
    listener.subscription(user, number, subscription, at)


def _telling(listener: Listener, rank: int, record: Record) -> Callable[[], None]:
    at = record.timestamp
    check_time("timestamp", at)
    key = record_key(record)
    if rank == EVENT_RANK:
        event, _ = read_event(record.value, key)
        if (headers := record.headers) and is_historical(headers):
            return partial(listener.shop_event, event, at, historical=True)
        return partial(listener.shop_event, event, at)
    if rank == FACT_RANK:
        news = read_catalog_event(record.value)
        check_catalog_key(news, key)
        return partial(listener.catalog_event, news, at)
    if rank == INTERACTION_RANK:
        interaction, _ = read_interaction(record.value, key)
        return partial(listener.interaction, interaction, at)
    return partial(listener.subscription, *_subscription(record.value, key), at)


def _subscription(value: bytes | None, key: str) -> tuple[str, str, Subscription | None]:
    """Whose it is, its id, and what it says; ``None``: it has ended."""
    subscription, user = read_subscription(value, key)
    return user, split_subscription_key(key)[1], subscription
