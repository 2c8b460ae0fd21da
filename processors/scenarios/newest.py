"""Which event about something was the newest: a profile's memory of what came out of order."""

from processors import profile as bounds
from processors.ids import short_hash
from processors.turn import Turn


def is_newest(turn: Turn, about: str) -> bool:
    """Whether no later event about the same was seen; this one is remembered."""
    mark, newest = short_hash(about), turn.profile.newest
    at = max((known_at for known, known_at in newest if known == mark), default=0)
    if at > turn.at:
        return False
    kept = [known for known in newest if known[0] != mark]
    turn.profile.newest = [*kept, (mark, turn.at)][-bounds.MAX_NEWEST :]
    return True
