"""One partition's core: inputs in, effects out. Pure: the same inputs and ticks, the same bytes."""

from collections.abc import Iterable

import msgspec

from processors import news
from processors import profile as profiles
from processors.catalogue import Catalogue
from processors.desk import Desk
from processors.effects import Effects
from processors.index import InterestIndex, named_products, products_of
from processors.inputs import FactRecord, Input, Tick, UserRecord
from processors.judge import judge_due
from processors.news import UnderWay, Walk
from processors.people import Apply
from processors.profile import (
    EMPTY_ROW,
    Profile,
    ProfileGlance,
    decode,
    encode,
    glance,
    new_profile,
)
from processors.quiet import next_look, quiet_at, wakes_at
from processors.rule_book import RuleBook
from processors.scenarios.base import cares_for
from processors.table import NEVER, RESERVED, ProfileTable

STATE_KEY = RESERVED + b"core"
"""Row of what the partition itself must remember: clock, applied products, walks under way."""

OPEN_PROFILES = 32
"""Profiles decoded at a time: few enough to stay in the processor's cache."""

ANONYMOUS_EXPIRY_MS = 90 * 86_400_000
KNOWN_EXPIRY_MS = 400 * 86_400_000


class PartitionState(msgspec.Struct, omit_defaults=True):
    """``clock`` in ms; ``applied``: the last offset of each product partition that was applied."""

    clock: int = 0
    applied: dict[str, int] = {}
    walked: int = 0
    walks: list[Walk] = []
    drawn: dict[str, int] = {}
    """Voucher codes given away, by batch."""


