"""What a replay came to."""

from dataclasses import dataclass, field

from schemas import decisions
from schemas.aftermath import Attribution, Handoff
from schemas.decisions import Decision
from schemas.late import LateInput
from schemas.push import PushJob
from schemas.segments import SegmentChange


@dataclass(slots=True)
class Outcome:
    """What a replay came to, in the order of the decisions' times within each stretch."""

    decisions: list[Decision] = field(default_factory=list)
    jobs: list[PushJob] = field(default_factory=list)
    late: list[LateInput] = field(default_factory=list)
    attributions: list[Attribution] = field(default_factory=list)
    handoffs: list[Handoff] = field(default_factory=list)
    segments: list[SegmentChange] = field(default_factory=list)


def in_order(made: list[Decision]) -> list[Decision]:
    """By time; what takes a message back, by a purchase told late, comes after the message."""
    spoken = {d.decision_id: d.decided_at for d in made if d.outcome is decisions.Outcome.SENT}

    def place(one: Decision) -> tuple[int, str, int, str]:
        at, number = one.decided_at, one.decision_id
        if one.outcome is decisions.Outcome.WITHDRAW_REQUESTED:
            return max(at, spoken.get(number, 0)), one.user_id, 2, number
        return at, one.user_id, one.final, number

    return sorted(made, key=place)
