"""Due moments are judged, each at its own time; what may speak becomes a job."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from processors import bounds, handoffs
from processors.copy import Text, with_utm, without_nothing
from processors.desk import Desk
from processors.groups import arm_of
from processors.incentives import evidence_of, offer
from processors.localtime import zone
from processors.moment import AWAITS_CLICK, Moment
from processors.policy import is_present, is_shadow, objection, standing_order
from processors.profile import Profile
from processors.quiet import notice, quiet_at
from processors.scenarios.base import Scenario
from processors.traces import Device, Pending, Sent, newest_sent
from processors.turn import Turn
from processors.vouchers import Voucher
from schemas.answers import Payload, PushJob, checked
from schemas.base import MAX_ID
from schemas.decisions import Outcome, Reason
from schemas.push import PAYLOAD_LIMIT, Channel, MessageClass

ASSUMED_DEVICE = "assumed"
"""Stands for the browser of a user who only counts as subscribed (replay)."""


def judge_due(desk: Desk, key: str, profile: Profile, until: int) -> bool:
    """Judges every moment of the user due by ``until`` (ms), in order; whether there was one."""
    judged = False
    while True:
        at, quiet = profile.next_due(), quiet_at(profile, desk)
        if quiet <= until and quiet <= at:
            notice(desk, key, profile, quiet)
            judged = True
            continue
        if at > until:
            if judged:
                profile.calm_until = 0
            return judged
        active_at = profile.active_at
        turn = Turn(desk, key, profile, at)
        due = [m for m in profile.moments if m.next_look(active_at) == at]
        alone = len(due) == 1
        moment = due[0] if alone else min(due, key=lambda moment: standing_order(turn, moment))
        judge_moment(turn, moment)
        judged = True


def judge_moment(turn: Turn, moment: Moment) -> None:
    """Judges one due moment: it is held, speaks, or stays silent with its reason."""
    if moment.scenario == AWAITS_CLICK:
        handoffs.due(turn, moment)
        return
    if not moment.first_due:
        moment.first_due = moment.due_at(turn.profile.active_at)
    verdict = objection(turn, moment)
    if verdict is not None and verdict.outcome is Outcome.HELD:
        moment.look_at = verdict.until
        if verdict.reason.value not in moment.held:
            moment.held = [*moment.held, verdict.reason.value][-bounds.MAX_REASONS :]
            turn.write(moment, verdict.outcome, verdict.reason, turn.at, final=False,
                       evidence=verdict.evidence)  # fmt: skip
        return
    if verdict is not None and verdict.reason is Reason.HOLDOUT and not verdict.evidence:
        _withhold(turn, moment, turn.rules.scenarios[moment.scenario])
    elif verdict is not None:
        if verdict.reason is Reason.NOT_SUBSCRIBED:
            _hand_on(turn, moment, turn.rules.scenarios[moment.scenario])
        turn.write(moment, verdict.outcome, verdict.reason, turn.at, final=True,
                   evidence=verdict.evidence)  # fmt: skip
    else:
        _speak(turn, moment, turn.rules.scenarios[moment.scenario])
    _move_on(turn, moment)


def _move_on(turn: Turn, moment: Moment) -> None:
    """To the next step, or out."""
    scenario = turn.scenario_of(moment)
    wait = None if scenario is None else scenario.next_wait(moment.step)
    if wait is None:
        turn.profile.moments.remove(moment)  # what follows it may take its place
    if scenario is not None:
        scenario.judged(turn, moment)
    if wait is None:
        return
    opened_by = turn.desk.book.named(turn.opened_by(moment))
    as_opened = None if opened_by is None else opened_by.scenarios.get(moment.scenario)
    if as_opened is not None:  # a changed wait holds for moments opened later
        wait = as_opened.next_wait(moment.step) or wait
    moment.step += 1
    moment.wait = wait
    moment.first_due = 0
    moment.look_at = turn.at
    moment.held = []


def _speak(turn: Turn, moment: Moment, scenario: Scenario) -> None:
    voucher, refusal = offer(turn, scenario)
    message = None if refusal else _message(turn, moment, scenario, voucher)
    if message is None:
        reason, said = refusal or (Reason.MISSING_DATA, {})
        turn.write(moment, Outcome.DROPPED, reason, turn.at, final=True, evidence=said)
        return
    text, payload = message
    evidence = _evidence(text)
    if is_shadow(scenario, moment):
        turn.write(moment, Outcome.SHADOW, Reason.OK, turn.at, final=True, evidence=evidence)
        return
    evidence |= evidence_of(voucher)
    onsite = turn.profile.onsite and is_present(turn)
    channel = Channel.ONSITE if onsite else Channel.PUSH
    if onsite:
        evidence["channel"] = channel.value
    number = turn.write(
        moment, Outcome.SENT, Reason.OK, turn.at, final=True, evidence=evidence, job=True
    )
    if number is None:
        return
    if voucher is not None:
        turn.desk.vouchers.take(voucher)
        turn.profile.incentive_at = turn.at
    job = _job(turn, moment, scenario, payload, number, channel)
    turn.desk.effects.jobs.append(job)
    _remember(turn, moment, job)
    scenario.sent(turn, moment)
    handoffs.await_click(turn, moment, scenario, job)


def _hand_on(turn: Turn, moment: Moment, scenario: Scenario) -> None:
    if scenario.config.handoff is not None:
        text = next(_texts(turn, moment, scenario, None), None)
        handoffs.unreachable(turn, moment, scenario, text)


def _withhold(turn: Turn, moment: Moment, scenario: Scenario) -> None:
    """What the holdout would have been sent; it counts for their caps as if it had been."""
    voucher, refusal = offer(turn, scenario)
    message = None if refusal else _message(turn, moment, scenario, voucher)
    reason, more = refusal or (Reason.MISSING_DATA, {})
    said: dict[str, Any] = {"would_have": reason.value, **more}
    if message is not None:
        said = {"would_have": Outcome.SENT.value, **_evidence(message[0])}
        _count(turn, moment, marketing=True)
        if voucher is not None:
            turn.profile.incentive_at = turn.at
        scenario.sent(turn, moment)
    turn.write(moment, Outcome.WITHHELD, Reason.HOLDOUT, turn.at, final=True, evidence=said)


def _evidence(text: Text) -> dict[str, Any]:
    return {"copy_locale": text.locale, "copy_variant": text.variant, "title": text.title}


def _message(
    turn: Turn, moment: Moment, scenario: Scenario, voucher: Voucher | None
) -> tuple[Text, Payload] | None:
    """The first variant whose data exist and which fits into a push."""
    for text in _texts(turn, moment, scenario, voucher):
        if (payload := _payload(turn, moment, text)) is not None:
            return text, payload
    return None


def _texts(
    turn: Turn, moment: Moment, scenario: Scenario, voucher: Voucher | None
) -> Iterator[Text]:
    rules, profile = turn.rules, turn.profile
    data: dict[str, Any] = {
        "shop": rules.shop_data,
        "user": without_nothing(profile.traits),
        "tz": zone(profile.timezone, rules.shop.timezone).key,
        **scenario.context(turn, moment),
    }
    if voucher is not None:
        data["voucher"] = voucher.data(rules.shop.currency)
    if (own := scenario.own_copy(moment)) is not None:
        return own.renderings(profile.locale, data)
    arm = arm_of(moment.scenario, scenario.config, moment.identity or turn.key)
    names = (arm and arm.copy_names) or scenario.copy_names()
    copy = rules.copies.get(names[min(moment.step, len(names)) - 1])
    return iter(()) if copy is None else copy.renderings(profile.locale, data)


def _payload(turn: Turn, moment: Moment, text: Text) -> Payload | None:
    """``None`` where it would not fit a push, or breaks the bounds of its fields."""
    try:
        payload = Payload(
            title=text.title,
            body=text.body,
            url=with_utm(text.url, turn.rules.scenarios[moment.scenario].label),
            icon=text.icon or turn.rules.shop.icon,
            image=text.image,
            tag=tag_of(moment),
            actions=text.actions,
            locale=text.locale,
            scenario=moment.scenario,
            job_id=turn.id_of(moment),
        )
        size = len(checked(payload))
    except ValueError:
        return None
    return payload if size <= PAYLOAD_LIMIT else None


def tag_of(moment: Moment) -> str:
    """A newer message about the same thing replaces the older on the device."""
    tag = f"{moment.scenario}:{moment.entity}"
    return tag if len(tag) <= MAX_ID else f"{moment.scenario}:{topic_of(moment.entity)}"


def topic_of(tag: str) -> str:
    """The push service's own replacement key: at most 32 characters of base64url (RFC 8030)."""
    return blake2b(tag.encode(), digest_size=16).hexdigest()


