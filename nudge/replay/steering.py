"""What ops had told the workers that a replay heeds: campaigns, and codes for voucher pools.

Both are known from the beginning, as they stand at the end of the history. The rules are the
replay's own: versions of the scenario file and pauses are not heeded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeGuard

from nudge.campaigns import Known, note_said
from nudge.controls import Controls
from nudge.replay.records import Record, check_time
from processors.campaign_file import CampaignFileError, read
from processors.rule_book import RuleBook
from schemas.adapters import CAMPAIGN, CONTROL, InvalidRecordError, parse
from schemas.campaigns import CampaignEvent, CampaignStart
from schemas.control import VoucherBatch
from schemas.decisions import DeadLetterReason
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
    if topic is CAMPAIGNS:
        _campaign(value)
    elif value is not None:
        parse(CONTROL, value)


def _campaign(value: bytes | None) -> CampaignEvent:
    said = parse(CAMPAIGN, value)
    check_time("at", said.at)
    if isinstance(said, CampaignStart):
        try:
            read(said.yaml, said.campaign_id)
        except CampaignFileError as error:
            raise InvalidRecordError(DeadLetterReason.INVALID, str(error)) from None
    return said


@dataclass(slots=True)
class Steering:
    """What records of both topics said; what cannot be read says nothing."""

    campaigns: dict[str, Known] = field(default_factory=dict)
    controls: Controls = field(default_factory=Controls)

    def take(self, topic: Topic, record: Record) -> None:
        if topic is SCENARIOS:
            self.controls.take((record.key or b"").decode(errors="replace"), record.value)
            return
        try:
            note_said(self.campaigns, _campaign(record.value))
        except InvalidRecordError:
            return

    def steer(self, book: RuleBook) -> None:
        """Puts what was said into the book."""
        steer(book, self.campaigns.values(), self.controls.vouchers.values())
