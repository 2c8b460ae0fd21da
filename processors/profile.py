"""One row a user: everything the rules remember, bounded in size.

At rest it is JSON with short names, since a million of them lie in memory. A release adds fields
at the top level only: what an older release does not know it keeps (see :mod:`processors.rows`).
"""

from typing import Any

import msgspec

from processors.looks import Categories, Viewed
from processors.moment import Moment
from processors.table import NEVER
from processors.traces import (
    Credit,
    Device,
    Interest,
    Line,
    Order,
    Pending,
    Sent,
    Touched,
)

SCHEMA = 200
"""Schema version: hundreds are major. A newer major is refused, a newer minor is carried along."""


_CHANGED = msgspec.Raw(b"null")
"""Stands in a row's place while what it holds may have been changed."""
_NOTHING = msgspec.Raw()
"""Nothing was looked at: no field of the row."""
_encode = msgspec.json.Encoder().encode
_decode_views = msgspec.json.Decoder(Viewed).decode
_decode_categories = msgspec.json.Decoder(Categories).decode


class Profile(
    msgspec.Struct,
    omit_defaults=True,
    gc=False,
    rename={
        "schema": "v",
        "known": "k",
        "locale": "lc",
        "timezone": "tz",
        "first_at": "fa",
        "active_at": "aa",
        "prior_at": "pa",
        "session_at": "sa",
        "sessions": "sn",
        "bought_at": "ba",
        "stated_at": "sd",
        "removed": "rv",
        "viewed_row": "vw",
        "saved": "sv",
        "asked": "as",
        "categories_row": "ct",
        "currency": "cu",
        "orders": "or",
        "order_count": "oc",
        "devices": "dv",
        "consents": "cs",
        "hours": "hr",
        "days": "dy",
        "sent": "st",
        "pending": "pn",
        "spent": "sp",
        "spent_at": "sx",
        "opens_by": "ob",
        "moments": "mo",
        "finals": "fm",
        "recent": "rm",
        "heard": "hd",
        "traits": "tr",
        "traits_at": "ta",
        "walked": "wk",
        "aliases": "al",
        "alias_to": "at",
        "alias_until": "au",
        "logouts": "lo",
        "topics": "tp",
        "newest": "nw",
        "displays": "ds",
        "clicked_at": "ck",
        "incentive_at": "ia",
        "touches": "to",
        "credits": "cd",
        "refunds": "rf",
        "mixed": "mx",
        "present_at": "pr",
        "onsite": "on",
        "again": "ag",
        "awaited": "aw",
        "looked_at": "lk",
        "dwell": "dw",
        "segments": "sg",
        "segments_at": "ga",
        "segments_due": "gd",
        "campaigned": "cw",
    },
):
    """What is known of one user. Times in ms, money in minor units."""

    schema: int
    known: bool = False
    """An event has named it as a user id; else it is an anonymous browser."""
    locale: str | None = None
    timezone: str | None = None
    first_at: int = 0
    active_at: int = 0
    prior_at: int = 0
    """The activity before the last one."""
    session_at: int = 0
    sessions: int = 0
    bought_at: int = 0
    cart: list[Line] = []
    stated_at: int = 0
    """When (ms) the shop last said what the whole cart holds."""
    removed: list[tuple[int, int]] = []
    """What was taken out of the cart or off the wishlist: short hashes, and when (ms)."""
    currency: str | None = None
    viewed_row: msgspec.Raw = _NOTHING
    categories_row: msgspec.Raw = _NOTHING
    saved: list[Interest] = []
    asked: list[Interest] = []
    orders: list[Order] = []
    order_count: int = 0
    devices: list[Device] = []
    consents: dict[str, tuple[bool, int]] = {}
    """Granted, and when, by purpose."""
    hours: list[list[int]] = []
    """[hour, events, views, cart adds, orders] of the last 24 hours with any."""
    days: list[list[int]] = []
    """[day, events, views, cart adds, orders, spend] of the last 30 days with any (UTC)."""
    sent: list[Sent] = []
    pending: list[Pending] = []
    spent: int = 0
    """Cart scenarios that have spoken (or were silenced) since an item was last added."""
    spent_at: int = 0
    """When (ms) one of them spoke last."""
    opens_by: str = ""
    """The version of the rules that opened the moments which name none."""
    moments: list[Moment] = []
    finals: bytes = b""
    """Marks of the newest final decisions: an id that is final stays final."""
    recent: bytes = b""
    """Marks of the newest event ids: a producer's retry counts once."""
    heard: list[tuple[int, int]] = []
    """News told of late: short hashes of scenario and product, and up to when (ms)."""
    traits: dict[str, Any] = {}
    traits_at: int = 0
    """When (ms) they were told last."""
    walked: int = 0
    """The newest sliced walk that has visited this profile."""
    aliases: list[str] = []
    alias_to: str | None = None
    """This anonymous profile has moved to that user; what comes still is forwarded."""
    alias_until: int = 0
    logouts: list[tuple[str | None, int]] = []
    """The newest logouts: of which visitor's browser (``None``: of all), and when (ms)."""
    erased_at: int = 0
    present_at: int = 0
    """When a page in front was last told of (``engagement``)."""
    onsite: bool = False
    """That page can show messages itself."""
    topics: dict[str, int] = {}
    """Topics followed, since when (ms); one let go stands with that time below zero."""
    newest: list[tuple[int, int]] = []
    """When the newest event about something was (ms), by a short hash of what it is about."""
    displays: list[tuple[int, int]] = []
    """Marketing shown since the last click: short hashes of the jobs, and when first (ms)."""
    clicked_at: int = 0
    incentive_at: int = 0
    """When a voucher was sent last (ms)."""
    touches: list[Touched] = []
    credits: list[Credit] = []
    refunds: list[tuple[int, int]] = []
    """What of which order was paid back: short hashes, minor units; -1: all of it."""
    mixed: bool = False
    """The cart holds prices of two currencies: they make no sum."""
    again: list[str] = []
    """Products viewed again in this session, once for each time."""
    awaited: int = 0
    """Somebody waits for this session's end: how long (ms) the user was away before it; -1: it
    is the first."""
    looked_at: int = 0
    """When (ms) the user, quiet since, was last looked at; not after the last activity: not yet."""
    segments: list[str] = []
    """The published segments the user was last said to be in."""
    segments_at: int = 0
    """When (ms) that was looked at."""
    segments_due: int = 0
    """When (ms) it is again, because an hour had not passed."""
    campaigned: int = 0
    """The newest campaign's walk that has visited this profile."""
    dwell: tuple[str, int, bool] | None = None
    """The product viewed last, how long (ms) its page was in front, whether it still is."""
    extra: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """Fields of a newer minor release, kept as they are. Never under this name at rest."""

    calm_until: int = 0
    """Nobody need look at the user before (ms): activity by itself only puts that off. 0: not
    known. Never at rest."""
    open_viewed: Viewed | None = None
    open_categories: Categories | None = None

    @property
    def viewed(self) -> Viewed:
        """The products viewed. Most events need none of it: decoded when asked."""
        viewed = self.open_viewed
        if viewed is None:
            row = self.viewed_row
            viewed = self.open_viewed = _decode_views(row) if row else Viewed()
        self.viewed_row = _CHANGED
        return viewed

    @viewed.setter
    def viewed(self, viewed: Viewed) -> None:
        self.open_viewed = viewed
        self.viewed_row = _CHANGED

    @property
    def categories(self) -> Categories:
        """The categories looked at. Decoded when asked."""
        seen = self.open_categories
        if seen is None:
            row = self.categories_row
            seen = self.open_categories = _decode_categories(row) if row else Categories()
        self.categories_row = _CHANGED
        return seen

    @categories.setter
    def categories(self, seen: Categories) -> None:
        self.open_categories = seen
        self.categories_row = _CHANGED

    def write_looks(self) -> None:
        """Brings the rows of what was looked at up to what they hold now."""
        if self.viewed_row is _CHANGED:
            self.viewed_row = _row_of(self.open_viewed)
        if self.categories_row is _CHANGED:
            self.categories_row = _row_of(self.open_categories)

    def open_by(self, version: str) -> None:
        """From now on a moment that names no version was opened by this one."""
        if self.opens_by != version:
            for moment in self.moments:
                moment.version = moment.version or self.opens_by
            self.opens_by = version

    def next_due(self, earliest: int = NEVER) -> int:
        """When (ms) a moment is to be judged next; ``earliest`` if none is before."""
        active_at = self.active_at
        for moment in self.moments:
            # As Moment.next_look says: this is asked several times an event.
            due, look_at = moment.due or active_at + moment.wait, moment.look_at
            due = look_at if look_at > due else due
            earliest = due if due < earliest else earliest
        return earliest


def new_profile() -> Profile:
    return Profile(schema=SCHEMA)


def _row_of(seen: Viewed | Categories | None) -> msgspec.Raw:
    return msgspec.Raw(_encode(seen)) if seen else _NOTHING
