"""What can be read in the policy, and contradicts itself, or could never hold anybody back."""

from collections.abc import Iterator

from processors import bounds
from processors.config import DAY, Policy, Priority
from processors.copy_checks import Slip
from processors.durations import format_duration
from processors.lined_yaml import Path
from processors.localtime import clock_span

_OWED = (Priority.TRANSACTIONAL, Priority.ASKED_FOR)


def slips(policy: Policy) -> Iterator[Slip]:
    """All of them: where, what is wrong, and the cure."""
    yield from _night(policy)
    marketing = bounds.MAX_SENT_MARKETING
    yield from _caps(("caps",), policy.caps.day, policy.caps.week, marketing)
    for kind, caps in policy.caps_for.items():
        remembered = bounds.MAX_SENT_OWED if kind in _OWED else marketing
        yield from _caps(("caps_for", kind.value), caps.day, caps.week, remembered)


def _night(policy: Policy) -> Iterator[Slip]:
    """Who is held as it begins must be told before the next one, and before it is too late."""
    quiet = policy.quiet_hours
    night = clock_span(quiet.start, quiet.end)
    if not night:
        return
    held = night + quiet.spread
    said = f"a night of {format_duration(night)} and a spread of {format_duration(quiet.spread)}"
    if held > DAY:
        room = DAY - night
        cure = f"spread over {format_duration(room)} at most, or make the night shorter"
        yield ("policy", "quiet_hours", "spread"), f"{said} are longer than a day", cure
    elif held > policy.hold_at_most:
        most = format_duration(policy.hold_at_most)
        cure = f"make it {format_duration(held)} or more, or the night shorter"
        where = ("policy", "hold_at_most")
        yield where, f"{said} are longer than {most}: what they hold would be `expired`", cure


def _caps(where: Path, day: int | None, week: int | None, remembered: int) -> Iterator[Slip]:
    for name, cap in (("day", day), ("week", week)):
        if cap is not None and cap > remembered:
            said = (
                f"{cap} is never reached: of a user's newest messages {remembered} are remembered"
            )
            yield ("policy", *where, name), said, f"write {remembered} or less"
