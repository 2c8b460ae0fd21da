"""What steers every worker, from its topics into the rule book: versions, pauses, codes, campaigns.

What cannot be read changes nothing: the commands check before they write.
"""

from typing import Any

import structlog

from processors.campaign_file import CampaignFileError
from processors.rule_book import RuleBook
from processors.scenario_file import ScenarioFileError
from schemas.adapters import CAMPAIGN, CONTROL, InvalidRecordError, parse
from schemas.control import Pause, ScenarioVersion, VoucherBatch

log = structlog.get_logger(__name__)


def control(book: RuleBook, record: Any) -> None:
    """A record of ``nudge.scenarios``."""
    if record.value is None:
        return
    try:
        said = parse(CONTROL, record.value)
        if isinstance(said, ScenarioVersion):
            book.add_version(said)
        elif isinstance(said, Pause):
            book.set_pause(said)
        elif isinstance(said, VoucherBatch):
            book.add_vouchers(said)
    except (InvalidRecordError, ScenarioFileError) as error:
        log.error("scenarios_not_readable", offset=record.offset, error=str(error))


def campaign(book: RuleBook, record: Any) -> None:
    """A record of ``push.campaigns``."""
    if record.value is None:
        return
    try:
        book.add_campaign(parse(CAMPAIGN, record.value))
    except (InvalidRecordError, CampaignFileError) as error:
        log.error("campaign_not_readable", offset=record.offset, error=str(error))
