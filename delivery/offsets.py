"""Which offset of a partition may be committed: jobs end in any order, commits are contiguous."""

from collections import deque


class OffsetTracker:
    """Jobs of one partition from taken to done.

    Args:
        start: the offset of the first record that will be taken.
    """

    def __init__(self, start: int) -> None:
        self._order: deque[int] = deque()
        self._done: set[int] = set()
        self._taken = start

    @property
    def taken(self) -> int:
        """One past the last offset taken: nothing from here on can have been sent by us."""
        return self._taken

    @property
    def committable(self) -> int:
        """Everything below is done."""
        return self._order[0] if self._order else self._taken

    def take(self, offset: int) -> None:
        """A job was taken. Offsets rise; holes are legal (markers, aborted records).

        Raises:
            ValueError: the offset was taken before.
        """
        if offset < self._taken:
            raise ValueError(f"offset {offset} was taken before ({self._taken} comes next)")
        self._order.append(offset)
        self._taken = offset + 1

    def pass_over(self, position: int) -> None:
        """The consumer stands at ``position``: what lies before holds no further job."""
        self._taken = max(self._taken, position)

    def done(self, offset: int) -> None:
        """A job came to its end."""
        self._done.add(offset)
        while self._order and self._order[0] in self._done:
            self._done.remove(self._order.popleft())
