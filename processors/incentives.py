"""The voucher of a message: whether the user may have one, and which."""

from collections.abc import Mapping
from typing import Any

from processors.scenarios.base import Scenario
from processors.turn import Turn
from processors.vouchers import Voucher
from schemas.decisions import Reason

Refusal = tuple[Reason, Mapping[str, Any]]


def offer(turn: Turn, scenario: Scenario) -> tuple[Voucher | None, Refusal | None]:
    """The code that the message would carry, or why it may not be sent without one."""
    wanted = scenario.config.voucher
    if wanted is None:
        return None, None
    given_at = turn.profile.incentive_at
    if given_at and turn.at - given_at < turn.rules.policy.incentive_gap:
        evidence = {"cap": "incentive", "last_sent_at": given_at}
        return None, (Reason.FREQUENCY_CAP, evidence) if wanted.needed else None
    voucher = turn.desk.vouchers.next(wanted.pool, turn.at)
    if voucher is None and wanted.needed:
        return None, (Reason.NO_CODE, {"pool": wanted.pool})
    return voucher, None


def evidence_of(voucher: Voucher | None) -> dict[str, Any]:
    return {} if voucher is None else {"pool": voucher.pool, "code": voucher.code}
