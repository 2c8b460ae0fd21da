"""Who has a browser at some time of a history, under any of their names.

Nobody else can get a message, and what others do changes nobody's: users share products, codes
and the clock, but codes go to those alone who are spoken to, and products follow from the
catalogue. So a dry run that asks for messages only need not judge the others.
"""

from typing import Any

import msgspec

from nudge.replay.tapped import UNREADABLE
from schemas.structs import EVENT_CLASSES, Login, Logout, SignUp

IDENTITY = tuple(
    name for name, kind in EVENT_CLASSES.items() if kind in frozenset({Login, Logout, SignUp})
)
"""The events that say that two ids are one person, by their names on the wire."""

MARKS = (*(name.encode() for name in IDENTITY), b"\\u")
"""What stands in every such event: its name, or a character that is escaped."""


class _Named(msgspec.Struct, gc=False):
    """What is looked at of an event; whatever the fields hold."""

    type: Any = None
    user_id: Any = None
    anonymous_id: Any = None


_named = msgspec.json.Decoder(_Named).decode


class Reach:
    """Ids, and which of them are one person's."""

    def __init__(self) -> None:
        self._subscribed: set[str] = set()
        self._led_by: dict[str, str] = {}

    @property
    def anybody(self) -> bool:
        """Whether there was any subscription."""
        return bool(self._subscribed)

    def subscribed(self, key: str) -> None:
        """A record of ``push.subscriptions`` with this key: user/subscription."""
        self._subscribed.add(key.rpartition("/")[0])

    def note(self, event: bytes) -> None:
        """Takes in an event, whatever it is."""
        try:
            said = _named(event)
        except UNREADABLE:
            return
        user, visitor = said.user_id, said.anonymous_id
        if said.type in IDENTITY and isinstance(user, str) and isinstance(visitor, str):
            self._led_by[self._leader(visitor)] = self._leader(user)

    def _leader(self, user: str) -> str:
        """The id that stands for all of the person's."""
        above, led_by = user, self._led_by
        while (higher := led_by.get(above, above)) != above:
            above = higher
        while user != above:
            led_by[user], user = above, led_by[user]
        return above

    def users(self) -> frozenset[str]:
        """Every id of whoever has a browser."""
        leaders = {self._leader(user) for user in self._subscribed}
        theirs = (user for user in list(self._led_by) if self._leader(user) in leaders)
        return frozenset((*self._subscribed, *leaders, *theirs))