def _job(
    turn: Turn,
    moment: Moment,
    scenario: Scenario,
    payload: Payload,
    number: str,
    channel: Channel,
) -> PushJob:
    config = scenario.config
    message_class = scenario.class_of(moment)
    return PushJob(
        job_id=number,
        user_id=turn.key,
        scenario=moment.scenario,
        step=moment.step,
        message_class=message_class,
        channel=channel,
        created_at=turn.at,
        expires_at=scenario.expires_at(turn, moment),
        tag=payload.tag,
        topic=topic_of(payload.tag),
        urgency=config.urgency,
        devices=_devices(turn.profile.devices, message_class),
        payload=payload,
    )


def _devices(devices: list[Device], message_class: MessageClass) -> tuple[str, ...]:
    """Marketing goes to the browser used last, what the shop owes to all of them."""
    if not devices:
        return (ASSUMED_DEVICE,)
    if message_class is MessageClass.MARKETING:
        newest = max(devices, key=lambda device: (device.seen_at, device.subscription_id))
        return (newest.subscription_id,)
    return tuple(device.subscription_id for device in devices)


def _remember(turn: Turn, moment: Moment, job: PushJob) -> None:
    profile = turn.profile
    marketing = job.message_class is MessageClass.MARKETING
    _count(turn, moment, marketing=marketing)
    if not marketing:
        return
    kept = [pending for pending in profile.pending if pending.expires_at > turn.at]
    kept.append(
        Pending(job.job_id, moment.scenario, moment.entity, moment.step, turn.at,
                moment.first_due, job.expires_at, turn.rules.version, moment.opened_at)
    )  # fmt: skip
    profile.pending = kept[-bounds.MAX_PENDING :]


def _count(turn: Turn, moment: Moment, *, marketing: bool) -> None:
    """For caps and for once-only."""
    sent = turn.profile.sent
    sent.append(Sent(turn.at, moment.scenario, moment.step, marketing))
    if len(sent) > bounds.MAX_SENT_OWED:
        turn.profile.sent = newest_sent(sent, turn.rules.once)
