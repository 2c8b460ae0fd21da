"""What ops had told the workers that a replay heeds: campaigns, and codes for voucher pools.

Both are known from the beginning, as they stand at the end of the history. The rules are the
replay's own: versions of the scenario file and pauses are not heeded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeGuard

from nudge.campaigns import Known, note_said, said_of_campaign
from nudge.controls import Controls
from nudge.replay.records import Record
from processors.rule_book import RuleBook
from schemas.adapters import CONTROL, parse
from schemas.control import VoucherBatch
from schemas.topics import CAMPAIGNS, SCENARIOS, Topic


def steer(book: RuleBook, campaigns: Iterable[Known], vouchers: Iterable[VoucherBatch]) -> None:
    """Puts campaigns and codes into the book."""
    for batch in vouchers:
        book.add_vouchers(batch)
    for known in campaigns:
        book.add_campaign(known.start)
        if known.stop is not None:
            book.add_campaign(known.stop)


def is_steering(topic: Topic | None) -> TypeGuard[Topic]:
    """Whether records of that topic say what ops told the workers."""
    return topic in (CAMPAIGNS, SCENARIOS)


def check_steering(topic: Topic, value: bytes | None) -> None:
    """
    Raises:
        InvalidRecordError: a record of that topic cannot have this value.
    """
    if value is not None:
        said_of_campaign(value) if topic is CAMPAIGNS else parse(CONTROL, value)


@dataclass(slots=True)
class Steering:
    """What records of both topics said; what cannot be read says nothing."""

    campaigns: dict[str, Known] = field(default_factory=dict)
    controls: Controls = field(default_factory=Controls)

    def take(self, topic: Topic, record: Record) -> None:
        if topic is CAMPAIGNS:
            note_said(self.campaigns, record.value)
        else:
            self.controls.take((record.key or b"").decode(errors="replace"), record.value)

    def steer(self, book: RuleBook) -> None:
        """Puts what was said into the book."""
        steer(book, self.campaigns.values(), self.controls.vouchers.values())
