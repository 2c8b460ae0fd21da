"""News of products on its way through a partition: whom it concerns is visited, each once.

What concerns few is told at once. What concerns many goes on by a slice a step; whoever has input
of their own meanwhile is visited first, so that it makes no difference how fast the walk is.
"""

from processors import news
from processors.desk import Desk
from processors.index import InterestIndex
from processors.inputs import FactRecord
from processors.judge import judge_due
from processors.news import Tie, UnderWay, Walk
from processors.opened import OpenProfiles
from processors.profile import Profile
from processors.table import ProfileTable


class NewsWalks:
    """``walks``: those under way, the oldest first; ``walked``: the number of the newest."""

    def __init__(
        self,
        desk: Desk,
        table: ProfileTable,
        index: InterestIndex,
        opened: OpenProfiles,
        slice_size: int,
    ) -> None:
        self._desk = desk
        self._table = table
        self._index = index
        self._open = opened
        self._slice_size = slice_size
        self.walks: list[UnderWay] = []
        self.walked = 0

    def resume(self, walk: Walk) -> None:
        """Goes on with one that was under way: from its beginning, whom it has visited aside."""
        version = self._desk.catalogue.version(walk.product_id, walk.offset)
        if version is None or (facts := version.facts) is None:
            return
        interested = news.interested(self._desk.book, version, walk.at)
        waiting = self._index.watchers(interested.subjects)
        self.walks.append(UnderWay(walk, facts, interested, waiting))

    def tell(self, fact: FactRecord) -> None:
        """A product has a new version: visits whom that concerns, or begins to."""
        desk, source = self._desk, fact.source
        partition, offset = source.partition, source.offset
        if offset <= desk.applied.get(partition, -1):
            return
        desk.applied[partition] = offset
        version = desk.catalogue.version(fact.key, offset)
        if version is None:
            return
        at = max(fact.recorded_at, desk.clock)
        interested = news.interested(desk.book, version, at)
        facts, waiting = version.facts, self._index.watchers(interested.subjects)
        if facts is None or not waiting:
            return
        if desk.campaigns is not None and desk.campaigns.next_at < at:
            desk.campaigns.begin(at - 1)
        walk = Walk(0, fact.key, partition, offset, at)
        if len(waiting) <= self._slice_size:
            self._visit(UnderWay(walk, facts, interested, waiting), waiting)
            return
        self.walked += 1
        walk.number = self.walked
        self.walks.append(UnderWay(walk, facts, interested, waiting))

    def _visit(self, under_way: UnderWay, numbers: list[int]) -> None:
        """Visits users in the order in which they are told; each once a walk."""
        walk = under_way.walk
        visits = []
        for number in numbers:
            encoded = self._table.key_of(number)
            if encoded is None:
                continue
            key = encoded.decode()
            profile = self._open.look(key)
            if walk.number and profile.walked >= walk.number:
                continue
            if under_way.ties(profile):
                self._open.touch(key)
                if ties := self._ties(key, profile, under_way):
                    visits.append((news.place_of(ties), key, profile, ties))
        visits.sort(key=lambda visit: visit[:2])
        for _, key, profile, ties in visits:
            news.tell(self._desk, key, profile, under_way, ties)
            if walk.number:
                profile.walked = walk.number
                self._judge_on(key, profile)

    def _judge_on(self, key: str, profile: Profile) -> None:
        """Whom the oldest walk has told is judged up to the clock, or to where the next began.

        The clock may have passed the time of what was opened.
        """
        desk = self._desk
        ends = [desk.clock, *(one.walk.at - 1 for one in self.walks[1:])]
        until = min(ends)
        if desk.campaigns is not None:
            desk.campaigns.come(key, profile, until)
        judge_due(desk, key, profile, until)

    def _ties(self, key: str, profile: Profile, under_way: UnderWay) -> list[Tie]:
        """How the user cares, once all that began before has come to them and is judged."""
        walk = under_way.walk
        for older in self.walks:
            if older is under_way:
                break
            self._come(key, profile, older)
        if self._desk.campaigns is not None:
            self._desk.campaigns.come(key, profile, walk.at - 1)
        return news.judged_first(self._desk, key, profile, under_way, under_way.ties(profile))

    def _come(self, key: str, profile: Profile, under_way: UnderWay) -> bool:
        """One walk comes to one user; whether it had not been there."""
        number = under_way.walk.number
        if profile.walked >= number:
            return False
        if under_way.ties(profile) and (ties := self._ties(key, profile, under_way)):
            self._open.touch(key)
            news.tell(self._desk, key, profile, under_way, ties)
        profile.walked = number  # what they come to care for now is too late
        return True

    def catch_up(self, key: str, profile: Profile, until: int) -> None:
        """News that was due to the user by ``until`` (ms) and is still on its way comes first.

        So does all that was due by the clock, up to which they are judged then.
        """
        desk = self._desk
        until = max(until, desk.clock)
        come = [self._come(key, profile, one) for one in self.walks if one.walk.at <= until]
        if any(come):
            if desk.campaigns is not None:
                desk.campaigns.come(key, profile, desk.clock)
            judge_due(desk, key, profile, desk.clock)

    def walk_on(self) -> None:
        """Visits the next slice of the oldest walk."""
        under_way = self.walks[0]
        slice_end = under_way.cursor + self._slice_size
        self._visit(under_way, under_way.waiting[under_way.cursor : slice_end])
        under_way.cursor = slice_end
        if slice_end >= len(under_way.waiting):
            self.walks.pop(0)
