"""What a replay has on its way from one user to another."""

from heapq import heappop, heappush

from processors.table import NEVER
from schemas.people import Handover


class OnTheWay:
    """Handovers by their place in the order, and partitions that must have stepped by then.

    ``first``: the place (ms) of the first; :data:`processors.table.NEVER` for none.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int | Handover]] = []
        self._number = 0
        self.first = NEVER

    def expect(self, place: int, partition: int) -> None:
        """The partition may have something to hand over by ``place`` (ms)."""
        self._push(place, partition)

    def send(self, place: int, handover: Handover) -> None:
        """It arrives at ``place`` (ms)."""
        self._push(place, handover)

    def _push(self, place: int, cause: int | Handover) -> None:
        self._number += 1
        heappush(self._heap, (place, self._number, cause))
        self.first = self._heap[0][0]

    def pop(self) -> tuple[int, int | Handover]:
        """The first of them, with its place."""
        place, _, cause = heappop(self._heap)
        self.first = self._heap[0][0] if self._heap else NEVER
        return place, cause
