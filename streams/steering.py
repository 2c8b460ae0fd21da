"""What steers every worker, from its topics into the rule book: versions, pauses, codes, campaigns.

What cannot be read changes nothing: the commands check before they write. What this release
refuses, and another found good, is kept in mind for ops: until it is mended older rules go on.
"""

from typing import Any

import structlog

from processors.campaign_file import CampaignFileError
from processors.rule_book import RuleBook
from processors.scenario_file import ScenarioFileError
from schemas.adapters import CAMPAIGN, CONTROL, InvalidRecordError, parse
from schemas.control import Pause, ScenarioVersion, VoucherBatch

log = structlog.get_logger(__name__)


class Steering:
    """Writes into ``book``. ``campaigns`` are those that were refused, and not stopped since."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._refused: dict[str, tuple[int, str]] = {}
        self.campaigns: set[str] = set()

    def control(self, record: Any) -> None:
        """A record of ``nudge.scenarios``."""
        if record.value is None:
            return
        try:
            said = parse(CONTROL, record.value)
            if isinstance(said, ScenarioVersion):
                self._version(said)
            elif isinstance(said, Pause):
                self._book.set_pause(said)
            elif isinstance(said, VoucherBatch):
                self._book.add_vouchers(said)
        except (InvalidRecordError, ScenarioFileError) as error:
            log.error("scenarios_not_readable", offset=record.offset, error=str(error))

    def _version(self, said: ScenarioVersion) -> None:
        try:
            self._book.add_version(said)
        except ScenarioFileError as error:
            self._refused[said.version] = (said.effective_at, str(error))
            raise
        self._refused.pop(said.version, None)

    def campaign(self, record: Any) -> None:
        """A record of ``push.campaigns``."""
        if record.value is None:
            return
        try:
            said = parse(CAMPAIGN, record.value)
            self.campaigns.discard(said.campaign_id)
            try:
                self._book.add_campaign(said)
            except CampaignFileError:
                self.campaigns.add(said.campaign_id)
                raise
        except (InvalidRecordError, CampaignFileError) as error:
            log.error("campaign_not_readable", offset=record.offset, error=str(error))

    def refused(self, now: int) -> str | None:
        """The version that would be in force at ``now`` (ms) and is refused, in words for ops."""
        taken = [(start, name, error) for name, (start, error) in self._refused.items()
                 if start <= now]  # fmt: skip
        since = max((start for start, _ in self._book.versions() if start <= now), default=-1)
        start, name, error = max(taken, default=(-1, "", ""))
        if start < since or not name:
            return None
        instead = "older rules go on" if self._book else "nothing is decided"
        return f"this release refuses version {name}, {instead}: {error}"
