"""Which event about something was the newest: a profile's memory of what came out of order."""

from processors import bounds
from processors.ids import short_hash
from processors.turn import Turn


def last_marked(turn: Turn, about: str) -> int:
    """When (ms) it was last remembered; 0 for never, or too long ago to be kept."""
    mark = short_hash(about)
    return max((at for known, at in turn.profile.newest if known == mark), default=0)


def is_newest(turn: Turn, about: str) -> bool:
    """Whether no later event about the same was seen; this one is remembered."""
    mark, newest = short_hash(about), turn.profile.newest
    at = max((known_at for known, known_at in newest if known == mark), default=0)
    if at > turn.at:
        return False
    kept = [known for known in newest if known[0] != mark]
    turn.profile.newest = [*kept, (mark, turn.at)][-bounds.MAX_NEWEST :]
    return True
