"""A session's end: an event that nobody sends, and that scenarios follow like any other."""

from typing import Annotated, Literal

from pydantic import Field

from processors.profile import Profile
from processors.reduce import SESSION_GAP_MS
from processors.turn import Turn
from schemas.base import EPOCH_MS_LIMIT, Count, Id
from schemas.events import Envelope
from schemas.structs import struct_for

_PRODUCTS = 5


class SessionEnd(Envelope):
    """Thirty minutes without activity have passed. ``away``: how long (ms) the user had been
    gone before it began; ``None`` where it was the first."""

    type: Literal["session_end"]
    number: Annotated[int, Field(ge=1)]
    away: Annotated[int, Field(ge=0, le=EPOCH_MS_LIMIT)] | None = None
    views: Count
    """Products viewed, each as often as it was."""
    product_ids: tuple[Id, ...]
    """The products viewed, newest first, at most five."""
    carted: bool
    """Something put into the cart in it still lies there."""
    bought: bool


SESSION_END = struct_for(SessionEnd)
"""What a scenario that follows it names among its ``opens_on``."""


def begin_session(turn: Turn) -> None:
    """Remembers, as a session begins, whether anybody waits for its end. Most often nobody does."""
    profile, waiting = turn.profile, turn.rules.opening.get(SESSION_END)
    if waiting is None or turn.historical:
        return
    away = profile.active_at - profile.prior_at if profile.prior_at else None
    for scenario in waiting:
        if scenario.awaits(profile.sessions, away):
            profile.awaited = away or -1
            return


def end_session(turn: Turn) -> None:
    """Tells whoever waits for it, at the session's end. Who has no browser is told nothing."""
    profile = turn.profile
    away, profile.awaited = profile.awaited, 0
    waiting = turn.rules.opening.get(SESSION_END, ())
    if not waiting or not turn.reachable:
        return
    # What happened after the activity before it is of this session, however late it was told.
    before = profile.session_at - away if away > 0 else 0
    seen = viewed_since(profile, before)
    event = SESSION_END(
        event_id=f"session/{profile.sessions}",
        occurred_at=turn.at,
        number=profile.sessions,
        away=away if away > 0 else None,
        views=len(seen) + len(profile.again),
        product_ids=tuple(seen[:_PRODUCTS]),
        carted=any(line.changed_at > before for line in profile.cart),
        bought=profile.bought_at > before,
    )
    for scenario in waiting:
        scenario.on_event(turn, event)


def viewed_in_session(profile: Profile) -> list[str]:
    """The products viewed in the session, newest first."""
    return viewed_since(profile, profile.session_at - 1)


def viewed_since(profile: Profile, before: int) -> list[str]:
    """The products viewed after ``before`` (ms), newest first."""
    seen: dict[str, None] = {}
    viewed = profile.viewed
    for product_id, at in zip(reversed(viewed.names), reversed(viewed.times()), strict=True):
        if at <= before:
            break
        seen[product_id] = None
    return list(seen)


def ends_at(profile: Profile) -> int:
    """When (ms) the session ends unless something happens before."""
    return profile.active_at + SESSION_GAP_MS
