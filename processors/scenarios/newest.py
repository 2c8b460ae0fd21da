"""Which event about something was the newest: a profile's memory of what came out of order."""

from processors import bounds
from processors.ids import short_hash
from processors.turn import Turn
from schemas import structs as e


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
    _remember(turn, mark, {mark})
    return True


def told_before(turn: Turn, event: e.ShopEvent) -> bool:
    """Whether another event said the same of its order: nothing is news in it.

    A page of thanks is loaded anew, and a shop's systems tell by night how each order stands.
    """
    if isinstance(event, e.OrderStatus) and turn.status_told is None:
        turn.status_told = _status_told(turn, event)
    return turn.order_known or bool(turn.status_told)


def _status_told(turn: Turn, event: e.OrderStatus) -> bool:
    """Whether the status was told; with another day or place, and later, it is told anew."""
    about = short_hash(f"{event.order_id}\x1f{event.status}")
    mark = about << 32 | short_hash(f"{event.expected_delivery}\x1f{event.pickup_point}")
    told = {known: at for known, at in turn.profile.newest if known >> 32 == about}
    newest = max(told.values(), default=0)
    if newest > turn.at:
        return True
    if told and told.get(mark) == newest:
        return True
    _remember(turn, mark, set(told))
    return False


def _remember(turn: Turn, mark: int, instead_of: set[int]) -> None:
    kept = [known for known in turn.profile.newest if known[0] not in instead_of]
    turn.profile.newest = [*kept, (mark, turn.at)][-bounds.MAX_NEWEST :]
