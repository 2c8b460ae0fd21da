"""What ops had told the workers that a replay heeds: campaigns, and codes for voucher pools.

Both are known from the beginning, as they stand at the end of the history. The rules are the
replay's own: versions of the scenario file and pauses are not heeded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeGuard

from nudge.campaigns import Known, note_said
from nudge.controls import Controls
from nudge.reading import key_of
from nudge.refusals import campaign_refused
from nudge.replay.records import Record
from processors.rule_book import RuleBook
from schemas.adapters import CAMPAIGN, CONTROL, InvalidRecordError, parse
from schemas.campaigns import CampaignStart
from schemas.control import VoucherBatch
from schemas.decisions import DeadLetterReason
from schemas.topics import CAMPAIGNS, SCENARIOS, Topic


def steer(
    book: RuleBook, campaigns: Iterable[Known], vouchers: Iterable[VoucherBatch]
) -> list[str]:
    """Puts campaigns and codes into the book.

    Answers what is wrong with those campaigns that are left out, as workers leave them out.
    """
    refused = []
    for batch in vouchers:
        book.add_vouchers(batch)
    for known in campaigns:
        if (said := campaign_refused(known.start)) is not None:
            refused.append(said)
            continue
        book.add_campaign(known.start)
        if known.stop is not None:
            book.add_campaign(known.stop)
    return refused


def is_steering(topic: Topic | None) -> TypeGuard[Topic]:
    """Whether records of that topic say what ops told the workers."""
    return topic in (CAMPAIGNS, SCENARIOS)


def check_steering(topic: Topic, value: bytes | None) -> None:
    """
    Raises:
        InvalidRecordError: a record of that topic cannot have this value.
    """
    if value is None:
        return
    if topic is not CAMPAIGNS:
        parse(CONTROL, value)
        return
    said = parse(CAMPAIGN, value)
    if isinstance(said, CampaignStart) and (wrong := campaign_refused(said)) is not None:
        raise InvalidRecordError(DeadLetterReason.INVALID, wrong)


@dataclass(slots=True)
class Steering:
    """What records of both topics said; what cannot be read says nothing."""

    campaigns: dict[str, Known] = field(default_factory=dict)
    controls: Controls = field(default_factory=Controls)

    def take(self, topic: Topic, record: Record) -> None:
        if topic is CAMPAIGNS:
            note_said(self.campaigns, record.value)
        else:
            key = key_of(record)
            self.controls.take(key, record.value, record.timestamp)

    def steer(self, book: RuleBook) -> None:
        """Puts what was said into the book."""
        steer(book, self.campaigns.values(), self.controls.vouchers.values())
