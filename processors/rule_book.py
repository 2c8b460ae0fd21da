"""Which version of the scenario file is in force when, and when sending is paused."""

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import replace

from processors.campaign_file import read
from processors.campaigns import Campaign
from processors.rules import Rules
from processors.scenario_file import load
from processors.table import NEVER
from schemas.campaigns import CampaignEvent, CampaignStop
from schemas.control import Pause, ScenarioVersion, VoucherBatch


class NoRulesError(RuntimeError):
    """No version of the scenario file was ever applied."""


class RuleBook:
    """Every version by the time it takes force, and every pause."""

    __slots__ = (
        "_pauses", "_starts", "_versions", "_vouchers", "campaign_revision", "campaigns", "only",
    )  # fmt: skip

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._versions: list[Rules] = []
        self.only: Rules | None = None
        """The one version there is; ``None`` where there are none or several."""
        self._pauses: list[tuple[int, bool]] = []
        self._vouchers: dict[str, list[VoucherBatch]] = {}
        self.campaigns: dict[str, Campaign] = {}
        """Every campaign that was ever started, by its scenario's name."""
        self.campaign_revision = 0
        """Counts what was said of campaigns."""

    def __bool__(self) -> bool:
        return bool(self._versions)

    def add(self, rules: Rules, effective_at: int) -> None:
        """``rules`` are in force from ``effective_at`` (ms) until the next version is."""
        known = [version.version for version in self._versions]
        if rules.version in known:
            place = known.index(rules.version)
            if self._starts[place] == effective_at:
                return
            del self._starts[place], self._versions[place]
        place = bisect_right(self._starts, effective_at)
        if self.campaigns:
            rules = replace(rules, scenarios={**rules.scenarios, **self.campaigns})
        self._starts.insert(place, effective_at)
        self._versions.insert(place, rules)
        self._note_only()

    def _note_only(self) -> None:
        self.only = self._versions[0] if len(self._versions) == 1 else None

    def at(self, time: int) -> Rules:
        """The version in force at ``time`` (ms); before the first, the first.

        Raises:
            NoRulesError: there is none.
        """
        versions = self._versions
        if len(versions) == 1:
            return versions[0]
        if not versions:
            raise NoRulesError("no scenario file was applied yet: run `nudge scenarios apply FILE`")
        return versions[max(bisect_right(self._starts, time) - 1, 0)]

    def next_start(self, after: int) -> int:
        """When (ms) the next version after ``after`` takes force; ``NEVER`` where none does."""
        place = bisect_right(self._starts, after)
        return self._starts[place] if 0 < place < len(self._starts) else NEVER

    def named(self, version: str) -> Rules | None:
        """The version of that name; ``None`` where it was never applied."""
        for rules in self._versions:
            if rules.version == version:
                return rules
        return None

    def add_version(self, version: ScenarioVersion) -> None:
        """Puts an applied version of the scenario file into the book.

        Raises:
            ScenarioFileError: anything is wrong with it.
        """
        source = f"version {version.version}"
        self.add(load(version.yaml, source, version.version, applied=True), version.effective_at)

    def add_vouchers(self, batch: VoucherBatch) -> None:
        """Codes for a pool; a batch that is known already adds none."""
        batches = self._vouchers.setdefault(batch.pool, [])
        if all(batch.batch != known.batch for known in batches):
            insort(batches, batch, key=lambda known: (known.effective_at, known.batch))

    def vouchers(self, pool: str, time: int) -> Iterator[VoucherBatch]:
        """The pool's batches that are usable from ``time`` (ms) or before, the oldest first."""
        for batch in self._vouchers.get(pool, ()):
            if batch.effective_at <= time:
                yield batch

    def add_campaign(self, said: CampaignEvent) -> None:
        """A campaign started or stopped. The same id started again takes the first one's place.

        Raises:
            CampaignFileError: anything is wrong with its file.
        """
        self.campaign_revision += 1
        if isinstance(said, CampaignStop):
            for campaign in self.campaigns.values():
                if campaign.file.id == said.campaign_id and campaign.started_at <= said.at:
                    campaign.stopped_at = min(campaign.stopped_at, said.at)
            return
        campaign = Campaign(read(said.yaml, said.campaign_id), said.at, said.audience)
        self.campaigns[campaign.name] = campaign
        self._versions = [
            replace(rules, scenarios={**rules.scenarios, campaign.name: campaign})
            for rules in self._versions
        ]
        self._note_only()

    def set_pause(self, pause: Pause) -> None:
        insort(self._pauses, (pause.at, pause.paused))

    def paused(self, time: int) -> bool:
        """Whether sending was paused at ``time`` (ms)."""
        place = bisect_right(self._pauses, (time, True))
        return place > 0 and self._pauses[place - 1][1]

    def versions(self) -> tuple[tuple[int, str], ...]:
        """(effective from in ms, version) of each version, in order."""
        return tuple(
            (start, rules.version)
            for start, rules in zip(self._starts, self._versions, strict=True)
        )
