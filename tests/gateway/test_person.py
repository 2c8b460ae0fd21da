"""Whose a record is when a browser had several users, and what counts as forgotten."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from gateway.person.browsers import Browsers
from gateway.person.forgetting import has_a_life, is_stub
from processors.profile import Profile, new_profile
from processors.rows import encode
from processors.traces import Device
from schemas.topics import HANDOVERS, REGISTRY, SHOP_EVENTS, Topic
from tests.processors.shop import MINUTE, NOON

VISITOR = "a-1"


def record(topic: Topic, key: str, value: dict[str, Any], at: int) -> tuple[Topic, Any]:
    raw = orjson.dumps(value)
    return topic, SimpleNamespace(key=key.encode(), value=raw, timestamp=at, partition=0, offset=0)


def did(minute: int, kind: str, **who: str) -> tuple[Topic, Any]:
    """An event at so many minutes past noon, under the visitor's key unless it is a logout."""
    at = NOON + minute * MINUTE
    key = who["user_id"] if kind == "logout" else VISITOR
    value = {"type": kind, "event_id": f"{minute}", "occurred_at": at, **who}
    return record(SHOP_EVENTS, key, value, at)


def found(*records: tuple[Topic, Any]) -> Any:
    return {topic: [r for t, r in records if t is topic] for topic in REGISTRY}


def minutes_of_ann(own: Any, theirs: Any) -> list[int]:
    records = Browsers("ann", own, theirs, {}).records_of(VISITOR)
    return [int(orjson.loads(record.value)["event_id"]) for _, record in records]


def test_at_a_shared_browser_each_is_told_their_own() -> None:
    theirs = found(
        did(1, "view_item"),
        did(2, "login", user_id="ann", anonymous_id=VISITOR),
        did(3, "view_item"),
        did(6, "view_item"),
        did(7, "login", user_id="bob", anonymous_id=VISITOR),
        did(8, "view_item"),
    )
    own = found(did(5, "logout", user_id="ann", anonymous_id=VISITOR))
    assert minutes_of_ann(own, theirs) == [1, 2, 3]


def test_what_a_browser_did_after_the_logout_is_still_of_that_browser() -> None:
    theirs = found(did(2, "login", user_id="ann", anonymous_id=VISITOR), did(9, "view_item"))
    own = found(did(5, "logout", user_id="ann", anonymous_id=VISITOR))
    assert minutes_of_ann(own, theirs) == [2, 9]


def test_a_logout_that_another_took_is_heard_through_the_handover() -> None:
    logout = {"type": "logout", "user_id": "bob", "occurred_at": NOON + 4 * MINUTE}
    theirs = found(
        did(2, "login", user_id="bob", anonymous_id=VISITOR),
        record(HANDOVERS, VISITOR, {"type": "event", "event": logout, "event_id": "4"}, NOON),
        did(5, "view_item"),
        did(6, "login", user_id="ann", anonymous_id=VISITOR),
    )
    assert minutes_of_ann(found(), theirs) == [5, 6]


def test_a_browser_that_only_another_ever_logged_in_at_is_not_theirs() -> None:
    theirs = found(did(2, "login", user_id="bob", anonymous_id=VISITOR))
    assert not Browsers("ann", found(), theirs, {}).is_theirs(VISITOR)
    moved = encode(Profile(schema=100, alias_to="bob", alias_until=NOON))
    assert not Browsers("ann", found(), found(), {VISITOR: moved}).is_theirs(VISITOR)


def test_a_time_in_words_and_a_wrong_one_do_not_stop_an_export() -> None:
    theirs = found(
        record(SHOP_EVENTS, VISITOR, {"event_id": "1", "occurred_at": "2026-03-01T10:00:00Z"}, 1),
        record(SHOP_EVENTS, VISITOR, {"event_id": "2", "occurred_at": "yesterday"}, 2),
        record(SHOP_EVENTS, VISITOR, {"event_id": "3", "type": "login", "user_id": "ann"}, 3),
    )
    assert minutes_of_ann(found(), theirs) == [1, 2, 3]


@pytest.mark.parametrize(
    ("fields", "forgotten"),
    [
        ({"erased_at": NOON, "active_at": NOON}, True),
        ({"erased_at": NOON, "active_at": NOON, "recent": b"seen"}, True),
        ({"active_at": NOON}, False),
        ({"erased_at": NOON, "locale": "pl"}, False),
        ({"erased_at": NOON, "alias_to": "ann"}, False),
    ],
)
def test_only_a_stub_counts_as_forgotten(fields: dict[str, Any], forgotten: bool) -> None:
    profile = new_profile()
    for name, value in fields.items():
        setattr(profile, name, value)
    assert is_stub(encode(profile)) is forgotten


def test_a_browser_that_nobody_used_since_the_logout_is_not_asked_to_forget() -> None:
    device = Device("s-1", NOON, {}, None)
    bare = Profile(schema=100, active_at=NOON, recent=b"seen", finals=b"said", devices=[device])
    assert not has_a_life(encode(bare))
    assert not has_a_life(encode(Profile(schema=100, alias_to="ann", alias_until=NOON)))
    assert has_a_life(encode(Profile(schema=100, active_at=NOON, sessions=1)))
