"""Push first: what was not delivered or not clicked in time is handed to the next channel.

What waits for a click is kept among the user's moments, under a name that no scenario can have:
it has a due time, survives restarts and goes along to the user at a login, as they do. It is no
candidate: no decision is written about it.
"""

from typing import Any

from processors import bounds
from processors.copy import Text
from processors.groups import in_holdout
from processors.moment import AWAITS_CLICK, Moment
from processors.policy import refused
from processors.scenarios.base import Scenario
from processors.turn import Turn
from schemas import structs as e
from schemas.aftermath import HandoffReason
from schemas.answers import Handoff, PushJob
from schemas.push import MessageClass, PushResult, ResultOutcome


def await_click(turn: Turn, moment: Moment, scenario: Scenario, job: PushJob) -> None:
    """From now on the message waits for its click, where its scenario has a next channel."""
    handoff = scenario.config.handoff
    if handoff is None or len(turn.profile.moments) >= bounds.MAX_MOMENTS:
        return
    payload = job.payload
    turn.profile.moments.append(
        Moment(
            scenario=AWAITS_CLICK,
            entity=job.job_id,
            opened_at=turn.at,
            due=turn.at + handoff.after,
            step=moment.step,
            data={
                "scenario": moment.scenario,
                "entity": moment.entity,
                "class": job.message_class.value,
                "channel": handoff.channel,
                "devices": list(job.devices),
                "said": [payload.locale, payload.title, payload.body, payload.url],
            },
        )
    )


def unreachable(turn: Turn, moment: Moment, scenario: Scenario, text: Text | None) -> None:
    """Nobody can push to the user: the next channel's turn at once."""
    handoff = scenario.config.handoff
    held_out = in_holdout(turn.key, turn.rules.policy.holdout)
    message_class = scenario.class_of(moment)
    if handoff is None or (held_out and message_class is MessageClass.MARKETING):
        return
    said = [text.locale, text.title, text.body, text.url] if text else [None] * 4
    data = {"scenario": moment.scenario, "entity": moment.entity, "channel": handoff.channel,
            "class": message_class.value, "said": said}  # fmt: skip
    _hand_off(turn, turn.id_of(moment), moment.step, data, HandoffReason.NOT_SUBSCRIBED)


def due(turn: Turn, waiting: Moment) -> None:
    """Its time is over."""
    turn.profile.moments.remove(waiting)
    delivered = not waiting.data["devices"]
    reason = HandoffReason.NOT_CLICKED if delivered else HandoffReason.NOT_DELIVERED
    _hand_off(turn, waiting.entity, waiting.step, waiting.data, reason)


def clicked(turn: Turn, job_id: str) -> None:
    """The push did its work."""
    turn.profile.moments = [
        m for m in turn.profile.moments if m.scenario != AWAITS_CLICK or m.entity != job_id
    ]


def answered(turn: Turn, result: PushResult) -> None:
    """What a push service said: where no browser is left to hope for, the next channel's turn."""
    for waiting in list(turn.profile.moments):
        if waiting.scenario != AWAITS_CLICK or waiting.entity != result.job_id:
            continue
        if result.outcome is ResultOutcome.WITHDRAWN:
            turn.profile.moments.remove(waiting)
        elif result.outcome in (ResultOutcome.DELIVERED, ResultOutcome.UNKNOWN):
            waiting.data = {**waiting.data, "devices": []}
        elif result.outcome.is_terminal and waiting.data["devices"]:
            left = [d for d in waiting.data["devices"] if d != result.subscription_id]
            waiting.data = {**waiting.data, "devices": left}
            if not left:
                turn.profile.moments.remove(waiting)
                reason = HandoffReason.NOT_DELIVERED
                _hand_off(turn, waiting.entity, waiting.step, waiting.data, reason)


def ended(turn: Turn, event: e.ShopEvent) -> None:
    """What would have ended the moment ends the wait for its click: there is nothing to say."""
    for waiting in list(turn.profile.moments):
        if waiting.scenario != AWAITS_CLICK:
            continue
        scenario = turn.rules.scenarios.get(waiting.data["scenario"])
        if (
            scenario is not None
            and type(event) in scenario.ends_on
            and scenario.ended_by(turn, event, waiting.data["entity"]) is not None
        ):
            turn.profile.moments.remove(waiting)


def _hand_off(
    turn: Turn, job_id: str, step: int, data: dict[str, Any], reason: HandoffReason
) -> None:
    if refused(turn.profile, MessageClass(data["class"])):
        return
    locale, title, body, url = data["said"]
    turn.desk.effects.handoffs.append(
        Handoff(
            decision_id=job_id,
            user_id=turn.key,
            scenario=data["scenario"],
            step=step,
            entity=data["entity"],
            channel=data["channel"],
            reason=reason,
            at=turn.at,
            locale=locale,
            title=title,
            body=body,
            url=url,
        )
    )
