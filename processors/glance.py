"""A row at a glance: as much of a profile as recovery needs of each, and no more.

Skipping a field costs a fifth of decoding it. Rows of a newer minor release have fields that are
not known here; they are skipped as well.
"""

from operator import attrgetter

import msgspec

from processors.catalogue import category_subject, topic_subject
from processors.profile import SCHEMA
from processors.rows import refuse_newer


class _Named(msgspec.Struct, array_like=True, gc=False):
    """A cart line or an interest: its product, whatever follows in the array."""

    product_id: str


class _Viewed(msgspec.Struct, gc=False, rename={"names": "n"}):
    """See :class:`processors.looks.Viewed`."""

    names: list[str] = []


class _Waiting(msgspec.Struct, gc=False, rename={"wait": "w", "due": "d", "look_at": "l"}):
    """An open moment; :meth:`processors.moment.Moment.next_look` says what the times mean."""

    wait: int = 0
    due: int = 0
    look_at: int = 0


_NAMES = {
    "known": "k", "active_at": "aa", "viewed": "vw", "saved": "sv", "asked": "as", "moments": "mo",
    "topics": "tp", "sessions": "sn", "awaited": "aw", "looked_at": "lk",
}  # fmt: skip


class ProfileGlance(msgspec.Struct, gc=False, rename=_NAMES):
    """Who is due when, and who cares for what; ``v`` is the row's schema."""

    v: int
    known: bool = False
    active_at: int = 0
    cart: list[_Named] = []
    viewed: list[_Named] | _Viewed = []
    saved: list[_Named] = []
    asked: list[_Named] = []
    moments: list[_Waiting] = []
    topics: dict[str, int] = {}
    sessions: int = 0
    awaited: int = 0
    looked_at: int = 0

    def first_look(self) -> int:
        """When (ms) the first open moment is to be judged.

        Raises:
            ValueError: none is open.
        """
        active_at = self.active_at
        return min(
            max(moment.due or active_at + moment.wait, moment.look_at) for moment in self.moments
        )

    def subjects(self) -> list[str]:
        """Every product the user has any tie to, and the topics followed. Some may come twice."""
        found = [line.product_id for line in self.cart]
        viewed = self.viewed
        found += viewed.names if isinstance(viewed, _Viewed) else map(_PRODUCT, viewed)
        for interests in (self.saved, self.asked):
            if interests:
                found += map(_PRODUCT, interests)
        if self.topics:
            found += [topic_subject(topic) for topic, since in self.topics.items() if since > 0]
        return found


_PRODUCT = attrgetter("product_id")

_decode = msgspec.json.Decoder(ProfileGlance).decode


def glance(row: bytes) -> ProfileGlance:
    """
    Raises:
        NewerProfileError: a newer major release wrote the row.
    """
    try:
        seen = _decode(row)
    except msgspec.ValidationError:
        refuse_newer(row)
        raise
    if seen.v > SCHEMA:
        refuse_newer(row)
    return seen


class _SeenCategories(msgspec.Struct, array_like=True):
    """See :class:`processors.looks.Categories`."""

    newest_at: int
    names: list[str]


class _Categories(msgspec.Struct, rename={"categories": "ct"}):
    categories: dict[str, msgspec.Raw] | _SeenCategories = {}


_decode_categories = msgspec.json.Decoder(_Categories).decode


def categories_of(row: bytes) -> list[str]:
    """The categories that a profile's row tells of, as an index knows them."""
    seen = _decode_categories(row).categories
    return [category_subject(n) for n in (seen if isinstance(seen, dict) else seen.names)]
