"""What was sent is asked back: delivery alone knows whether that comes in time."""

from processors.scenarios.base import Scenario
from processors.traces import Pending
from processors.turn import Turn
from schemas import structs as e
from schemas.answers import Decision, Withdrawal
from schemas.decisions import Outcome, Reason


def unsay(turn: Turn, pending: Pending, scenario: Scenario, purchase: e.ShopEvent) -> bool:
    """Takes back a message that the purchase would have ended, had it come in time."""
    at = purchase.occurred_at
    spared = at > pending.at or scenario.spares(turn, pending.opened_at, at)
    if not spared and pending.expires_at > turn.active_at:
        reason = scenario.ended_by(turn, purchase, pending.entity)
        if reason is not None:
            withdraw(turn, pending, reason)
            return True
    return False


def withdraw_all(turn: Turn, reason: Reason) -> None:
    for pending in list(turn.profile.pending):
        if pending.expires_at > turn.active_at:
            withdraw(turn, pending, reason)


def withdraw(turn: Turn, pending: Pending, reason: Reason) -> None:
    """Asks delivery to hold a message back whose reason is gone."""
    turn.profile.pending.remove(pending)
    turn.desk.effects.withdrawals.append(
        Withdrawal(job_id=pending.decision_id, user_id=turn.key, at=turn.at, reason=reason.value)
    )
    turn.desk.decided(
        Decision(
            decision_id=pending.decision_id,
            user_id=turn.key,
            scenario=pending.scenario,
            step=pending.step,
            entity=pending.entity,
            due_at=pending.due_at,
            decided_at=turn.at,
            outcome=Outcome.WITHDRAW_REQUESTED,
            reason=reason,
            final=False,
            job_id=pending.decision_id,
            scenario_version=pending.version,
            evidence={},
        )
    )
