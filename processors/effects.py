"""What a step answers: everything that one transaction is to hold."""

from dataclasses import dataclass, field

from processors.inputs import Source
from schemas.aftermath import Attribution, Handoff
from schemas.decisions import Decision
from schemas.late import LateInput
from schemas.people import Handover, Subscription
from schemas.push import PushJob, Withdrawal
from schemas.segments import SegmentChange


@dataclass(frozen=True, slots=True)
class DecisionMade:
    decision: Decision
    source: Source | None
    """The input that led to it; ``None`` where it was the clock."""


@dataclass(frozen=True, slots=True)
class HandoverSent:
    handover: Handover
    place: int
    """Its place in the order of what the user is told (ms): the record's timestamp."""


@dataclass(frozen=True, slots=True)
class SubscriptionMoved:
    """A subscription written (or, with ``None``, ended) under a user's key."""

    user_id: str
    subscription_id: str
    subscription: Subscription | None


@dataclass(slots=True)
class Effects:
    """The answer to one step, in the order it came about. ``writes``: table rows by key."""

    writes: dict[bytes, bytes | None] = field(default_factory=dict)
    jobs: list[PushJob] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    decisions: list[DecisionMade] = field(default_factory=list)
    handovers: list[HandoverSent] = field(default_factory=list)
    subscriptions: list[SubscriptionMoved] = field(default_factory=list)
    late: list[LateInput] = field(default_factory=list)
    attributions: list[Attribution] = field(default_factory=list)
    handoffs: list[Handoff] = field(default_factory=list)
    segments: list[SegmentChange] = field(default_factory=list)
