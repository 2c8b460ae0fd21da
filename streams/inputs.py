"""The user-keyed inputs of one partition: what came, how far it is taken, when to stop fetching."""

from collections.abc import Callable, Iterator, Mapping

from aiokafka import TopicPartition

from schemas.topics import HANDOVERS, SHOP_EVENTS, USER_INPUTS
from streams.guard import StoredInput
from streams.handovers import HandoverInbox
from streams.inbox import Fetched, Inbox
from streams.settings import StreamsSettings
from streams.transport import Answer, Batch

RANKS = {topic.name: rank for rank, topic in enumerate(USER_INPUTS, start=1)}

Pressure = Callable[[TopicPartition, bool], None]
"""Told that fetching a partition is to pause (``True``) or to go on."""


class PartitionInputs:
    """
    Args:
        start: by the registry's topic name where it goes on.
    """

    def __init__(
        self,
        settings: StreamsSettings,
        partition: int,
        start: Mapping[str, StoredInput],
        pressure: Pressure,
    ) -> None:
        self._limit = settings.inbox_records
        self._pressure = pressure
        self._full: set[TopicPartition] = set()
        self._inboxes: dict[TopicPartition, Inbox | HandoverInbox] = {}
        self._committed: dict[TopicPartition, int] = {}
        offset, newest, ahead = start[HANDOVERS.name]
        rank = RANKS[HANDOVERS.name]
        self.handovers = HandoverInbox(rank, partition, offset, newest, ahead)
        for topic in USER_INPUTS:
            tp = TopicPartition(settings.topic(topic), partition)
            offset, newest, _ = start[topic.name]
            inbox = Inbox(
                topic.name, RANKS[topic.name], partition, offset, newest, settings.order_slack_ms
            )
            self._inboxes[tp] = self.handovers if topic is HANDOVERS else inbox
            self._committed[tp] = offset
            if topic is SHOP_EVENTS:
                self._events = inbox
        self.told_up_to(max(one.newest for one in start.values()))

    def __iter__(self) -> Iterator[Inbox | HandoverInbox]:
        return iter(self._inboxes.values())

    def add(self, batch: Batch) -> None:
        """Queues a fetched batch.

        Raises:
            InputGapError: it does not begin where the last one ended.
        """
        inbox = self._inboxes[batch.tp]
        inbox.add(
            Fetched(batch.records, batch.before, batch.after, batch.answered_at, batch.broken)
        )
        if len(inbox) >= self._limit and batch.tp not in self._full:
            self._full.add(batch.tp)
            self._pressure(batch.tp, True)

    def answer(self, answer: Answer) -> str:
        """Notes what the broker said; the registry's name of the topic."""
        inbox = self._inboxes[answer.tp]
        inbox.answer(answer.at, answer.highwater)
        return inbox.name

    def relieve(self) -> None:
        """Lets go on what has drained."""
        for tp in [tp for tp in self._full if len(self._inboxes[tp]) <= self._limit // 2]:
            self._full.discard(tp)
            self._pressure(tp, False)

    def told_up_to(self, place: int) -> None:
        """Everything up to that place (ms) has been taken."""
        self.handovers.passed = max(self.handovers.passed, place)

    def untaken_from(self) -> int:
        """Nothing that is not taken yet causes a handover before this time (ms)."""
        first = self.handovers.first_at()
        events = self._events.untaken_from()
        return events if first is None else min(events, first)

    def handed_over_until(self) -> int:
        """Every handover whose place is before this time (ms) is taken."""
        first = self.handovers.first_at()
        until = self.handovers.complete_until()
        return until if first is None else min(until, first)

    def rows(self) -> dict[str, StoredInput]:
        """By topic: how far it is taken, as it is stored."""
        return {
            inbox.name: StoredInput(inbox.done, inbox.taken_newest, tuple(inbox.ahead))
            for inbox in self
        }

    def done(self) -> dict[str, tuple[int, int]]:
        """By topic: everything below which offset is taken, and the newest time taken (ms).

        Of handovers, fetched: what waits there does so for its place, which holds the clock by
        :meth:`handed_over_until`.
        """
        done = {inbox.name: (inbox.done, inbox.taken_newest) for inbox in self}
        handovers = self.handovers
        done[handovers.name] = (handovers.position, handovers.taken_newest)
        return done

    def to_commit(self) -> dict[TopicPartition, int]:
        """What has been taken since the last commit: the next offset to read."""
        return {
            tp: inbox.done
            for tp, inbox in self._inboxes.items()
            if inbox.done != self._committed[tp]
        }

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._committed.update(offsets)

    def newest_answer(self) -> int:
        """When the broker was heard of last (ms)."""
        return max(inbox.answered_at for inbox in self)

    def lag(self) -> dict[str, int]:
        """Records (and markers) between what is committed and the end, by topic."""
        return {
            inbox.name: max(0, inbox.highwater - self._committed[tp])
            for tp, inbox in self._inboxes.items()
            if inbox.highwater is not None
        }

    def nothing_waits(self) -> bool:
        """Whether the broker has told the end of every input, and all of them are taken."""
        return all(inbox.highwater is not None and inbox.done >= inbox.highwater for inbox in self)
