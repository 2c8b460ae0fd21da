"""The clock: nobody active is called idle because we did not hear of them."""

from hypothesis import given
from hypothesis import strategies as st

from streams.clock import (
    FoldFrontier,
    InputClock,
    MarksBoard,
    PartitionClock,
    Patience,
    ProductsClock,
)

PATIENCE = Patience(grace_ms=5_000, disorder_ms=60_000, silence_ms=30_000, hold_ms=120_000)
MINUTE = 60_000
T0 = 1_800_000_000_000


def test_a_quiet_input_follows_the_answers_by_the_grace() -> None:
    clock = InputClock(PATIENCE, 0, T0)
    clock.answer(T0, 7)
    assert clock.look(done=7, newest=T0 - MINUTE) == T0 - 5_000
    clock.answer(T0 + 100, 7)
    assert clock.look(7, T0 - MINUTE) == T0 - 4_900


def test_what_was_fetched_but_not_committed_counts_for_nothing() -> None:
    clock = InputClock(PATIENCE, 0, T0)
    clock.answer(T0, 7)
    assert clock.look(done=6, newest=T0 - 1_000) == T0 - 1_000 - MINUTE
    assert clock.look(done=7, newest=T0 - 900) == T0 - 5_000


def test_under_load_the_clock_follows_the_answer_that_was_caught_up_with() -> None:
    clock = InputClock(PATIENCE, 0, T0)
    for step in range(10):
        clock.answer(T0 + 100 * step, 1_000 * step)
    assert clock.look(done=5_500, newest=T0 + 540) == T0 + 500 - 5_000


def test_a_backlog_moves_the_clock_by_its_records_less_the_disorder() -> None:
    clock = InputClock(PATIENCE, 0, T0)
    clock.answer(T0, 1_000_000)
    assert clock.look(done=10, newest=T0 - 90 * MINUTE) == T0 - 91 * MINUTE


def test_a_take_over_out_of_a_backlog_is_no_silence_where_the_broker_was_just_heard_of() -> None:
    before = PartitionClock(PATIENCE, ["events"], 0, T0)
    before.inputs["events"].answer(T0, 100)
    clock = before.look({"events": (50, T0 - 100)}, T0, (T0, None), T0)
    assert (clock, before.heard) == (T0 - 100 - MINUTE, T0)

    after = PartitionClock(PATIENCE, ["events"], clock, T0 + 8_000, before.heard)
    assert not after.held
    assert PartitionClock(PATIENCE, ["events"], clock, T0 + 31_000, before.heard).held


def test_who_takes_over_while_the_clock_is_held_holds_it_as_well() -> None:
    before = PartitionClock(PATIENCE, ["events"], T0, T0 + 25 * MINUTE, T0)
    before.inputs["events"].answer(T0 + 25 * MINUTE + 1_000, 7)
    assert (before.held, before.heard) == (True, T0)

    after = PartitionClock(PATIENCE, ["events"], T0, T0 + 25 * MINUTE + 8_000, before.heard)
    assert after.held


def test_a_broker_away_for_25_minutes_makes_nobody_idle() -> None:
    clock = InputClock(PATIENCE, 0, T0)
    clock.answer(T0, 5)
    before = clock.look(5, T0 - 1_000)
    back = T0 + 25 * MINUTE
    # Shoppers went on all the while; their events wait in the producers. The first answer after
    # the outage finds the log as it was, and the first events that come are the newest ones.
    for seconds in range(120):
        now = back + 1_000 * seconds
        clock.answer(now, 5 + seconds)
        assert clock.look(5 + seconds, now) == before
        assert clock.held
    clock.answer(back + 2 * MINUTE, 900)
    assert clock.look(900, back + 2 * MINUTE) == back + 2 * MINUTE - 5_000


def test_a_take_over_of_a_partition_nobody_read_for_long_holds_its_clock() -> None:
    stored = T0 - 10 * MINUTE
    clock = InputClock(PATIENCE, stored, T0)
    for seconds in range(120):
        clock.answer(T0 + 50 + 1_000 * seconds, 0)
        assert clock.look(0, 0) == stored
    clock.answer(T0 + 50 + 2 * MINUTE, 0)
    assert clock.look(0, 0) == T0 + 50 + 2 * MINUTE - 5_000


