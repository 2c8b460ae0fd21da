"""May the due moment speak? One question after the other; the first that says no gives the reason.

The order is that of ``docs/rules.md``, "Judgement".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processors.caps import capped
from processors.config import Mode
from processors.groups import in_holdout
from processors.ids import spread
from processors.localtime import zone
from processors.moment import Moment
from processors.profile import Profile
from processors.rules import ASKED_FOR_RANK
from processors.scenarios.base import Scenario
from processors.turn import Turn
from schemas.decisions import Outcome, Reason
from schemas.events import Purpose
from schemas.push import MessageClass

PAUSE_RECHECK_MS = 10 * 60_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a moment may not speak; ``until`` (ms): it is held and looked at again then."""

    reason: Reason
    until: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        if self.reason is Reason.HOLDOUT:
            return Outcome.WITHHELD
        return Outcome.HELD if self.until else Outcome.DROPPED


def objection(turn: Turn, moment: Moment) -> Verdict | None:
    """What speaks against the moment at its time; ``None``: it is to be sent."""
    verdict = _standing(turn, moment)
    if verdict is not None:
        return verdict
    scenario = turn.rules.scenarios[moment.scenario]
    if scenario.class_of(moment) is not MessageClass.MARKETING:
        return _capped(turn, moment)
    verdict = _outranked(turn, moment) or _capped(turn, moment)
    if not in_holdout(turn.key, turn.rules.policy.holdout) or is_shadow(scenario, moment):
        return verdict
    would = {} if verdict is None else {"would_have": verdict.reason.value, **verdict.evidence}
    return Verdict(Reason.HOLDOUT, evidence=would)


def is_shadow(scenario: Scenario, moment: Moment) -> bool:
    """Whether the moment is decided on and not spoken of."""
    config = scenario.config
    return config.enabled is Mode.SHADOW or (moment.shadow and not config.fire_opened_in_shadow)


def _standing(turn: Turn, moment: Moment) -> Verdict | None:
    """What would speak against it whatever else the user is to hear."""
    scenario = turn.scenario_of(moment)
    if _expired(turn, moment, scenario):
        return Verdict(Reason.EXPIRED)
    if scenario is None or scenario.config.enabled is Mode.OFF:
        return Verdict(Reason.SCENARIO_REMOVED)
    reason = (
        scenario.look(turn, moment)
        or _outside(turn, scenario)
        or _unreachable(turn, scenario.class_of(moment))
    )
    if reason is not None:
        return Verdict(reason)
    if turn.desk.book.paused(turn.at):
        return Verdict(Reason.PAUSED, until=turn.at + PAUSE_RECHECK_MS)
    if _sent_already(turn.profile, moment, scenario, turn.at):
        return Verdict(Reason.ALREADY_SENT)
    quiet = None if scenario.config.passes_quiet_hours else _quiet(turn, scenario)
    return quiet or _disturbing(turn, scenario.class_of(moment))


def _outside(turn: Turn, scenario: Scenario) -> Reason | None:
    is_inside = turn.rules.holds_for(scenario, turn.profile, turn.at)
    return None if is_inside else Reason.NOT_IN_SEGMENT


def is_present(turn: Turn) -> bool:
    """Whether the user has a page of the shop in front."""
    return 0 <= turn.at - turn.profile.present_at < turn.rules.policy.present


def _disturbing(turn: Turn, message_class: MessageClass) -> Verdict | None:
    """Marketing to who is looking at the shop, on a page that cannot show it."""
    if message_class is not MessageClass.MARKETING or turn.profile.onsite or not is_present(turn):
        return None
    return Verdict(Reason.PRESENT, evidence={"present_at": turn.profile.present_at})


def _expired(turn: Turn, moment: Moment, scenario: Scenario | None) -> bool:
    policy = turn.rules.policy
    if moment.first_due and turn.at - moment.first_due > policy.hold_at_most:
        return True
    after = None if scenario is None else scenario.config.expire_after
    return turn.desk.now - turn.at > (policy.expire_after if after is None else after)


