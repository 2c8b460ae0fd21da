"""Whose a browser's records are, where several people logged in at it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord
from pydantic import TypeAdapter, ValidationError

from gateway.person.reading import Found, id_of, json_of, objects
from processors.rows import NewerProfileError, decode
from schemas.base import EpochMs
from schemas.topics import HANDOVERS, SHOP_EVENTS, Topic

_LOGINS = frozenset({"login", "sign_up"})
_TIME: TypeAdapter[int] = TypeAdapter(EpochMs)


@dataclass(frozen=True, slots=True, order=True)
class _Change:
    """From ``at`` (ms) on, what the browser does is ``user``'s; ``None``: the visitor's own."""

    at: int
    user: str | None


@dataclass(frozen=True, slots=True)
class Browsers:
    """Browsers that a user may have logged in at.

    ``own``: the user's records; ``theirs``: the browsers'; ``rows``: the newest of the changelog.
    """

    user: str
    own: Found
    theirs: Found
    rows: Mapping[str, bytes]

    def is_theirs(self, visitor: str) -> bool:
        """Whether the user is among those who logged in there, or nobody did."""
        users = {change.user for change in self._changes(visitor)} - {None}
        row = self.rows.get(visitor)
        if row is not None and (moved_to := _moved_to(row)) is not None:
            users.add(moved_to)
        return not users or self.user in users

    def records_of(self, visitor: str) -> Iterator[tuple[Topic, ConsumerRecord]]:
        """What the browser did but for what was another's."""
        changes = self._changes(visitor)
        for topic in self.theirs:
            for record in self._of(topic, visitor):
                if _owner_at(changes, _occurred_at(topic, record)) in (self.user, None):
                    yield topic, record

    def _changes(self, visitor: str) -> list[_Change]:
        """Who was logged in at the browser, as far as the topics remember; oldest first."""
        found = [
            _Change(_ms(event), str(event["user_id"]))
            for event in objects(self._of(SHOP_EVENTS, visitor))
            if event.get("type") in _LOGINS and event.get("user_id")
        ]
        moved = (value.get("event") for value in objects(self._of(HANDOVERS, visitor)))
        own = (
            value
            for value in objects(self.own[SHOP_EVENTS])
            if value.get("anonymous_id", visitor) == visitor
        )
        found += [
            _Change(_ms(event), None)
            for event in (*moved, *own)
            if isinstance(event, dict) and event.get("type") == "logout"
        ]
        return sorted(found, key=lambda change: (change.at, change.user is not None))

    def _of(self, topic: Topic, name: str) -> list[ConsumerRecord]:
        return [record for record in self.theirs[topic] if id_of(topic, record.key) == name]


def _owner_at(changes: list[_Change], at: int) -> str | None:
    """Who was logged in at ``at`` (ms), else who logged in next."""
    before = [change for change in changes if change.at <= at]
    if before and before[-1].user is not None:
        return before[-1].user
    return next((c.user for c in changes if c.at > at and c.user is not None), None)


def _moved_to(row: bytes) -> str | None:
    try:
        return decode(row).alias_to
    except NewerProfileError:
        return None


def _occurred_at(topic: Topic, record: ConsumerRecord) -> int:
    value = json_of(record.value) if topic is SHOP_EVENTS else None
    return _ms(value, int(record.timestamp)) if isinstance(value, dict) else int(record.timestamp)


def _ms(event: Mapping[str, Any], otherwise: int = 0) -> int:
    """When a wire event happened; ``otherwise`` where it cannot be read."""
    try:
        return _TIME.validate_python(event.get("occurred_at"))
    except ValidationError:
        return otherwise
