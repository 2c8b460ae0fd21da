"""Any record of Nudge's topics as one line for people."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from aiokafka import ConsumerRecord

from nudge.event_words import event_words, money
from nudge.reading import headers_of, key_of, topic_behind
from nudge.when import ago, clock, rfc3339
from schemas import topics
from schemas.adapters import (
    CAMPAIGN,
    CONTROL,
    HANDOVER,
    InvalidRecordError,
    adapter_of,
    parse,
    parse_catalog_event,
    parse_shop_event,
)
from schemas.aftermath import Attribution, CreditCause, Handoff
from schemas.campaigns import CampaignStop
from schemas.control import PartitionMark, Pause, ScenarioVersion, VoucherBatch
from schemas.decisions import DeadLetterReason, Decision, Outcome, Reason
from schemas.late import LateInput
from schemas.people import HandoverEvent, HandoverProfile, Interaction, Subscription
from schemas.push import Channel, PushJob, PushResult, ResultOutcome, Withdrawal
from schemas.segments import SegmentChange
from schemas.topics import Topic


class Kind(StrEnum):
    """What a line is about."""

    DID = "did"
    DECIDED = "decided"
    SENT = "sent"
    RESULT = "result"
    REACTED = "reacted"
    REACH = "reach"
    IDENTITY = "identity"
    CATALOGUE = "catalogue"
    CONTROL = "control"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Line:
    """One record in words. ``at``: when it happened, in ms, by the record's content."""

    at: int
    who: str
    kind: Kind
    words: str
    good: bool | None = None
    """Whether it is what one hopes for; ``None`` where that is no question."""


def line_of(record: ConsumerRecord) -> Line:
    """The record as a line; one that cannot be read becomes a line that says so."""
    key = key_of(record)
    topic = topic_behind(record.topic)
    try:
        if topic is topics.DEAD_LETTER:
            return _dead_letter(record, key)
        tell = _TELL.get(topic) if topic else None
        if tell is None:
            return Line(record.timestamp, key, Kind.CONTROL, f"{len(record.value or b'')} bytes")
        if record.value is None:
            return _without_value(topic, key, record.timestamp)
        return tell(record.value, record.timestamp)
    except InvalidRecordError as error:
        return Line(record.timestamp, key, Kind.TROUBLE, f"unreadable: {error}", good=False)


def _without_value(topic: Topic | None, key: str, at: int) -> Line:
    if topic is topics.SUBSCRIPTIONS:
        who, _, which = key.rpartition("/")
        words = f"can no longer be pushed to at device {which[:8]}"
        return Line(at, who or key, Kind.REACH, words)
    if topic is not None and topic.cleanup is topics.Cleanup.COMPACT:
        return Line(at, key, Kind.CONTROL, f"{key} ended")
    return Line(at, key, Kind.TROUBLE, "a record without a value", good=False)


def _shop_event(value: bytes, _: int) -> Line:
    event = parse_shop_event(value)
    who = event.user_id or event.anonymous_id or ""
    if event.type in ("login", "sign_up") and event.anonymous_id:
        who = event.anonymous_id
    return Line(event.occurred_at, who, Kind.DID, event_words(event))


def _catalog_event(value: bytes, _: int) -> Line:
    event = parse_catalog_event(value)
    return Line(event.occurred_at, "the shop", Kind.CATALOGUE, event_words(event))


def _product(value: bytes, at: int) -> Line:
    try:
        return Line(at, "the shop", Kind.CATALOGUE, _product_words(orjson.loads(value)))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        said = f"no product: {type(error).__name__}"
        raise InvalidRecordError(DeadLetterReason.INVALID, said) from None


def _product_words(raw: dict[str, Any]) -> str:
    if "until" in raw:
        return f"catalogue folded up to {rfc3339(raw['until'])}"
    if "content_id" in raw:
        return f"content {raw['content_id']}: {raw['title']}"
    changes = [
        f"price {money(change['price'], raw.get('currency'))}"
        if change.get("price") is not None
        else f"stock {change.get('quantity')}"
        for change in raw.get("changes", [])
    ]
    return f"{raw['product_id']}: {', '.join(changes) or 'described anew'}"