def _unreachable(turn: Turn, message_class: MessageClass) -> Reason | None:
    profile, assumed = turn.profile, turn.desk.assume_reachable
    if not profile.devices and not assumed:
        return Reason.NOT_SUBSCRIBED
    consent = _consent(profile, message_class)
    granted = (
        consent[0]
        if consent is not None
        else assumed or turn.rules.policy.consent == "subscription"
    )
    return None if granted else Reason.NO_CONSENT


def _consent(profile: Profile, message_class: MessageClass) -> tuple[bool, int] | None:
    """What the user said of messages of the class, and when (ms)."""
    marketing = message_class is MessageClass.MARKETING
    return profile.consents.get(Purpose.MARKETING if marketing else Purpose.SERVICE)


def refused(profile: Profile, message_class: MessageClass) -> bool:
    """Whether the user said no to messages of the class."""
    consent = _consent(profile, message_class)
    return consent is not None and not consent[0]


def _sent_already(profile: Profile, moment: Moment, scenario: Scenario, at: int) -> bool:
    once = scenario.config.once
    return once > 0 and any(
        sent.scenario == moment.scenario and sent.step == moment.step and at - sent.at < once
        for sent in profile.sent
    )


def _quiet(turn: Turn, scenario: Scenario) -> Verdict | None:
    tz = zone(turn.profile.timezone, turn.rules.shop.timezone)
    end = turn.rules.quiet_hours.until(turn.at, tz)
    if end is None:
        return None
    until = scenario.open_from(end, tz) + spread(turn.key, turn.rules.policy.quiet_hours.spread)
    return Verdict(Reason.QUIET_HOURS, until=until, evidence={"until": until})


def _outranked(turn: Turn, moment: Moment) -> Verdict | None:
    """Looks ahead, never waits: who else is due within the minute, who spoke within it."""
    window = turn.rules.policy.look_ahead
    for sent in turn.profile.sent:
        if 0 <= turn.at - sent.at < window:
            evidence = {"rival": sent.scenario, "rival_sent_at": sent.at}
            return Verdict(Reason.LOWER_PRIORITY, evidence=evidence)
    mine = standing_order(turn, moment)
    for rival in turn.profile.moments:
        look = rival.next_look(turn.profile.active_at)
        if rival is moment or not turn.at <= look <= turn.at + window:
            continue
        if standing_order(turn, rival) < mine and _would_speak(turn, rival):
            evidence = {"rival": rival.scenario, "rival_due_at": look}
            return Verdict(Reason.LOWER_PRIORITY, evidence=evidence)
    return None


def _would_speak(turn: Turn, rival: Moment) -> bool:
    scenario = turn.scenario_of(rival)
    if scenario is None or scenario.config.enabled is not Mode.ON or rival.shadow:
        return False
    return _standing(turn, rival) is None


_INTEREST_ORDER = {"asked": 0, "saved": 1, "cart": 2, "viewed": 3}


def standing_order(turn: Turn, moment: Moment) -> tuple[int, int, int, str, str]:
    """Who goes first among moments due together: smaller is stronger."""
    return (
        _rank(turn, moment),
        moment.next_look(turn.profile.active_at),
        _INTEREST_ORDER.get(moment.data.get("interest", ""), 0),
        moment.scenario,
        moment.entity,
    )


def _rank(turn: Turn, moment: Moment) -> int:
    """What the user asked for goes before what only concerns them, in the same scenario too."""
    scenario = turn.rules.scenarios.get(moment.scenario)
    rank = turn.rules.rank_of(moment.scenario)
    if scenario is not None and scenario.class_of(moment) is MessageClass.ASKED_FOR:
        return min(rank, ASKED_FOR_RANK)
    return rank


def _capped(turn: Turn, moment: Moment) -> Verdict | None:
    found = capped(turn, moment)
    return None if found is None else Verdict(found[0], evidence=found[1])
