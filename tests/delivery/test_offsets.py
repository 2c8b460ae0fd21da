"""Jobs end in any order; what is committed is done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.offsets import OffsetTracker


def test_the_oldest_open_job_holds_the_commit_back() -> None:
    tracker = OffsetTracker(10)
    for offset in (10, 11, 14):
        tracker.take(offset)
    tracker.done(11)
    tracker.done(14)
    assert tracker.committable == 10
    tracker.done(10)
    assert tracker.committable == 15


def test_markers_at_the_end_are_passed_over() -> None:
    tracker = OffsetTracker(10)
    tracker.take(10)
    tracker.pass_over(12)
    assert tracker.taken == 12
    assert tracker.committable == 10
    tracker.done(10)
    assert tracker.committable == 12


def test_a_record_taken_twice_is_an_error() -> None:
    tracker = OffsetTracker(10)
    tracker.take(10)
    with pytest.raises(ValueError, match="taken before"):
        tracker.take(10)


@given(st.lists(st.integers(0, 200), unique=True, min_size=1), st.randoms())
def test_nothing_open_is_ever_below_the_commit(offsets: list[int], shuffled: object) -> None:
    offsets.sort()
    tracker = OffsetTracker(offsets[0])
    for offset in offsets:
        tracker.take(offset)
    open_offsets = set(offsets)
    order = list(offsets)
    shuffled.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis gives a Random
    for offset in order:
        tracker.done(offset)
        open_offsets.discard(offset)
        assert tracker.committable == min(open_offsets, default=offsets[-1] + 1)
