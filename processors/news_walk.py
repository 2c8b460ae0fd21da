"""News of products on its way through a partition: whom it concerns is visited, each once.

What concerns few is told at once. What concerns many goes on by a slice a step; whoever has input
of their own meanwhile is visited first, so that it makes no difference how fast the walk is.
"""

from processors import news
from processors.desk import Desk
from processors.index import InterestIndex
from processors.inputs import FactRecord
from processors.news import UnderWay, Walk
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
            if ties := under_way.ties(profile):
                self._open.touch(key)
                if ties := news.judged_first(self._desk, key, profile, under_way, ties):
                    visits.append((news.place_of(ties), key, profile, ties))
        visits.sort(key=lambda visit: visit[:2])
        for _, key, profile, ties in visits:
            news.tell(self._desk, key, profile, under_way, ties)
            profile.walked = max(profile.walked, walk.number)

    def catch_up(self, key: str, profile: Profile, until: int) -> None:
        """News that was due to the user by ``until`` (ms) and is still on its way comes first."""
        for under_way in self.walks:
            walk = under_way.walk
            if walk.at > until or profile.walked >= walk.number:
                continue
            if ties := under_way.ties(profile):
                ties = news.judged_first(self._desk, key, profile, under_way, ties)
                news.tell(self._desk, key, profile, under_way, ties)
            profile.walked = walk.number  # what they come to care for now is too late

    def walk_on(self) -> None:
        """Visits the next slice of the oldest walk."""
        under_way = self.walks[0]
        slice_end = under_way.cursor + self._slice_size
        self._visit(under_way, under_way.waiting[under_way.cursor : slice_end])
        under_way.cursor = slice_end
        if slice_end >= len(under_way.waiting):
            self.walks.pop(0)
