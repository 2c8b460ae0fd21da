"""How much one user gets: marketing as a whole, by kind, and less of it when nobody clicks."""

from collections.abc import Mapping, Sequence
from typing import Any

from processors.config import Priority
from processors.localtime import day_start, week_start, zone
from processors.moment import Moment
from processors.rules import Rules
from processors.scenarios.base import Scenario
from processors.traces import Sent
from processors.turn import Turn
from schemas.decisions import Reason
from schemas.push import MessageClass

Capped = tuple[Reason, Mapping[str, Any]]
"""Why not, and what the decision is to show of it."""


def kind_of(scenario: Scenario, message_class: MessageClass) -> Priority:
    """What ``caps_for`` goes by: its priority; of what is no marketing, its class."""
    if message_class is MessageClass.MARKETING:
        return scenario.priority
    return Priority(message_class.value)


def kind_of_sent(rules: Rules, sent: Sent) -> Priority | None:
    """The same of a message sent; ``None`` where its scenario is gone from the file."""
    scenario = rules.scenarios.get(sent.scenario)
    if scenario is None or sent.marketing:
        return None if scenario is None else scenario.priority
    owed = scenario.message_class is MessageClass.TRANSACTIONAL
    return Priority.TRANSACTIONAL if owed else Priority.ASKED_FOR


def capped(turn: Turn, moment: Moment) -> Capped | None:
    """Whether the user had enough by now: of this kind, and for marketing of all of it."""
    scenario = turn.rules.scenarios[moment.scenario]
    message_class = scenario.class_of(moment)
    found = _capped_by_kind(turn, kind_of(scenario, message_class))
    if found is None and message_class is MessageClass.MARKETING:
        return _capped_by_all(turn)
    return found


def _capped_by_kind(turn: Turn, kind: Priority) -> Capped | None:
    caps = turn.rules.policy.caps_for.get(kind)
    if caps is None:
        return None
    like = [
        sent.at
        for sent in turn.profile.sent
        if sent.at <= turn.at and kind_of_sent(turn.rules, sent) is kind
    ]
    over = _over(turn, like, caps.gap, caps.day, caps.week)
    if over is None:
        return None
    return Reason.FREQUENCY_CAP, {"cap": over, "kind": kind.value, **_last(like)}


def _capped_by_all(turn: Turn) -> Capped | None:
    caps, policy = turn.rules.policy.caps, turn.rules.policy
    sent = [s.at for s in turn.profile.sent if s.marketing and s.at <= turn.at]
    over = _over(turn, sent, caps.gap, caps.day, caps.week)
    if over is not None:
        return Reason.FREQUENCY_CAP, {"cap": over, **_last(sent)}
    displays = len(turn.profile.displays)
    if not policy.fatigue_after or displays < policy.fatigue_after:
        return None
    halvings = displays // policy.fatigue_after
    over = _over(turn, sent, 0, _halved(caps.day, halvings), _halved(caps.week, halvings))
    if over is None:
        return None
    return Reason.FATIGUE, {"cap": over, "unclicked": displays, **_last(sent)}


def _halved(cap: int, halvings: int) -> int:
    """Never below one, which for the week's is the floor; none stays none."""
    return max(cap >> halvings, min(cap, 1))


def _last(sent: Sequence[int]) -> dict[str, int]:
    return {"last_sent_at": max(sent)} if sent else {}


def _over(
    turn: Turn, times: Sequence[int], gap: int, day: int | None, week: int | None
) -> str | None:
    """Which of the caps the times sent (ms) have reached: ``gap``, ``day`` or ``week``."""
    at = turn.at
    if not times:
        return "day" if day == 0 else "week" if week == 0 else None
    if at - max(times) < gap:
        return "gap"
    tz = zone(turn.profile.timezone, turn.rules.shop.timezone)
    if day is not None and sum(time >= day_start(at, tz) for time in times) >= day:
        return "day"
    if week is not None and sum(time >= week_start(at, tz) for time in times) >= week:
        return "week"
    return None
