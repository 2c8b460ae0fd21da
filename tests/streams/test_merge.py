"""Inputs merged by time: nobody's purchase is overtaken by the silence of another topic."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.inbox import Fetched, Inbox, InputGapError, Taken
from streams.merge import Fact, FactQueue, Merge

WAIT = 30_000


@dataclass(frozen=True)
class Rec:
    offset: int
    timestamp: int


def fetched(records: Sequence[Rec], at: int, before: int, after: int | None = None) -> Fetched:
    end = after if after is not None else (records[-1].offset + 1 if records else before)
    return Fetched(records, before, end, at)


def inbox(name: str, rank: int = 1, position: int = 0) -> Inbox:
    return Inbox(name, rank, 0, position)


def facts(frontier: int) -> FactQueue:
    queue = FactQueue()
    queue.frontier = frontier
    return queue


def offsets(taken: Sequence[Taken]) -> list[tuple[str, int]]:
    return [("fact" if one[4] is None else one[4].name, one[3]) for one in taken]


def test_events_wait_for_an_input_that_is_behind() -> None:
    events, clicks = inbox("events", 1), inbox("clicks", 2)
    events.add(fetched([Rec(0, 1_000), Rec(1, 3_000)], at=9_000, before=0))
    events.answer(9_000, 2)
    clicks.add(fetched([Rec(0, 500), Rec(1, 2_000)], at=9_000, before=0))
    clicks.answer(9_000, 7)
    merge = Merge((events, clicks), facts(9_000), WAIT)

    assert offsets(merge.take(9_000, 100)) == [("clicks", 0), ("events", 0), ("clicks", 1)]
    assert merge.take(9_001, 100) == []

    clicks.add(fetched([Rec(2, 4_000)], at=9_100, before=2))
    assert offsets(merge.take(9_100, 100)) == [("events", 1), ("clicks", 2)]


def test_an_idle_input_that_was_asked_holds_nobody_up() -> None:
    events, clicks = inbox("events"), inbox("clicks", 2)
    events.add(fetched([Rec(0, 1_000)], at=1_100, before=0))
    events.answer(1_100, 1)
    clicks.answer(1_050, 0)
    merge = Merge((events, clicks), facts(1_050), WAIT)
    assert offsets(merge.take(1_100, 100)) == [("events", 0)]


def test_an_input_that_shows_nothing_is_waited_for_so_long_and_no_longer() -> None:
    events, clicks = inbox("events"), inbox("clicks", 2)
    events.add(fetched([Rec(0, 1_000)], at=1_100, before=0))
    events.answer(1_100, 1)
    products = facts(10**12)
    merge = Merge((events, clicks), products, WAIT)
    assert merge.take(2_000, 100) == []
    products.frontier += 1
    assert merge.take(2_000 + WAIT, 100) == []
    assert not merge.overruns
    assert merge.waits == {"clicks": 2}
    assert offsets(merge.take(2_001 + WAIT, 100)) == [("events", 0)]
    assert merge.overruns == {"clicks": 1}


def test_an_input_that_came_back_is_waited_for_again() -> None:
    events, clicks = inbox("events"), inbox("clicks", 2)
    merge = Merge((events, clicks), facts(10**12), WAIT)
    events.answer(1_000, 0)
    merge.take(1_000, 100)
    clicks.answer(1_000 + 2 * WAIT, 0)
    events.answer(1_000 + 2 * WAIT, 0)
    merge.take(1_000 + 2 * WAIT, 100)
    events.add(fetched([Rec(0, 90_000)], at=90_000, before=0))
    events.answer(90_000, 1)
    assert merge.take(90_000, 100) == []


def test_product_facts_come_before_what_was_recorded_in_the_same_millisecond() -> None:
    events = inbox("events")
    events.add(fetched([Rec(0, 1_000), Rec(1, 1_001)], at=2_000, before=0))
    events.answer(2_000, 2)
    queue = facts(1_500)
    queue.add(Fact(1_001, 2, 8, "p-2"))
    queue.add(Fact(1_001, 1, 9, "p-1"))
    queue.add(Fact(1_501, 1, 10, "p-1"))
    merge = Merge((events,), queue, WAIT)
    assert offsets(merge.take(2_000, 100)) == [
        ("events", 0), ("fact", 9), ("fact", 8), ("events", 1),
    ]  # fmt: skip
    assert queue.first_at() == 1_501


def test_a_record_from_the_past_keeps_its_place_among_its_own() -> None:
    events = inbox("events")
    events.add(fetched([Rec(0, 5_000), Rec(1, 1_000)], at=6_000, before=0))
    events.answer(6_000, 2)
    taken = Merge((events,), facts(6_000), WAIT).take(6_000, 100)
    assert [(one[0], one[6]) for one in taken] == [
        (5_000, 5_000), (5_000, 1_000),
    ]  # fmt: skip


def test_a_record_dated_ahead_counts_when_it_was_fetched() -> None:
    events = inbox("events")
    events.add(fetched([Rec(0, 90_000_000), Rec(1, -1)], at=6_000, before=0))
    events.answer(6_000, 2)
    taken = Merge((events,), facts(6_000), WAIT).take(6_000, 100)
    assert [one[6] for one in taken] == [6_000, 6_000]


def test_what_was_seen_before_a_seek_is_cut_and_a_gap_is_an_error() -> None:
    events = inbox("events", position=10)
    events.add(fetched([Rec(8, 1), Rec(9, 2), Rec(11, 3)], at=9, before=8))
    assert len(events) == 1
    assert events.position == 12
    events.add(fetched([Rec(3, 1)], at=9, before=3))
    assert len(events) == 1
    with pytest.raises(InputGapError, match="offsets 12 to 12 were never read"):
        events.add(fetched([Rec(13, 4)], at=9, before=13))


def test_markers_count_as_done_only_when_what_stood_before_them_is() -> None:
    events = inbox("events")
    events.answer(5_000, 3)
    events.add(fetched([Rec(0, 1_000)], at=5_000, before=0))
    events.add(fetched([], at=5_000, before=1, after=3))
    assert events.done == 0
    assert events.caught_up
    Merge((events,), facts(5_000), WAIT).take(5_000, 100)
    assert events.done == 3
    events.add(fetched([], at=5_000, before=3, after=4))
    assert events.done == 4


in_order = st.lists(st.integers(0, 200), max_size=12).map(sorted)
as_it_comes = st.lists(st.integers(0, 200), max_size=12)
histories = st.lists(st.one_of(in_order, as_it_comes), min_size=3, max_size=3)
"""Record times of three inputs."""


def feed(boxes: Sequence[Inbox], times: Sequence[Sequence[int]], cuts: Sequence[int]) -> None:
    for box, own, cut in zip(boxes, times, cuts, strict=True):
        middle = min(cut, len(own))
        for begin, end in ((0, middle), (middle, len(own))):
            records = [Rec(n, own[n]) for n in range(begin, end)]
            box.add(fetched(records, at=10_000, before=begin, after=end))
        box.answer(10_000, len(own))


@given(histories, st.integers(1, 9), st.lists(st.integers(0, 12), min_size=3, max_size=3))
def test_however_it_is_cut_the_order_is_one(
    times: list[list[int]], limit: int, cuts: list[int]
) -> None:
    def run(limit: int, cuts: Sequence[int]) -> list[tuple[str, int]]:
        boxes = [inbox(name, rank) for rank, name in enumerate("abc", start=1)]
        feed(boxes, times, cuts)
        merge = Merge(boxes, facts(10_000), WAIT)
        order: list[tuple[str, int]] = []
        while taken := merge.take(10_000, limit):
            assert len(taken) <= limit
            order += offsets(taken)
            for box in boxes:
                assert box.done == sum(1 for name, _ in order if name == box.name)
        return order

    whole = run(1_000, [12, 12, 12])
    assert run(limit, cuts) == whole
    for name, own in zip("abc", times, strict=True):
        assert [offset for n, offset in whole if n == name] == list(range(len(own)))


@given(histories, st.lists(st.integers(0, 12), min_size=3, max_size=3))
def test_nothing_is_taken_that_something_still_to_come_belongs_before(
    times: list[list[int]], shown: list[int]
) -> None:
    times = [sorted(own) for own in times]
    boxes = [inbox(name, rank) for rank, name in enumerate("abc", start=1)]
    for box, own, count in zip(boxes, times, shown, strict=True):
        came = own[:count]
        box.add(fetched([Rec(n, time) for n, time in enumerate(came)], at=10_000, before=0))
        box.answer(10_000, len(own))
    taken = Merge(boxes, facts(10_000), WAIT).take(10_000, 1_000)
    latest = max((one[0] for one in taken), default=-1)
    for own, count in zip(times, shown, strict=True):
        assert all(time >= latest for time in own[count:])