def _decision(value: bytes, _: int) -> Line:
    decision = parse(adapter_of(Decision), value)
    step = f" step {decision.step}" if decision.step > 1 else ""
    about = f" about {decision.entity}" if decision.entity not in (None, "", "cart") else ""
    head = f"{decision.scenario}{step}{about}: {decision.outcome}"
    why = "" if decision.reason is Reason.OK else f". {decision.reason.about} ({decision.reason})"
    late = decision.decided_at - decision.due_at
    due = f" [due {ago(late)} earlier]" if late > 60_000 else ""
    good = decision.outcome is Outcome.SENT
    return Line(decision.decided_at, decision.user_id, Kind.DECIDED, head + why + due, good)


def _job(value: bytes, _: int) -> Line:
    job = parse(adapter_of(PushJob), value)
    devices = f"{len(job.devices)} device{'s' if len(job.devices) > 1 else ''}"
    if job.channel is Channel.ONSITE:
        devices = "on the page in front"
    until = ago(job.expires_at - job.created_at)
    return Line(
        job.created_at,
        job.user_id,
        Kind.SENT,
        f"“{job.payload.title}” – {job.payload.body} ({job.message_class}, {devices}, for {until})",
    )


def _withdrawal(value: bytes, _: int) -> Line:
    taken = parse(adapter_of(Withdrawal), value)
    words = f"job {taken.job_id} taken back: {taken.reason}"
    return Line(taken.at, taken.user_id, Kind.SENT, words)


def _result(value: bytes, _: int) -> Line:
    result = parse(adapter_of(PushResult), value)
    facts = [f"device {result.subscription_id[:8]}", f"attempt {result.attempt}"]
    if result.status is not None:
        facts.append(str(result.status))
    if result.latency_ms is not None:
        facts.append(f"{result.latency_ms} ms")
    if result.detail:
        facts.append(result.detail)
    words = f"{result.scenario}: {result.outcome}. {result.outcome.about} ({', '.join(facts)})"
    good = result.outcome is ResultOutcome.DELIVERED
    return Line(result.at, result.user_id, Kind.RESULT, words, good)


def _interaction(value: bytes, _: int) -> Line:
    seen = parse(adapter_of(Interaction), value)
    action = f" ({seen.action})" if seen.action else ""
    return Line(
        seen.occurred_at, seen.user_id, Kind.REACTED, f"{seen.type} {seen.scenario}{action}"
    )


def _subscription(value: bytes, at: int) -> Line:
    held = parse(adapter_of(Subscription), value)
    host = held.endpoint.partition("//")[2].partition("/")[0]
    words = f"can be pushed to at device {held.subscription_id[:8]} through {host}"
    return Line(at, held.user_id, Kind.REACH, words)


def _handover(value: bytes, at: int) -> Line:
    handed = parse(HANDOVER, value)
    if isinstance(handed, HandoverProfile):
        words = f"took over what {handed.anonymous_id} had done, by {handed.event_type}"
        return Line(handed.occurred_at, handed.user_id, Kind.IDENTITY, words)
    if isinstance(handed, HandoverEvent):
        words = f"what {handed.anonymous_id} did followed: {_followed(handed.event)}"
    else:
        words = f"the browser of {handed.anonymous_id} followed"
    return Line(at, handed.user_id, Kind.IDENTITY, words)


def _followed(event: dict[str, Any]) -> str:
    try:
        return event_words(parse_shop_event(orjson.dumps(event)))
    except InvalidRecordError:  # another release's
        return str(event.get("type"))


def _late(value: bytes, _: int) -> Line:
    late = parse(adapter_of(LateInput), value)
    behind = ago(late.clock - late.occurred_at)
    words = f"{late.topic}[{late.partition}]@{late.offset} came {behind} behind the clock"
    return Line(late.recorded_at, late.user_id, Kind.TROUBLE, words)


