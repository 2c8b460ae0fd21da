"""Entering and leaving segments, told for those that ask for it; nobody is looked at for others.

A user is looked at when a visit has ended, and when time alone could move them; never twice
within an hour.
"""

from collections.abc import Callable, Iterable

from processors.config import ScenarioConfig
from processors.localtime import HOUR_MS
from processors.profile import Profile
from processors.reduce import SESSION_GAP_MS
from processors.scenarios.base import QuietScenario
from processors.segments import Segment
from processors.turn import Turn
from schemas.segments import SegmentChange

Since = Callable[[Profile], int]


class SegmentWatch(QuietScenario):
    """Looks at a user ``after`` ms from the time that ``since`` reads; where that is 0, never."""

    needs_browser = False

    def __init__(self, since: Since, after: int, earliest: int) -> None:
        super().__init__("segments", ScenarioConfig())
        self._since = since
        self._after = after
        self._earliest = earliest

    @property
    def earliest(self) -> int:
        return self._earliest

    def quiet_due(self, profile: Profile) -> int:
        since = self._since(profile)
        return since + self._after if since else 0

    def on_quiet(self, turn: Turn) -> None:
        _look(turn)


def watches(published: Iterable[Segment]) -> tuple[SegmentWatch, ...]:
    """What looks at users for these segments; nothing where there are none."""
    conditions = [c for segment in published for c in segment.conditions()]
    if not conditions:
        return ()
    found = [
        SegmentWatch(_last_activity, SESSION_GAP_MS, SESSION_GAP_MS),
        SegmentWatch(_postponed, 0, SESSION_GAP_MS),
    ]
    waits: dict[tuple[Since, int], None] = {}
    for condition in conditions:
        feature = condition.feature
        if feature.windowed:
            waits[_last_activity, feature.windowed] = None
        elif feature.since is not None:
            if condition.at_least is not None:
                waits[feature.since, int(condition.at_least)] = None
            if condition.at_most is not None:
                waits[feature.since, int(condition.at_most) + 1] = None
    found += [SegmentWatch(since, after, SESSION_GAP_MS) for since, after in waits]
    return tuple(found)


def _last_activity(profile: Profile) -> int:
    return profile.active_at


def _postponed(profile: Profile) -> int:
    return profile.segments_due


def _look(turn: Turn) -> None:
    profile, at = turn.profile, turn.at
    if profile.segments_at == at:
        return
    if profile.segments_at and at - profile.segments_at < HOUR_MS:
        profile.segments_due = profile.segments_at + HOUR_MS
        return
    profile.segments_at, profile.segments_due = at, 0
    before = profile.segments
    now = [s.name for s in turn.rules.published if s.holds(profile, at)]
    _tell(turn, (name for name in before if name not in now), entered=False)
    _tell(turn, (name for name in now if name not in before), entered=True)
    profile.segments = now


def leave_all(turn: Turn) -> None:
    """The user asked to be forgotten."""
    _tell(turn, turn.profile.segments, entered=False)


def _tell(turn: Turn, names: Iterable[str], *, entered: bool) -> None:
    turn.desk.effects.segments += [
        SegmentChange(user_id=turn.key, segment=name, entered=entered, at=turn.at,
                      scenario_version=turn.rules.version)
        for name in names
    ]  # fmt: skip
