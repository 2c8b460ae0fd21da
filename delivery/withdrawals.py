"""Jobs that were taken back, by partition."""

from collections import deque

import structlog
from aiokafka import ConsumerRecord
from pydantic import TypeAdapter

from schemas.adapters import InvalidRecordError, parse
from schemas.push import Withdrawal

log = structlog.get_logger(__name__)
_WITHDRAWAL: TypeAdapter[Withdrawal] = TypeAdapter(Withdrawal)


class Withdrawals:
    """What one partition of ``push.withdrawals`` says. Forgets what no job can need any more."""

    def __init__(self, longest_ms: int) -> None:
        self._longest_ms = longest_ms
        self._reasons: dict[str, str] = {}
        self._order: deque[tuple[int, str]] = deque()

    def apply(self, record: ConsumerRecord) -> str | None:
        """Takes a record in; returns the job it takes back."""
        try:
            withdrawal = parse(_WITHDRAWAL, record.value)
        except InvalidRecordError as error:
            log.warning("withdrawal_unreadable", partition=record.partition, offset=record.offset,
                        error=str(error))  # fmt: skip
            return None
        if withdrawal.job_id not in self._reasons:
            self._order.append((record.timestamp, withdrawal.job_id))
        self._reasons[withdrawal.job_id] = withdrawal.reason
        return withdrawal.job_id

    def reason(self, job_id: str) -> str | None:
        """Why the job was taken back; ``None``: it was not."""
        return self._reasons.get(job_id)

    def forget_before(self, now_ms: int) -> None:
        """Drops withdrawals that no job still held can be under."""
        oldest = now_ms - 2 * self._longest_ms
        while self._order and self._order[0][0] < oldest:
            self._reasons.pop(self._order.popleft()[1], None)