def _attribution(value: bytes, _: int) -> Line:
    credit = parse(adapter_of(Attribution), value)
    amount = money(credit.value, credit.currency)
    words = f"{credit.scenario}: {amount} of order {credit.order_id} by a {credit.touch}"
    words += "" if credit.cause is CreditCause.ORDER else f" ({credit.cause})"
    return Line(credit.at, credit.user_id, Kind.REACTED, words, good=credit.value >= 0)


def _handoff(value: bytes, _: int) -> Line:
    handoff = parse(adapter_of(Handoff), value)
    why = f"{handoff.reason.about} ({handoff.reason})"
    words = f"{handoff.scenario} is handed to {handoff.channel}. {why}"
    return Line(handoff.at, handoff.user_id, Kind.SENT, words)


def _segment(value: bytes, _: int) -> Line:
    change = parse(adapter_of(SegmentChange), value)
    words = f"{'is in' if change.entered else 'has left'} the segment {change.segment}"
    return Line(change.at, change.user_id, Kind.REACTED, words)


def _control(value: bytes, at: int) -> Line:
    control = parse(CONTROL, value)
    if isinstance(control, Pause):
        words = "sending paused" if control.paused else "sending resumed"
        words += f" by {control.by}" if control.by else ""
        words += f": {control.reason}" if control.reason else ""
        return Line(control.at, "ops", Kind.CONTROL, words)
    if isinstance(control, ScenarioVersion):
        words = f"scenarios {control.version} in force from {clock(control.effective_at, now=at)}"
        return Line(at, control.applied_by or "ops", Kind.CONTROL, words)
    if isinstance(control, VoucherBatch):
        words = f"{len(control.codes)} codes loaded into {control.pool}"
        return Line(control.effective_at, control.loaded_by or "ops", Kind.CONTROL, words)
    words = f"topics made: {control.partitions} partitions, deployment {control.id}"
    return Line(control.created_at, "ops", Kind.CONTROL, words)


def _campaign(value: bytes, at: int) -> Line:
    said = parse(CAMPAIGN, value)
    if isinstance(said, CampaignStop):
        return Line(said.at, said.by or "ops", Kind.CONTROL, f"campaign {said.campaign_id} stopped")
    words = f"campaign {said.campaign_id} started"
    words += "" if said.audience is None else f", for about {said.audience}"
    return Line(at, said.by or "ops", Kind.CONTROL, words)


def _mark(value: bytes, at: int) -> Line:
    mark = parse(adapter_of(PartitionMark), value)
    words = f"partition {mark.partition} has done all up to {rfc3339(mark.until)}"
    return Line(at, "a worker", Kind.CONTROL, words)


def _dead_letter(record: ConsumerRecord, key: str) -> Line:
    said = headers_of(record)
    source = f"{said.get('nudge-topic')}[{said.get('nudge-partition')}]@{said.get('nudge-offset')}"
    reason = said.get("nudge-reason")
    if reason is None:
        return Line(record.timestamp, key, Kind.TROUBLE, f"{source}: published anew", good=True)
    words = (
        f"{source}: {reason}. {DeadLetterReason.about_of(reason)} {said.get('nudge-error') or ''}"
    )
    return Line(record.timestamp, key, Kind.TROUBLE, words, good=False)


_TELL: dict[Topic, Callable[[bytes, int], Line]] = {
    topics.SHOP_EVENTS: _shop_event,
    topics.SHOP_CATALOG: _catalog_event,
    topics.PRODUCTS: _product,
    topics.SCENARIOS: _control,
    topics.CAMPAIGNS: _campaign,
    topics.MARKS: _mark,
    topics.SUBSCRIPTIONS: _subscription,
    topics.INTERACTIONS: _interaction,
    topics.JOBS: _job,
    topics.WITHDRAWALS: _withdrawal,
    topics.DECISIONS: _decision,
    topics.RESULTS: _result,
    topics.HANDOVERS: _handover,
    topics.LATE: _late,
    topics.ATTRIBUTIONS: _attribution,
    topics.SEGMENTS: _segment,
    topics.HANDOFFS: _handoff,
}
