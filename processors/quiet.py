"""What is noticed when nothing happens: a session that ends, a user who stays away, a user gone.

No moment waits for it in the profile. When a user is to be looked at follows from the last
activity, so that whoever is active costs an addition, and nobody is woken whom no scenario
would hear of.
"""

from processors.desk import Desk
from processors.glance import ProfileGlance
from processors.localtime import DAY_MS
from processors.profile import Profile
from processors.reduce import SESSION_GAP_MS
from processors.rows import decode
from processors.session import end_session
from processors.table import NEVER
from processors.turn import Turn

ANONYMOUS_EXPIRY_MS = 90 * DAY_MS
KNOWN_EXPIRY_MS = 400 * DAY_MS


def expires_at(known: bool, active_at: int) -> int:
    """When (ms) a profile without activity since ``active_at`` is forgotten."""
    if not active_at:
        return NEVER
    return active_at + (KNOWN_EXPIRY_MS if known else ANONYMOUS_EXPIRY_MS)


def quiet_at(profile: Profile, desk: Desk) -> int:
    """When (ms) a user who stays quiet is to be looked at; :data:`NEVER` where nobody wants to."""
    if profile.awaited:
        return profile.active_at + SESSION_GAP_MS
    if not profile.sessions:
        return NEVER
    if profile.looked_at <= profile.active_at:
        return profile.active_at + desk.first_quiet
    return _next_due(desk, profile)


def next_look(profile: Profile, desk: Desk) -> int:
    """When (ms) the user is to be looked at next, moment or none; :data:`NEVER` if never."""
    quiet = quiet_at(profile, desk)
    return profile.next_due(quiet) if profile.moments else quiet


def next_wake(profile: Profile, desk: Desk) -> int:
    """When (ms) the user is to be looked at next, or forgotten."""
    due, expiry = next_look(profile, desk), expires_at(profile.known, profile.active_at)
    return due if due < expiry else expiry


def wakes_at(seen: ProfileGlance, row: bytes, desk: Desk) -> int:
    """When (ms) the user of a row is to be looked at, or forgotten: at a glance, where it tells."""
    if seen.awaited:
        due = seen.active_at + SESSION_GAP_MS
    elif not seen.sessions:
        due = NEVER
    elif seen.looked_at <= seen.active_at:
        due = seen.active_at + desk.first_quiet
    else:
        due = quiet_at(decode(row), desk)
    if seen.moments:
        due = min(due, seen.first_look())
    expiry = expires_at(seen.known, seen.active_at)
    return due if due < expiry else expiry


def notice(desk: Desk, key: str, profile: Profile, at: int) -> None:
    """Looks at a quiet user at ``at`` (ms): moments open, due then or later."""
    turn = Turn(desk, key, profile, at)
    if profile.awaited:
        end_session(turn)
        return
    profile.looked_at = at
    reachable = turn.reachable
    for scenario in turn.rules.quiet:
        if (reachable or not scenario.needs_browser) and scenario.quiet_due(profile) == at:
            scenario.on_quiet(turn)


def _next_due(desk: Desk, profile: Profile) -> int:
    dues = [scenario.quiet_due(profile) for scenario in desk.quiet]
    return min((due for due in dues if due > profile.looked_at), default=NEVER)
