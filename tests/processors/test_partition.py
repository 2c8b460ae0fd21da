"""One partition's core: outages, restarts, batches, forgetting."""

from dataclasses import replace
from typing import Any

import pytest

from processors.inputs import Input, Tick
from processors.partition_state import STATE_KEY
from processors.quiet import ANONYMOUS_EXPIRY_MS, KNOWN_EXPIRY_MS
from processors.table import NEVER, ProfileTable
from schemas.decisions import Outcome, Reason
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, cart, event, first_rules


def visit(at: int, user: str | None = "ann", **fields: Any) -> Any:
    return event("page_view", at, user, url="https://shop.example", **fields)


def purchase(at: int, user: str = "ann") -> Any:
    fields = {"order_id": f"{user}-1", "items": [], "value": 1, "currency": "PLN"}
    return event("purchase", at, user, **fields)


def restarted(shop: Shop) -> Shop:
    """A new core over the same rows, as after a crash."""
    rows = ProfileTable()
    for _, key, row in shop.core.table.users():
        rows.put(key, row)
    for key, row in shop.core.table.reserved.items():
        rows.put(key, row)
    return Shop(table=rows, catalogue=shop.catalogue)


def test_a_moment_found_after_an_outage_of_seven_hours_is_not_sent() -> None:
    shop = Shop()
    shop.tell(cart(NOON))
    shop.tick(NOON + 7 * HOUR, now=NOON + 7 * HOUR)
    assert shop.said() == [("ann", "cart_abandoned", "dropped", "expired")]
    assert shop.decisions[0].due_at == NOON + 20 * MINUTE


def test_a_moment_found_five_hours_late_is_still_worth_saying() -> None:
    shop = Shop()
    shop.tell(cart(NOON))
    shop.tick(NOON + 5 * HOUR, now=NOON + 5 * HOUR)
    assert shop.said() == [("ann", "cart_abandoned", "sent", "ok")]
    assert shop.decisions[0].decided_at == NOON + 20 * MINUTE


def test_lateness_is_counted_from_the_due_time_to_the_millisecond() -> None:
    due = NOON + 20 * MINUTE
    for over, outcome in ((0, Outcome.SENT), (1, Outcome.DROPPED)):
        shop = Shop()
        shop.tell(cart(NOON))
        shop.tick(due, now=due + 6 * HOUR + over)
        assert shop.decisions[0].outcome is outcome


def test_a_held_moment_is_not_late_by_the_night_it_was_held_for() -> None:
    shop, evening = Shop(), NOON + 10 * HOUR
    shop.tell(cart(evening))
    shop.tick(evening + HOUR, now=evening + HOUR)
    morning = NOON + 21 * HOUR
    shop.tick(morning, now=morning)
    assert [d.reason for d in shop.decisions] == [Reason.QUIET_HOURS, Reason.OK]


def test_a_replay_knows_no_wall_and_nothing_expires_by_it() -> None:
    shop = Shop()
    shop.tell(cart(NOON))
    shop.tick(NOON + 2 * HOUR)
    assert shop.said() == [("ann", "cart_abandoned", "sent", "ok")]


def test_the_clock_never_goes_back() -> None:
    shop = Shop()
    shop.tick(NOON)
    shop.tick(NOON - HOUR)
    assert shop.core.clock == NOON


@pytest.mark.parametrize("apart", [False, True])
def test_a_late_purchase_finds_what_came_due_however_the_batches_are_cut(apart: bool) -> None:
    """Ann's cart, an hour's pause, then a purchase of before the pause: one batch or three."""
    shop = Shop()
    inputs: list[Input] = [shop.record(cart(NOON)), Tick(NOON + HOUR),
              shop.record(purchase(NOON + 10 * MINUTE), NOON + HOUR)]  # fmt: skip
    if apart:
        for item in inputs:
            shop.step(item)
    else:
        shop.step(*inputs)
    assert [(d.outcome, d.step) for d in shop.decisions] == [
        (Outcome.SENT, 1), (Outcome.DROPPED, 2), (Outcome.WITHDRAW_REQUESTED, 1),
    ]  # fmt: skip


def test_a_tick_finds_what_was_opened_in_its_own_step() -> None:
    shop = Shop()
    shop.step(shop.record(cart(NOON)), tick=Tick(NOON + HOUR))
    assert shop.said() == [("ann", "cart_abandoned", "sent", "ok")]


def test_more_users_in_a_batch_than_are_kept_open_all_get_their_moment() -> None:
    shop = Shop()
    people = [f"u{number}" for number in range(300)]
    records = [shop.record(cart(NOON + n, user)) for n, user in enumerate(people)]
    shop.step(*records, tick=Tick(NOON + HOUR))
    assert [d.user_id for d in shop.decisions] == people


def test_everyone_is_judged_in_the_order_of_time() -> None:
    shop = Shop()
    shop.tell(cart(NOON + 5, "ann"), cart(NOON + 3, "bob"), cart(NOON + 4, "cid"))
    shop.tick(NOON + HOUR)
    assert [d.user_id for d in shop.decisions] == ["bob", "cid", "ann"]


