"""Campaigns on their way through a partition: every profile is visited once for each occurrence.

A walk goes on by a slice a step, after the news of products. Whoever has input of their own
meanwhile is visited first, so that it makes no difference how fast the walk is. Who was visited
is marked in the profile, in the same transaction as what was opened: a walk that begins anew
after a restart passes them over.
"""

from zoneinfo import ZoneInfo

import msgspec

from processors.campaigns import Campaign, Occurrence
from processors.desk import Desk
from processors.judge import judge_due
from processors.localtime import zone
from processors.opened import OpenProfiles
from processors.profile import Profile
from processors.table import NEVER, ProfileTable
from processors.turn import Turn


class CampaignWalk(msgspec.Struct, array_like=True):
    """One under way, as it is kept at rest. Times in ms.

    ``occurrence``: when its walk was to begin, by which the campaign knows which it is; ``at``:
    when it did.
    """

    number: int
    campaign: str
    occurrence: int
    at: int


class CampaignState(msgspec.Struct, array_like=True):
    """``walked``: the number of the newest walk; ``begun``: the newest occurrence (ms) of each."""

    walked: int = 0
    begun: dict[str, int] = {}
    walks: list[CampaignWalk] = []


class _UnderWay:
    __slots__ = ("campaign", "cursor", "end", "occurrence", "walk")

    def __init__(
        self, walk: CampaignWalk, campaign: Campaign, occurrence: Occurrence, end: int
    ) -> None:
        self.walk = walk
        self.campaign = campaign
        self.occurrence = occurrence
        self.cursor = 0
        self.end = end
        """Users with greater numbers came after it began."""


class CampaignWalks:
    """``next_at``: when (ms) one is to begin; :data:`processors.table.NEVER` for none."""

    __slots__ = (
        "_begun", "_desk", "_next", "_open", "_revision", "_slice_size", "_table", "_walked",
        "next_at", "walks",
    )  # fmt: skip

    def __init__(
        self,
        desk: Desk,
        table: ProfileTable,
        opened: OpenProfiles,
        slice_size: int,
        state: CampaignState,
    ) -> None:
        self._desk = desk
        desk.campaigns = self
        self._table = table
        self._open = opened
        self._slice_size = slice_size
        self._walked = state.walked
        self._begun = state.begun
        self._revision = -1
        self._next: tuple[Campaign, Occurrence] | None = None
        self.next_at = NEVER
        self.walks: list[_UnderWay] = []
        for walk in state.walks:
            self._resume(walk)

    def state(self) -> CampaignState:
        return CampaignState(self._walked, self._begun, [one.walk for one in self.walks])

    def _resume(self, walk: CampaignWalk) -> None:
        campaign = self._desk.book.campaigns.get(walk.campaign)
        if campaign is None:
            return
        occurrence = campaign.occurrence(walk.occurrence, self._shop())
        if occurrence is not None:
            self.walks.append(_UnderWay(walk, campaign, occurrence, self._table.numbers))

    def _shop(self) -> ZoneInfo:
        name = self._desk.book.at(self._desk.clock).shop.timezone
        return zone(name, name)

    def look(self) -> None:
        """Learns of campaigns that were started or stopped since."""
        book = self._desk.book
        if book.campaign_revision == self._revision or not book:
            return
        self._revision = book.campaign_revision
        self._find_next()

    def _find_next(self) -> None:
        found = [
            (occurrence.at, name, campaign, occurrence)
            for name, campaign in self._desk.book.campaigns.items()
            if (occurrence := campaign.next_after(self._begun.get(name, -1), self._shop()))
        ]
        first = min(found, key=lambda one: one[:2], default=None)
        self._next = None if first is None else first[2:]
        self.next_at = NEVER if first is None else first[0]

    def begin(self, until: int) -> None:
        """Begins every walk that is to begin by ``until`` (ms); small ones end at once."""
        for key in self._open.touched:  # who came in this very step is of the audience as well
            self._table.number_for(key.encode())
        while self._next is not None and self.next_at <= until:
            campaign, occurrence = self._next
            self._walked += 1
            at = max(occurrence.at, self._desk.clock)
            walk = CampaignWalk(self._walked, campaign.name, occurrence.at, at)
            end = self._table.numbers
            self.walks.append(_UnderWay(walk, campaign, occurrence, end))
            self._begun[campaign.name] = occurrence.at
            self._find_next()
        while self.walks and self._table.numbers <= self._slice_size:
            self.walk_on()

    def walk_on(self) -> None:
        """Visits the next slice of the oldest walk."""
        under_way = self.walks[0]
        start = under_way.cursor
        under_way.cursor = min(start + self._slice_size, under_way.end)
        for number in range(start, under_way.cursor):
            encoded = self._table.key_of(number)
            if encoded is not None:
                key = encoded.decode()
                if self._is_for(under_way, self._open.look(key)):
                    self.catch_up(key, self._open.touch(key), under_way.walk.at)
        if under_way.cursor >= under_way.end:
            self.walks.pop(0)

    def catch_up(self, key: str, profile: Profile, until: int) -> None:
        """Whatever began by ``until`` (ms) and is on its way to the user comes first.

        So does all that began by the clock: nobody is judged up to it by some of that alone.
        """
        clock = self._desk.clock
        if self.come(key, profile, max(until, clock)) <= clock:
            judge_due(self._desk, key, profile, clock)

    def come(self, key: str, profile: Profile, until: int) -> int:
        """Opens what began by ``until`` (ms); when the last of it did, ``NEVER`` for none."""
        last = NEVER
        for under_way in self.walks:
            walk = under_way.walk
            if walk.at <= until and profile.campaigned < walk.number:
                if self._is_for(under_way, profile):
                    self._visit(under_way, key, profile)
                    last = walk.at
                profile.campaigned = walk.number
        return last

    def _is_for(self, under_way: _UnderWay, profile: Profile) -> bool:
        walk, desk = under_way.walk, self._desk
        return profile.campaigned < walk.number and under_way.campaign.is_for(
            profile, desk.book.at(walk.at), walk.at, assumed=desk.assume_reachable
        )

    def _visit(self, under_way: _UnderWay, key: str, profile: Profile) -> None:
        at = under_way.walk.at
        self._open.touch(key)
        judge_due(self._desk, key, profile, at)
        under_way.campaign.open_for(Turn(self._desk, key, profile, at), under_way.occurrence)
