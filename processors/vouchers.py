"""Voucher codes: which one a decision gets, so that no two users ever get the same.

A code belongs to the partition of its place in its batch (place modulo P), for good: partitions
draw without asking each other, and a partition's count of drawn codes is all that it must keep.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.control import VoucherBatch

if TYPE_CHECKING:
    from processors.rule_book import RuleBook


@dataclass(frozen=True, slots=True)
class Voucher:
    """A code that can be had. Money in minor units, ``expires_at`` in ms."""

    code: str
    batch: str
    pool: str
    value: int | None
    currency: str | None
    expires_at: int | None

    def data(self, currency: str | None) -> Mapping[str, Any]:
        """``voucher`` as copy sees it; ``currency``: the shop's, where the batch names none."""
        known = {
            "code": self.code,
            "value": self.value,
            "currency": self.currency or currency,
            "expires_at": self.expires_at,
        }
        return {name: value for name, value in known.items() if value is not None}


class VoucherDrawer:
    """One partition's codes. ``drawn``: how many of its own it has given, by batch."""

    __slots__ = ("_book", "_partition", "_partitions", "drawn")

    def __init__(self, book: "RuleBook", partition: int, partitions: int) -> None:
        self._book = book
        self._partition = partition
        self._partitions = partitions
        self.drawn: dict[str, int] = {}

    def next(self, pool: str, at: int) -> Voucher | None:
        """The code that comes next at ``at`` (ms); ``None`` where the pool has no more here."""
        for batch in self._book.vouchers(pool, at):
            if batch.expires_at is not None and batch.expires_at <= at:
                continue
            place = self._partition + self.drawn.get(batch.batch, 0) * self._partitions
            if place < len(batch.codes):
                return _voucher(batch, batch.codes[place])
        return None

    def take(self, voucher: Voucher) -> None:
        """The code is given away."""
        self.drawn[voucher.batch] = self.drawn.get(voucher.batch, 0) + 1


def _voucher(batch: VoucherBatch, code: str) -> Voucher:
    return Voucher(code, batch.batch, batch.pool, batch.value, batch.currency, batch.expires_at)
