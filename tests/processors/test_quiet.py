"""Sessions that end and users who stay away: noticed in time, once, and by nobody who is off."""

from dataclasses import replace
from typing import Any

import pytest

from processors.rows import decode
from processors.rule_book import RuleBook
from processors.rules import Rules
from processors.table import ProfileTable
from tests.processors.shop import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    Shop,
    event,
    first_rules,
    only,
    shipped_rules,
)

SHIPPED = shipped_rules()


def rules(*names: str) -> Rules:
    return only(SHIPPED, names)


def seen(at: int, user: str = "ann") -> Any:
    return event("page_view", at, user, url="https://shop.example/")


def restarted(shop: Shop, ruled: Rules) -> Shop:
    """A shop on the same rows, as a worker finds them."""
    table = ProfileTable()
    for _, key, row in shop.core.table.users():
        table.put(key, row)
    for key, row in shop.core.table.reserved.items():
        table.put(key, row)
    return Shop(ruled, table=table, catalogue=shop.catalogue)


def wakes(shop: Shop) -> int:
    """When somebody is to be looked at next."""
    return shop.core.next_due()


def test_nobody_is_woken_for_scenarios_that_are_off() -> None:
    shop = Shop(first_rules())
    shop.tell(seen(NOON))
    shop.tick(NOON)
    assert wakes(shop) == NOON + 400 * DAY


def test_only_a_session_whose_end_is_waited_for_wakes_its_user() -> None:
    shop = Shop(rules("first_visit"))
    shop.tell(seen(NOON))
    shop.tick(NOON)
    assert wakes(shop) == NOON + 30 * MINUTE
    shop.tick(NOON + HOUR)
    shop.tell(seen(NOON + 2 * HOUR))
    shop.tick(NOON + 2 * HOUR)
    assert shop.profile("ann").awaited == 0
    assert wakes(shop) > NOON + DAY


def test_an_active_users_profile_holds_nothing_of_it() -> None:
    shop = Shop(rules("winback", "drifting", "returning"))
    for hours in range(5):
        shop.tell(seen(NOON + hours * HOUR))
    row = shop.core.table.get(b"ann")
    assert row is not None
    assert not {b'"aw"', b'"lk"', b'"mo"', b'"ag"'} & {row[at : at + 4] for at in range(len(row))}


@pytest.mark.parametrize("after", [HOUR, 5 * DAY, 29 * DAY, 31 * DAY, 59 * DAY])
def test_a_restart_changes_nothing_of_what_is_noticed(after: int) -> None:
    ruled = rules("first_visit", "winback", "drifting")
    lived, cut = Shop(ruled), Shop(ruled)
    for shop in (lived, cut):
        for day in range(4):
            shop.tell(seen(NOON + 2 * day * DAY))
            shop.tick(NOON + 2 * day * DAY)
        shop.tick(NOON + 6 * DAY + after)
    again = restarted(cut, ruled)
    assert wakes(again) == wakes(cut)
    for shop in (lived, again):
        shop.tick(NOON + 80 * DAY)
    assert cut.said() + again.said() == lived.said()
    assert lived.said().count(("ann", "winback", "sent", "ok")) == 2
    assert lived.said().count(("ann", "drifting", "sent", "ok")) == 1


def test_however_the_clock_moves_a_silence_is_noticed_once_and_at_its_time() -> None:
    for step in (MINUTE * 7, HOUR * 11, DAY * 13):
        shop = Shop(rules("winback"))
        shop.tell(seen(NOON))
        for at in range(NOON, NOON + 40 * DAY, step):
            shop.tick(at)
        shop.tick(NOON + 40 * DAY)
        assert [(d.due_at, d.outcome.value) for d in shop.decisions] == [(NOON + 30 * DAY, "sent")]


def test_an_event_past_the_due_time_is_judged_after_it() -> None:
    shop = Shop(rules("winback"))
    shop.tell(seen(NOON))
    shop.tell(event("order_status", NOON + 31 * DAY, order_id="A-1", status="packed"))
    shop.tell(seen(NOON + 32 * DAY))
    shop.tick(NOON + 33 * DAY)
    said = [(d.due_at - NOON, d.outcome.value, d.reason.value) for d in shop.decisions]
    assert said == [(30 * DAY, "sent", "ok"), (60 * DAY, "dropped", "returned")]


def test_rules_that_look_sooner_find_those_who_are_quiet_already() -> None:
    shop = Shop(first_rules())
    for day in range(0, 40, 10):
        shop.tell(seen(NOON + day * DAY, f"user-{day}"))
    shop.tick(NOON + 35 * DAY)
    book: RuleBook = shop.core.desk.book
    book.add(replace(rules("winback"), version="later"), NOON + 36 * DAY)
    shop.tick(NOON + 36 * DAY)
    shop.tick(NOON + 55 * DAY)
    told = [(d.user_id, d.due_at) for d in shop.decisions]
    assert told == [("user-10", NOON + 40 * DAY), ("user-20", NOON + 50 * DAY)]


def test_who_has_no_browser_is_looked_at_and_nothing_is_decided() -> None:
    shop = Shop(rules("first_visit", "winback"), reachable=False)
    shop.tell(seen(NOON))
    shop.tick(NOON + 61 * DAY)
    assert shop.decisions == []
    row = shop.core.table.get(b"ann")
    assert row is not None
    assert decode(row).moments == []


def test_who_was_looked_at_is_looked_at_next_for_the_second_step() -> None:
    shop = Shop(rules("winback"))
    shop.tell(seen(NOON))
    shop.tick(NOON + 31 * DAY)
    profile = shop.profile("ann")
    assert profile.looked_at == NOON + 30 * DAY
    assert wakes(shop) == NOON + 60 * DAY
