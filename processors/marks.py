"""Short hashes of what happened lately, four bytes each, the newest last: to know it again.

One takes six bytes of a row so, where a number would take eleven.
"""

from processors.ids import short_hash

_WIDTH = 4


def mark_of(text: str) -> bytes:
    """How ``text`` is known again."""
    return short_hash(text).to_bytes(_WIDTH, "big")


def holds(marks: bytes, mark: bytes) -> bool:
    """Whether ``mark`` is one of them, and not the end of one and the beginning of the next."""
    if mark not in marks:
        return False
    return any(marks[at : at + _WIDTH] == mark for at in range(0, len(marks), _WIDTH))


def newest_marks(marks: bytes, most: int) -> bytes:
    """The newest of them, ``most`` at most."""
    return marks[-most * _WIDTH :]