def test_after_a_restart_everything_falls_due_as_before() -> None:
    shop = Shop()
    shop.tell(cart(NOON), cart(NOON, "bob"), visit(NOON + MINUTE, "bob"))
    shop.tick(NOON + MINUTE)
    again = restarted(shop)
    assert again.core.clock == NOON + MINUTE
    assert again.core.next_due() == NOON + 20 * MINUTE
    shop.tick(NOON + HOUR)
    again.tick(NOON + HOUR)
    assert again.decisions == shop.decisions


def test_after_a_restart_who_watched_a_product_is_still_told() -> None:
    shop = Shop()
    shop.step(shop.fact("stock_change", NOON - 1, quantity=0))
    shop.tell(event("stock_alert_requested", NOON, product_id="lamp"))
    shop.tick(NOON)
    fact = shop.fact("stock_change", NOON + HOUR, quantity=3)
    again = restarted(shop)
    again.step(fact)
    again.tick(NOON + HOUR)
    assert again.said() == [("ann", "back_in_stock", "sent", "ok")]


def test_a_step_writes_only_the_rows_that_changed() -> None:
    shop = Shop()
    shop.tell(cart(NOON), cart(NOON, "bob"))
    effects = shop.tell(visit(NOON + 1, "bob"))
    assert set(effects.writes) == {b"bob"}
    assert set(shop.tick(NOON + 2).writes) == {STATE_KEY}
    assert shop.tick(NOON + 2).writes == {}


def test_the_same_steps_give_the_same_bytes() -> None:
    def run() -> list[Any]:
        shop = Shop()
        shop.tell(cart(NOON), visit(NOON + MINUTE), cart(NOON, "bob"))
        shop.tick(NOON + HOUR)
        shop.tell(purchase(NOON + 2 * HOUR))
        return [(e.writes, e.jobs, e.decisions) for e in shop.effects]

    assert run() == run()


def test_an_anonymous_visitor_is_forgotten_after_ninety_days_and_a_user_after_four_hundred() -> (
    None
):
    shop = Shop()
    shop.tell(visit(NOON, None, anonymous_id="visitor-1"), visit(NOON, "ann"))
    shop.tick(NOON + ANONYMOUS_EXPIRY_MS - 1)
    assert b"visitor-1" in shop.core.table
    effects = shop.tick(NOON + ANONYMOUS_EXPIRY_MS)
    assert effects.writes[b"visitor-1"] is None
    assert b"visitor-1" not in shop.core.table
    assert b"ann" in shop.core.table
    shop.tick(NOON + KNOWN_EXPIRY_MS)
    assert b"ann" not in shop.core.table
    assert shop.core.next_due() == NEVER


def test_who_comes_back_before_that_is_not_forgotten() -> None:
    shop = Shop()
    shop.tell(visit(NOON, None, anonymous_id="visitor-1"))
    shop.tell(visit(NOON + 80 * DAY, None, anonymous_id="visitor-1"))
    shop.tick(NOON + ANONYMOUS_EXPIRY_MS)
    assert b"visitor-1" in shop.core.table


@pytest.mark.parametrize("write_after", [0, 1_000])
def test_who_comes_back_after_that_is_new_though_no_row_was_written_between(
    write_after: int,
) -> None:
    shop = Shop(write_after=write_after)
    first, gone, back = NOON, NOON + ANONYMOUS_EXPIRY_MS, NOON + 99 * DAY
    shop.step(
        shop.record(visit(first, None, anonymous_id="visitor-1")),
        Tick(gone),
        shop.record(visit(back, None, anonymous_id="visitor-1")),
        Tick(back),
    )
    shop.core.settle()
    assert shop.profile("visitor-1").sessions == 1
    assert shop.profile("visitor-1").first_at == back


def test_a_browser_that_subscribed_and_did_nothing_is_forgotten_too() -> None:
    shop = Shop(reachable=False)
    shop.subscribe("visitor-1", "phone", NOON)
    effects = shop.tick(NOON + ANONYMOUS_EXPIRY_MS)
    assert b"visitor-1" not in shop.core.table
    (moved,) = effects.subscriptions
    assert (moved.user_id, moved.subscription) == ("visitor-1", None), "it is nobody's any more"


def test_an_unsubscription_of_somebody_unknown_leaves_no_row() -> None:
    shop = Shop()
    shop.step(shop.user_record(1, "ghost/0123", None, NOON))
    assert len(shop.core.table) == 0
    assert set(shop.effects[0].writes) == {STATE_KEY}


def test_late_input_is_listed_with_its_place() -> None:
    shop = Shop()
    shop.tick(NOON + HOUR)
    effects = shop.step(shop.record(visit(NOON), NOON + HOUR))
    (late,) = effects.late
    assert (late.user_id, late.occurred_at, late.clock) == ("ann", NOON, NOON + HOUR)
    assert effects.late == shop.effects[-1].late


def test_a_decision_names_the_version_that_made_it_and_the_one_that_opened_the_moment() -> None:
    shop = Shop(replace(first_rules(), version="opens"))
    shop.tell(cart(NOON))
    shop.core.desk.book.add(replace(first_rules(), version="judges"), NOON + 10 * MINUTE)
    shop.tell(cart(NOON + 15 * MINUTE, "bob"))
    shop.tick(NOON + HOUR)
    ann, bob = shop.decisions
    assert (ann.scenario_version, ann.evidence["opened_by"]) == ("judges", "opens")
    assert bob.scenario_version == "judges"
    assert "opened_by" not in bob.evidence
