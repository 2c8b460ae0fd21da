"""Positions that no fetch moves on: compaction left nothing between them and the end."""

import time
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from streams.unreadable import at_position

STUCK_S = 1.0
"""A position this long before the end, with nothing to read, is looked at."""


class Hole(NamedTuple):
    """Nothing lies from ``before`` to ``after``."""

    tp: TopicPartition
    before: int
    after: int
    answered_at: int


class Holes:
    """Finds them for one consumer and moves its position past them."""

    def __init__(self) -> None:
        self._since: dict[TopicPartition, tuple[int, float]] = {}

    async def skip(self, fetcher: Any, wanted: frozenset[Any]) -> list[Hole]:
        """Holes that were skipped in the partitions ``wanted``. Not while records are fetched."""
        subscription = fetcher._subscriptions.subscription
        assignment = subscription and subscription.assignment
        if not assignment or not assignment.active:
            return []
        holes = []
        for tp in assignment.tps:
            state = assignment.state_value(tp)
            if self._is_stuck(fetcher, tp, state, wanted):
                before = state.position
                found = await at_position(fetcher, tp, before)
                if found is not None and not found.header and state._position == before:
                    fetcher.seek_to(tp, found.after)
                    holes.append(Hole(tp, before, found.after, state.timestamp))
        return holes

    def _is_stuck(
        self, fetcher: Any, tp: TopicPartition, state: Any, wanted: frozenset[Any]
    ) -> bool:
        position = state._position
        if (
            tp not in wanted
            or tp in fetcher._records
            or position is None
            or position >= (state.lso or 0)
        ):
            self._since.pop(tp, None)
            return False
        since = self._since.get(tp)
        if since is None or since[0] != position:
            self._since[tp] = (position, time.monotonic())
            return False
        if time.monotonic() - since[1] <= STUCK_S:
            return False
        del self._since[tp]
        return True
