"""Short hashes of what happened lately, four bytes each, the newest last: to know it again.

One takes six bytes of a row so, where a number would take eleven.
"""

from collections.abc import Iterable

from processors.ids import short_hash

_WIDTH = 4


def marked(marks: bytes, text: str, most: int) -> bytes | None:
    """The newest ``most`` marks with that of ``text``; ``None`` where it is one of them already."""
    mark = short_hash(text).to_bytes(_WIDTH, "big")
    if mark in marks and _holds(marks, mark):
        return None
    return (marks + mark)[-most * _WIDTH :]


def _holds(marks: bytes, mark: bytes) -> bool:
    """Whether ``mark`` is one of them, and not the end of one and the beginning of the next."""
    return any(marks[at : at + _WIDTH] == mark for at in range(0, len(marks), _WIDTH))


def newest_marks(marks: bytes, most: int) -> bytes:
    """The newest of them, ``most`` at most."""
    return marks[-most * _WIDTH :]


def newest_times(marks: Iterable[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """When (ms) each short hash was noted last: the newest ``most``, the newest last."""
    newest: dict[int, int] = {}
    for mark, at in marks:
        newest[mark] = max(at, newest.get(mark, 0))
    return sorted(newest.items(), key=lambda one: one[1])[-most:]
