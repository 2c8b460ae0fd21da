"""Stable hashes: ids of decisions, places in a spread. The same input gives the same answer."""

from hashlib import blake2b
from zlib import crc32


def decision_id(identity: str, scenario: str, entity: str, step: int, due_at: int) -> str:
    """32 hex digits. ``identity`` is the user's id when the moment opened, ``due_at`` in ms."""
    text = "\x1f".join((identity, scenario, entity, str(step), str(due_at)))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def short_hash(text: str) -> int:
    """32 bits of ``text``: to know again what was seen, where a rare mix-up does no harm."""
    return crc32(text.encode())


def spread(text: str, width: int) -> int:
    """A stable place for ``text`` from 0 to ``width`` - 1; 0 where there is no width."""
    if width <= 0:
        return 0
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % width
