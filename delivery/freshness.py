"""What the answers of a broker prove: that all which stood in a partition at a time is known.

A clock cannot tell that: a process that was stopped for half a minute finds an answer in its
buffer that was true half a minute ago. What counts is the order of answers: the request for each
left after the one before had come.
"""

import time
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition


class Freshness:
    """One partition of one consumer. Look often, and only when what was taken has been applied."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        partition: TopicPartition,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._partition = partition
        self._clock = clock
        self._stamp: int | None = None
        self._answers = 0
        self._caught_up_with = 0
        self._last_look = clock()
        self._came = float("-inf")
        self._request_left = float("-inf")
        self._known_as_of = float("-inf")

    async def look(self) -> None:
        """Notices a new answer, and whether everything up to its end has been applied."""
        # The answer before the end: one that comes in between can only raise the end.
        stamp = self._consumer.last_poll_timestamp(self._partition)
        looked_before, self._last_look = self._last_look, self._clock()
        if stamp is None:
            return
        if stamp != self._stamp:
            self._stamp = stamp
            self._answers += 1
            # Its request left once the answer before had come, which was after the look that did
            # not yet see that one.
            self._request_left, self._came = self._came, looked_before
        end = self._consumer.last_stable_offset(self._partition)
        if end is None:
            end = self._consumer.highwater(self._partition)
        if await self._consumer.position(self._partition) >= end:
            self._caught_up_with = self._answers
            self._known_as_of = self._request_left

    @property
    def mark(self) -> int:
        """Stands for this moment: hold it against :meth:`caught_up_since`."""
        unseen = bool(self._consumer.last_poll_timestamp(self._partition) != self._stamp)
        return self._answers + int(unseen)

    def caught_up_since(self, mark: int) -> bool:
        """Whether all was applied that an answer later than ``mark`` told of."""
        return self._caught_up_with > mark

    @property
    def known_as_of(self) -> float:
        """Whatever was committed before this time (of the clock) is known; ``-inf``: nothing is."""
        return self._known_as_of
