"""What holds for every life of a shop, however it is told to the core."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors import bounds
from processors.profile import Profile
from processors.rows import decode, encode
from schemas.decisions import Outcome
from tests.laws.bench import Bench, lived
from tests.laws.conftest import EXAMPLES
from tests.laws.lives import DEEDS, VISITOR, lives, record
from tests.oracle.comparing import arrival
from tests.oracle.generator import Record, number_records
from tests.oracle.worlds import NOON

pytestmark = pytest.mark.timeout(60 + 5 * EXAMPLES)

GRACE = 3_000
CARTS = ("cart_abandoned", "checkout_abandoned")


@given(lives(disorder=True))
def test_the_same_life_told_twice_leaves_the_same_bytes(life: list[Record]) -> None:
    assert lived(life).bytes() == lived(life).bytes()


@given(lives(disorder=True), st.data())
def test_it_does_not_matter_how_a_life_is_cut_into_steps_and_when_the_clock_is_looked_at(
    life: list[Record], data: st.DataObject
) -> None:
    bench, batch = Bench(), []
    ordered = sorted(life, key=arrival)
    for each, following in pairwise([*ordered, None]):
        assert each is not None
        batch.append(each)
        if not data.draw(st.booleans(), label="cut"):
            continue
        ahead = each["at"] if following is None else following["at"]
        clock = data.draw(st.sampled_from((0, each["at"] - GRACE, ahead - GRACE)), label="clock")
        bench.step(batch, clock)
        batch = []
    bench.step(batch)
    assert bench.finish().verdicts() == lived(life).verdicts()


@given(lives(disorder=True), st.sets(st.integers(0, 40)))
def test_a_worker_may_be_replaced_after_any_step(life: list[Record], handed: set[int]) -> None:
    bench = Bench()
    for number, each in enumerate(sorted(life, key=arrival)):
        bench.step([each])
        if number in handed:
            bench.restart()
    steady = lived(life)
    assert bench.finish().bytes() == steady.bytes()


@given(lives(disorder=True))
def test_each_decision_is_final_once_and_each_moment_ends_with_a_reason(
    life: list[Record],
) -> None:
    bench = lived(life)
    finals = [made.decision_id for made in bench.decisions if made.final]
    assert len(finals) == len(set(finals))
    assert {made.decision_id for made in bench.decisions} == set(finals)
    assert all(not profile.moments for profile in bench.profiles().values())
    orders = [r["value"]["order_id"] for r in life if _type(r) == "purchase"]
    confirmed = [d.entity for d in bench.decisions if d.final and d.scenario == "order_confirmed"]
    assert sorted(confirmed, key=str) == sorted(orders)


@given(lives(disorder=True))
def test_nobody_is_reminded_of_a_cart_that_was_bought_in_time(life: list[Record]) -> None:
    bench = lived(number_records([*life, *_subscribed()], 1))
    for decision in bench.decisions:
        if decision.outcome is not Outcome.SENT or decision.scenario not in CARTS:
            continue
        opened = decision.evidence["opened_at"]
        for each in life:
            if _type(each) == "purchase" and each["key"] == decision.user_id:
                in_time = opened <= each["value"]["occurred_at"] <= decision.decided_at
                assert not (in_time and each["at"] <= decision.decided_at)


def _subscribed() -> list[Record]:
    people = ("ann", "bob", "cid")
    return [record(who, {"topic": "push.subscriptions"}, NOON - 1, 0, 0) for who in people]


def _type(each: Record) -> Any:
    return (each["value"] or {}).get("type")


@given(lives(disorder=True, most=60))
def test_whoever_is_visited_slice_by_slice_is_told_the_same(life: list[Record]) -> None:
    whole = lived(life, per_unit=1000)
    sliced = lived(life, per_unit=1000, slice_size=1)
    assert sliced.verdicts() == whole.verdicts()


@given(lives(disorder=True, most=60), st.data())
def test_a_walk_may_go_on_between_other_peoples_events(
    life: list[Record], data: st.DataObject
) -> None:
    bench = Bench(per_unit=1000, slice_size=1)
    for each in sorted(life, key=arrival):
        bench.step([each], rest=False)
        if data.draw(st.booleans(), label="rest"):
            bench.step([])
    assert bench.finish().verdicts() == lived(life, per_unit=1000).verdicts()


LIMITS = {
    "cart": bounds.MAX_CART, "viewed": bounds.MAX_VIEWED, "saved": bounds.MAX_SAVED,
    "asked": bounds.MAX_ASKED, "orders": bounds.MAX_ORDERS, "sent": bounds.MAX_SENT,
    "pending": bounds.MAX_PENDING, "devices": bounds.MAX_DEVICES, "moments": bounds.MAX_MOMENTS,
    "finals": 4 * bounds.MAX_FINALS, "recent": 4 * bounds.MAX_RECENT, "hours": bounds.MAX_HOURS,
    "days": bounds.MAX_DAYS, "traits": bounds.MAX_TRAITS, "categories": bounds.MAX_CATEGORIES,
    "aliases": bounds.MAX_ALIASES,
}  # fmt: skip
ROW_BYTES = 40_000
"""No profile grows past this, whatever its owner does."""


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(DEEDS)), min_size=1, max_size=400))
@settings(max_examples=EXAMPLES // 4)
def test_a_profile_stays_within_its_bounds_and_reads_back_as_it_was_written(
    deeds: list[tuple[int, dict[str, Any]]],
) -> None:
    bench = Bench()
    for number, (which, what) in enumerate(deeds):
        at = NOON + number * 50
        varied = {**what, "product_id": f"p{which}"} if "product_id" in what else what
        if "order_id" in what:
            varied = {**varied, "order_id": f"o{which}"}
        bench.step([record("ann", varied, at, at, number)])
        _within_bounds(bench.profiles()["ann"])
    for _, _, row in bench.table.users():
        assert len(row) <= ROW_BYTES
        assert encode(decode(row)) == row


def _within_bounds(profile: Profile) -> None:
    for name, most in LIMITS.items():
        assert len(getattr(profile, name)) <= most, name


@given(lives(people=("ann", VISITOR), most=25), st.data())
def test_two_profiles_that_become_one_stay_within_the_bounds(
    life: list[Record], data: st.DataObject
) -> None:
    times = data.draw(st.integers(0, len(life) - 1), label="login after")
    login = record(VISITOR, {"type": "login", "user_id": "ann"}, life[times]["at"], 0, 900)
    login["value"]["occurred_at"] = login["at"]
    bench = lived(number_records([*life[: times + 1], login, *life[times + 1 :]], 1))
    for profile in bench.profiles().values():
        _within_bounds(profile)
