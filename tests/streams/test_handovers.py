"""Handovers on their way: whoever logs in is told so in one order, however it comes."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from processors.identity import HANDOVER_DELAY_MS
from schemas.topics import HANDOVERS, USER_INPUTS
from streams.clock import PartitionClock, Patience
from streams.guard import StoredInput
from streams.handovers import HandoverInbox
from streams.inbox import Fetched, Inbox, Taken
from streams.inputs import PartitionInputs
from streams.merge import FactQueue, Merge
from streams.settings import StreamsSettings
from streams.transport import Answer, Batch

WAIT = 30_000
T0 = 1_000_000


@dataclass(frozen=True)
class Rec:
    offset: int
    timestamp: int


def fetched(*records: Rec, at: int = T0, after: int | None = None) -> Fetched:
    end = records[-1].offset + 1 if after is None else after
    return Fetched(records, records[0].offset, end, at)


def handovers(position: int = 0, ahead: Sequence[int] = ()) -> HandoverInbox:
    return HandoverInbox(2, 0, position, 0, ahead)


def offsets(taken: Sequence[Taken]) -> list[int]:
    return [one[3] for one in taken]


def with_events(inbox: HandoverInbox, *times: int) -> Merge:
    events = Inbox("events", 3, 0, 100)
    events.add(Fetched([Rec(100 + n, at) for n, at in enumerate(times)], 100, 100 + len(times), T0))
    events.answer(T0, 100 + len(times))
    facts = FactQueue()
    facts.frontier = 10 * T0
    return Merge((inbox, events), facts, WAIT)


def test_a_user_is_told_nothing_that_a_login_elsewhere_may_still_come_before() -> None:
    inbox = handovers()
    merge = with_events(inbox, T0 - 5_000, T0 - 1_000)
    assert merge.take(T0, 10) == []
    inbox.look(least=T0 - 4_999 - HANDOVER_DELAY_MS, end=0)
    assert offsets(merge.take(T0, 10)) == [100]
    inbox.look(least=T0 - 1_000 - HANDOVER_DELAY_MS, end=0)
    assert merge.take(T0, 10) == [], "one caused in that millisecond comes before the event"
    inbox.look(least=T0 - 999 - HANDOVER_DELAY_MS, end=0)
    assert offsets(merge.take(T0, 10)) == [101]


def test_a_mark_counts_when_everything_that_stood_in_the_log_by_then_is_fetched() -> None:
    inbox = handovers()
    inbox.look(least=T0, end=2)
    assert inbox.promise() == 0
    inbox.add(fetched(Rec(0, T0 + 2_000)))
    assert inbox.promise() == 0
    inbox.add(fetched(Rec(1, T0 + 1_000)))
    assert inbox.promise() == T0 + HANDOVER_DELAY_MS - 1


def test_a_long_backlog_is_worked_off_in_long_strides_and_its_end_in_short_ones() -> None:
    inbox = handovers()
    inbox.look(least=T0, end=0)
    for behind, stride in ((3_632_000, 600_000), (44_000, 2_000), (0, 2_000)):
        inbox.pace(T0 + behind)
        assert inbox.promise() == T0 + stride - 1
        assert inbox.complete_until() == T0 + HANDOVER_DELAY_MS, "the clock waits all the same"


def test_the_login_that_came_first_is_told_first_though_it_stands_behind_in_the_log() -> None:
    inbox = handovers()
    inbox.add(fetched(Rec(0, T0 - 100), Rec(1, T0 - 300), Rec(2, T0 - 200)))
    inbox.look(T0, 3)
    merge = with_events(inbox, T0 - 250, T0 - 150)
    assert offsets(merge.take(T0, 10)) == [1, 100, 2, 101, 0]


def test_what_was_taken_out_of_turn_is_not_taken_again_after_a_restart() -> None:
    inbox = handovers()
    inbox.add(fetched(Rec(0, T0 + 900), Rec(1, T0 - 300), Rec(2, T0 + 800), Rec(3, T0 - 200)))
    inbox.take(len(inbox.ready(T0, 10)))
    assert (inbox.done, inbox.ahead) == (0, [1, 3])

    again = handovers(inbox.done, inbox.ahead)
    again.add(fetched(Rec(0, T0 + 900), Rec(1, T0 - 300)))
    assert (again.done, again.ahead) == (0, [1, 3])
    again.add(fetched(Rec(2, T0 + 800), Rec(3, T0 - 200)))
    assert offsets(again.ready(T0 + 1_000, 10)) == [2, 0]
    again.take(2)
    assert (again.done, again.ahead) == (4, [])


def test_one_that_comes_after_its_place_was_passed_is_told_at_once() -> None:
    inbox = handovers()
    inbox.passed = T0 - 100
    inbox.add(fetched(Rec(0, T0 - 400), Rec(1, T0 - 50)))
    assert [(one[0], one[6]) for one in inbox.ready(T0, 10)] == [
        (T0 - 100, T0 - 400),
        (T0 - 50, T0 - 50),
    ]


def test_a_partition_that_says_nothing_is_waited_for_so_long_and_no_longer() -> None:
    inbox = handovers()
    inbox.add(fetched(Rec(0, T0 - 400)))
    merge = with_events(inbox, T0 - 300)
    assert merge.take(T0, 10) == []
    assert merge.take(T0 + WAIT, 10) == []
    assert offsets(merge.take(T0 + WAIT + 1, 10)) == [0, 100]
    assert merge.overruns["nudge.handovers"] == 1


def test_a_login_that_waits_for_its_place_holds_the_clock_by_its_place_alone() -> None:
    start = {topic.name: StoredInput(0) for topic in USER_INPUTS}
    settings = StreamsSettings()
    inputs = PartitionInputs(settings, 0, start, lambda _tp, _full: None)
    clock = PartitionClock(Patience(grace_ms=5_000), start, 0, T0)
    place = T0 + HANDOVER_DELAY_MS

    def look(at: int) -> int:
        for topic in USER_INPUTS:
            answer = Answer(TopicPartition(settings.topic(topic), 0), at, topic is HANDOVERS)
            clock.inputs[inputs.answer(answer)].answer(at, answer.highwater)
        inputs.handovers.look(least=at, end=1)
        return clock.look(inputs.done(), inputs.handed_over_until(), (at, None), at)

    assert look(T0 + 100) == 0, "it has not come yet"
    tp = TopicPartition(settings.topic(HANDOVERS), 0)
    inputs.add(Batch(tp, [Rec(0, place)], 0, 1, T0 + 200, 1))
    assert look(T0 + 1_500) == T0 + 1_500 - 5_000
    assert look(T0 + 9_000) == place - 5_000, "untold, it holds the clock"
    inputs.handovers.take(1)
    assert look(T0 + 9_100) == T0 + 9_100 - 5_000


rounds = st.tuples(st.integers(0, 4), st.integers(0, 600), st.integers(0, 4), st.booleans())
"""How many more are fetched, up to which place how many are told, whether a restart follows."""


@given(st.lists(st.integers(0, 500), max_size=12), st.lists(rounds, max_size=8))
def test_whatever_is_taken_and_wherever_it_breaks_off_each_handover_is_told_once(
    places: list[int], steps: list[tuple[int, int, int, bool]]
) -> None:
    log = [Rec(offset, T0 + place) for offset, place in enumerate(places)]
    inbox, told = handovers(), list[int]()
    for more, until, limit, restart in [*steps, (12, 600, 12, True), (12, 600, 12, False)]:
        batch = log[inbox.position : inbox.position + more]
        if batch:
            inbox.add(fetched(*batch))
        ready = inbox.ready(T0 + until, limit)
        inbox.take(len(ready))
        told += offsets(ready)
        untaken = [rec.offset for rec in log if rec.offset not in told]
        assert inbox.done == min([*untaken, inbox.position])
        if restart:
            inbox = handovers(inbox.done, inbox.ahead)
    assert sorted(told) == [rec.offset for rec in log]