def test_a_take_over_within_seconds_and_the_very_first_start_hold_nothing() -> None:
    for stored in (T0 - 12_000, 0):
        clock = InputClock(PATIENCE, stored, T0)
        clock.answer(T0 + 50, 0)
        assert clock.look(0, 0) == T0 + 50 - 5_000


@given(
    st.lists(st.tuples(st.integers(0, 90_000), st.integers(0, 50), st.integers(0, 60)), max_size=60)
)
def test_the_clock_never_goes_back_and_never_passes_what_it_was_told(
    steps: list[tuple[int, int, int]],
) -> None:
    clock, now, end, done, last = InputClock(PATIENCE, 0, T0), T0, 0, 0, 0
    for wait, more, processed in steps:
        now, end = now + wait, end + more
        done = min(end, done + processed)
        clock.answer(now, end)
        seen = clock.look(done, 0)
        assert last <= seen <= max(now - PATIENCE.grace_ms, 0)
        last = seen


def test_a_partition_that_is_away_holds_the_others_so_long_and_no_longer() -> None:
    board = MarksBoard(3, hold_ms=120_000, now=T0)
    board.mark(0, T0 + 10, T0 + 100)
    board.mark(1, T0 + 20, T0 + 100)
    assert board.least(T0 + 120_000) == 0
    assert board.silent(T0 + 120_001) == [2]
    assert board.least(T0 + 120_001) == 0 or board.least(T0 + 120_001) == T0 + 10
    board.mark(2, T0 + 5, T0 + 120_002)
    assert board.least(T0 + 120_003) == T0 + 5


def test_an_older_mark_takes_nothing_back() -> None:
    board = MarksBoard(1, 120_000, T0)
    board.mark(0, 500, T0)
    board.mark(0, 400, T0 + 1)
    assert board.least(T0 + 1) == 500


def test_products_hold_the_clock_up_to_the_first_fact_not_yet_done() -> None:
    clock = ProductsClock(PATIENCE, 0, T0)
    assert clock.look(T0, None, T0) == T0 - 5_000
    assert clock.look(T0 + 1_000, T0 + 400, T0 + 1_000) == T0 + 399 - 5_000


def test_a_catalogue_that_stands_still_does_not_stop_the_clock_for_ever() -> None:
    clock = ProductsClock(PATIENCE, 0, T0)
    clock.look(T0, None, T0)
    assert clock.look(T0, None, T0 + 120_000) == T0 - 5_000
    assert clock.look(T0, None, T0 + 120_001) is None
    assert clock.look(T0 + 130_000, None, T0 + 130_100) == T0 + 125_000


def test_the_catalogue_is_known_up_to_the_look_whose_end_was_folded() -> None:
    frontier = FoldFrontier(2)
    frontier.look(0, T0, 5)
    frontier.look(1, T0, 0)
    assert frontier.value() == 0
    frontier.mark(0, T0 - 300, 4)
    assert frontier.value() == T0 - 300
    frontier.mark(0, T0 - 200, 5)
    assert frontier.value() == T0
    frontier.look(0, T0 + 100, 6)
    frontier.look(1, T0 + 100, 0)
    assert frontier.value() == T0


def test_a_partitions_clock_is_the_least_of_its_inputs() -> None:
    clock = PartitionClock(PATIENCE, ["events", "clicks"], 0, T0)
    for name in ("events", "clicks"):
        clock.inputs[name].answer(T0, 1)
    done = {"events": (1, 0), "clicks": (0, T0 - 1_000)}
    assert clock.look(done, T0, (T0, None), T0) == T0 - 1_000 - MINUTE
    done["clicks"] = (1, 0)
    assert clock.look(done, T0 - 1, (T0, None), T0) == T0 - 5_001
    assert clock.look(done, T0, (T0, None), T0) == T0 - 5_000
