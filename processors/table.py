"""The rows of one partition: profiles by user, and who is to be looked at when.

Rows are bytes, decoded only when used: that is what keeps a million profiles small. A user has
a dense number here (not stored, not stable over a restart) by which the timer heap and the
interest index name it in four or eight bytes.
"""

import heapq
from array import array
from collections.abc import Iterable, Iterator
from typing import Protocol

_NUMBER_BITS = 32
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
NEVER = (1 << 63) - 1
"""A time that does not come (ms)."""

RESERVED = b"\x00"
"""First byte of the keys a partition uses for itself; no user id may hold a control character."""


class Row(Protocol):
    """A record of the changelog; without a value it deletes the row."""

    @property
    def key(self) -> bytes: ...

    @property
    def value(self) -> bytes | None: ...


class ProfileTable:
    """Rows by key, with a timer heap over them. Every user has at most one live heap entry."""

    __slots__ = ("_free", "_heap", "_keys", "_numbers", "_rows", "_wake", "live", "reserved")

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._keys: list[bytes | None] = []
        self._rows: list[bytes | None] = []
        self._wake = array("q")
        self._heap: list[int] = []
        self._free: list[int] = []
        self.reserved: dict[bytes, bytes] = {}
        self.live = 0

    def __len__(self) -> int:
        return self.live

    def __contains__(self, key: bytes) -> bool:
        return key in self._numbers

    def get(self, key: bytes) -> bytes | None:
        number = self._numbers.get(key)
        return None if number is None else self._rows[number]

    def find(self, key: bytes) -> int | None:
        """The user's dense number, by which the row is had without looking again."""
        return self._numbers.get(key)

    def row(self, number: int) -> bytes | None:
        return self._rows[number]

    def set_row(self, number: int, row: bytes) -> None:
        self._rows[number] = row

    def number_for(self, key: bytes) -> int:
        """The user's dense number; a new one where there is no row yet."""
        number = self._numbers.get(key)
        return self._take_number(key) if number is None else number

    @property
    def numbers(self) -> int:
        """Every user's number is less than this."""
        return len(self._rows)

    def key_of(self, number: int) -> bytes | None:
        """The user of a dense number; ``None`` where the row has gone."""
        return self._keys[number] if number < len(self._keys) else None

    def put(self, key: bytes, row: bytes | None) -> int:
        """Writes or (``None``) deletes a row; answers its dense number, -1 for a reserved key."""
        if key[:1] == RESERVED:
            if row is None:
                self.reserved.pop(key, None)
            else:
                self.reserved[key] = row
            return -1
        number = self._numbers.get(key)
        if number is None:
            if row is None:
                return -1
            number = self._take_number(key)
        elif row is None:
            self._drop(key, number)
            return number
        self._rows[number] = row
        return number

    def load(self, records: Iterable[Row]) -> None:
        """Writes and deletes many rows: a changelog's records, oldest first."""
        numbers, keys, rows, free = self._numbers, self._keys, self._rows, self._free
        for record in records:
            key, row = record.key, record.value
            number = numbers.get(key)
            if row is None or free or key[:1] == RESERVED:
                self.put(key, row)
            elif number is not None:
                rows[number] = row
            else:
                numbers[key] = len(rows)
                keys.append(key)
                rows.append(row)
                self._wake.append(NEVER)
                self.live += 1

    def _take_number(self, key: bytes) -> int:
        self.live += 1
        if self._free:
            number = self._free.pop()
            self._keys[number] = key
        else:
            number = len(self._rows)
            self._keys.append(key)
            self._rows.append(None)
            self._wake.append(NEVER)
        self._numbers[key] = number
        return number

    def _drop(self, key: bytes, number: int) -> None:
        self.live -= 1
        del self._numbers[key]
        self._keys[number] = None
        self._rows[number] = None
        self._wake[number] = NEVER
        self._free.append(number)

    def wake_at(self, number: int, due: int) -> None:
        """Makes sure that the user is looked at no later than ``due`` (ms)."""
        if due < self._wake[number]:
            self._wake[number] = due
            heapq.heappush(self._heap, (due << _NUMBER_BITS) | number)
            if len(self._heap) > 2 * self.live + 1024:
                self._compact()

    def _compact(self) -> None:
        self._heap = [
            entry
            for entry in self._heap
            if self._wake[entry & _NUMBER_MASK] == entry >> _NUMBER_BITS
        ]
        heapq.heapify(self._heap)

    def next_wake(self) -> int:
        """The earliest time (ms) at which somebody is to be looked at, or :data:`NEVER`."""
        while self._heap:
            entry = self._heap[0]
            due = entry >> _NUMBER_BITS
            if self._wake[entry & _NUMBER_MASK] == due:
                return due
            heapq.heappop(self._heap)
        return NEVER

    def pop_due(self, until: int) -> int | None:
        """Takes the next user to be looked at by ``until`` (ms), in order of time; its number.

        The user has no entry any more: whoever takes it must call :meth:`wake_at` again.
        """
        heap, wake = self._heap, self._wake
        beyond = until + 1 << _NUMBER_BITS
        while heap and heap[0] < beyond:
            entry = heapq.heappop(heap)
            number = entry & _NUMBER_MASK
            if wake[number] == entry >> _NUMBER_BITS:
                wake[number] = NEVER
                return number
        return None

    def users(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Number, key and row of every user."""
        for number, (key, row) in enumerate(zip(self._keys, self._rows, strict=True)):
            if key is not None and row is not None:
                yield number, key, row