class Partition:
    """The users of one partition. ``table`` holds their rows already; see ``docs/rules.md``."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        book: RuleBook,
        catalogue: Catalogue,
        table: ProfileTable,
        *,
        slice_size: int = 500,
        assume_reachable: bool = False,
    ) -> None:
        self.partition = partition
        self.table = table
        self.desk = Desk(
            book, catalogue, partitions, partition=partition, assume_reachable=assume_reachable
        )
        self._slice_size = slice_size
        self._index = InterestIndex()
        self._open: dict[str, Profile] = {}
        self._touched: set[str] = set()
        self._walks: list[UnderWay] = []
        self._walked = 0
        self._moments = 0
        self._state_row = b""
        self._apply = Apply(self.desk)
        self._recover()

    @property
    def clock(self) -> int:
        """Milliseconds; 0 before the first tick."""
        return self.desk.clock

    @property
    def applied(self) -> dict[int, int]:
        """The last applied offset of ``nudge-products`` by its partition."""
        return self.desk.applied

    @property
    def open_moments(self) -> int:
        """Moments that wait to be judged."""
        return self._moments

    @property
    def open_walks(self) -> int:
        return len(self._walks)

    def has_work(self) -> bool:
        """Whether a walk is under way: step again soon, input or none."""
        return bool(self._walks)

    def next_due(self) -> int:
        """When (ms) somebody is to be looked at next; :data:`processors.table.NEVER` if never."""
        return self.table.next_wake()

    def _recover(self) -> None:
        stored = self.table.reserved.get(STATE_KEY)
        state = (
            PartitionState() if stored is None else msgspec.json.decode(stored, type=PartitionState)
        )
        self.desk.clock = state.clock
        self._switch_rules()
        for number, _, row in self.table.users():
            seen = glance(row)
            if seen.v // 100 > profiles.SCHEMA // 100:
                decode(row)
            self._moments += len(seen.moments)
            self._wake(number, seen, row)
            for product_id in products_of(seen):
                self._index.add(product_id, number)
        self._state_row = stored or b""
        self.desk.applied.update({int(p): offset for p, offset in state.applied.items()})
        self._walked = state.walked
        self.desk.vouchers.drawn.update(state.drawn)
        for walk in state.walks:
            self._resume(walk)

    def _wake(self, number: int, seen: ProfileGlance, row: bytes) -> None:
        quiet = wakes_at(seen, self.desk)
        if quiet is None:
            quiet = quiet_at(decode(row), self.desk)
        due = min((m.next_look(seen.active_at) for m in seen.moments), default=NEVER)
        self.table.wake_at(number, min(due, quiet, _expiry(seen.known, seen.active_at)))

    def _switch_rules(self) -> None:
        """Follows the rules in force at the clock; new ones may want to look at users sooner."""
        desk = self.desk
        if not desk.book or desk.rules is (rules := desk.book.at(desk.clock)):
            return
        before, desk.rules = desk.rules, rules
        desk.quiet, desk.first_quiet = rules.quiet, rules.first_quiet
        if before is not None and rules.quiet:
            for number, _, row in self.table.users():
                self._wake(number, glance(row), row)

    def _resume(self, walk: Walk) -> None:
        version = self.desk.catalogue.version(walk.product_id, walk.offset)
        if version is None or version.facts is None:
            return
        scenarios = news.interested(self.desk, version.facts, walk.at)
        waiting = self._index.watchers(version.facts.subject)
        self._walks.append(UnderWay(walk, version.facts, scenarios, waiting))

    def step(self, inputs: Iterable[Input], tick: Tick | None) -> Effects:
        """Applies ``inputs`` in their order, then moves the clock, then walks a slice on.

        The answer holds every row that changed. The table is changed already: whoever cannot
        commit the answer must throw the partition away and recover it.
        """
        desk = self.desk
        effects = desk.effects = Effects()
        if desk.rules is None:
            self._switch_rules()
        if tick is not None:
            desk.now = tick.now
        for item in inputs:
            if isinstance(item, UserRecord):
                desk.source = item.source
                self._record(item)
                if len(self._open) >= OPEN_PROFILES:
                    self._close()
            elif isinstance(item, FactRecord):
                desk.source = item.source
                self._fact(item.key, item.source.partition, item.source.offset, item.recorded_at)
            else:
                self._tick(item)
        if tick is not None:
            self._tick(tick)
        self._walk_on()
        self._flush()
        return effects

    def _record(self, record: UserRecord) -> None:
        key = self._apply.key_of(record)
        profile = self._load(key)
        if self._walks:
            self._catch_up(key, profile, record.recorded_at)
        fresh = [p for p in named_products(record.value) if not cares_for(profile, p)]
        after = self._open[key] = self._apply.record(record, key, profile)
        for product_id in fresh:
            if cares_for(after, product_id):
                self._index.add(product_id, self.table.number_for(key.encode()))

    def _load(self, key: str) -> Profile:
        self._touched.add(key)
        profile = self._open.get(key)
        if profile is None:
            row = self.table.get(key.encode())
            profile = self._open[key] = new_profile() if row is None else decode(row)
            self._moments -= len(profile.moments)
        return profile

    def _tick(self, tick: Tick) -> None:
        desk, table = self.desk, self.table
        desk.source = None
        clock = desk.clock = max(desk.clock, tick.clock)
        self._switch_rules()
        self._wake_touched()
        while (number := table.pop_due(clock)) is not None:
            encoded = table.key_of(number)
            if encoded is None:
                continue
            key = encoded.decode()
            profile = self._load(key)
            if self._walks:
                self._catch_up(key, profile, clock)
            judge_due(desk, key, profile, clock)

    def _wake_touched(self) -> None:
        """Who was touched in this step may be due by its tick already."""
        for key in self._touched:
            profile = self._open.get(key)
            if profile is not None and (due := next_look(profile, self.desk)) < NEVER:
                self.table.wake_at(self.table.number_for(key.encode()), due)
        self._touched.clear()

    def _fact(self, product_id: str, partition: int, offset: int, recorded_at: int) -> None:
        desk = self.desk
        if offset <= desk.applied.get(partition, -1):
            return
        desk.applied[partition] = offset
        version = desk.catalogue.version(product_id, offset)
        facts = None if version is None else version.facts
        if facts is None or not (facts.changes or facts.is_news):
            return
        at = max(recorded_at, desk.clock)
        scenarios = news.interested(desk, facts, at)
        waiting = self._index.watchers(facts.subject) if scenarios else []
        if not waiting:
            return
        walk = Walk(0, product_id, partition, offset, at)
        if len(waiting) <= self._slice_size:
            self._visit(UnderWay(walk, facts, scenarios, waiting), waiting)
            return
        self._walked += 1
        walk.number = self._walked
        self._walks.append(UnderWay(walk, facts, scenarios, waiting))

    def _visit(self, under_way: UnderWay, numbers: list[int]) -> None:
        """Visits users in the order in which they are told; each once a walk."""
        walk = under_way.walk
        visits = []
        for number in numbers:
            encoded = self.table.key_of(number)
            if encoded is None:
                continue
            key = encoded.decode()
            profile = self._load(key)
            if walk.number == 0 or profile.walked < walk.number:
                place = news.place_of(self.desk, key, profile, under_way)
                visits.append((place, key, profile))
        visits.sort(key=lambda visit: visit[:2])
        for _, key, profile in visits:
            if news.visit(self.desk, key, profile, under_way):
                profile.walked = max(profile.walked, walk.number)

    def _catch_up(self, key: str, profile: Profile, until: int) -> None:
        """News that was due to the user by ``until`` (ms) and is still on its way comes first."""
        for under_way in self._walks:
            walk = under_way.walk
            if (
                walk.at <= until
                and profile.walked < walk.number
                and cares_for(profile, under_way.facts.subject)
            ):
                news.visit(self.desk, key, profile, under_way)
                profile.walked = walk.number

    def _walk_on(self) -> None:
        if not self._walks:
            return
        under_way = self._walks[0]
        slice_end = under_way.cursor + self._slice_size
        self._visit(under_way, under_way.waiting[under_way.cursor : slice_end])
        under_way.cursor = slice_end
        if slice_end >= len(under_way.waiting):
            self._walks.pop(0)

    def _close(self) -> None:
        for key, profile in self._open.items():
            self._write(key.encode(), profile)
        self._open.clear()
        self._touched.clear()

    def _flush(self) -> None:
        self._close()
        state = PartitionState(
            clock=self.desk.clock,
            applied={str(p): offset for p, offset in sorted(self.desk.applied.items())},
            walked=self._walked,
            walks=[under_way.walk for under_way in self._walks],
            drawn=self.desk.vouchers.drawn,
        )
        row = msgspec.json.encode(state)
        if row != self._state_row:
            self._state_row = row
            self.desk.effects.writes[STATE_KEY] = row
            self.table.put(STATE_KEY, row)

    def _write(self, key: bytes, profile: Profile) -> None:
        self._moments += len(profile.moments)
        expiry = _expiry(profile.known, profile.active_at)
        if expiry <= self.desk.clock and not profile.moments:
            self.desk.effects.writes[key] = None
            self.table.put(key, None)
            return
        row = encode(profile)
        if row == EMPTY_ROW and self.table.get(key) is None:
            self.table.put(key, None)
            return
        if row != self.table.get(key):
            self.desk.effects.writes[key] = row
            self.table.put(key, row)
        due = next_look(profile, self.desk)
        self.table.wake_at(self.table.number_for(key), min(due, expiry))


def _expiry(known: bool, active_at: int) -> int:
    """When (ms) a profile without activity is forgotten."""
    if not active_at:
        return NEVER
    return active_at + (KNOWN_EXPIRY_MS if known else ANONYMOUS_EXPIRY_MS)
