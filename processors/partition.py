"""One partition's core: inputs in, effects out. Pure: the same inputs and ticks, the same bytes."""

from collections.abc import Iterable

import msgspec

from processors.campaign_walk import CampaignState, CampaignWalks
from processors.catalogue import Catalogue, category_subject
from processors.desk import Desk
from processors.effects import Effects
from processors.glance import categories_of, glance
from processors.identity import end_all
from processors.index import InterestIndex, products_of
from processors.inputs import (
    EVENT_RANK,
    HANDOVER_RANK,
    SUBSCRIPTION_RANK,
    FactRecord,
    Input,
    Tick,
    UserRecord,
)
from processors.judge import judge_due
from processors.news_walk import NewsWalks
from processors.opened import OpenProfiles
from processors.partition_state import STATE_KEY, PartitionState
from processors.people import Apply
from processors.profile import Profile
from processors.quiet import expires_at, next_wake, wakes_at
from processors.rows import EMPTY_ROW, encode
from processors.rule_book import RuleBook
from processors.table import NEVER, ProfileTable
from schemas.people import HandoverProfile, split_subscription_key


class Partition:
    """The users of one partition. ``table`` holds their rows already; see ``docs/rules.md``.

    ``write_after``: rows are written once so many profiles have changed, instead of by every
    step. Where nothing is committed, that is enough; what is decided is the same.
    """

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
        write_after: int = 0,
    ) -> None:
        self.partition = partition
        self.table = table
        self.desk = Desk(
            book, catalogue, partitions, partition=partition, assume_reachable=assume_reachable
        )
        self._slice_size = slice_size
        self._write_after = write_after
        self._index = InterestIndex()
        self._open = OpenProfiles(table)
        self._news = NewsWalks(self.desk, table, self._index, self._open, slice_size)
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
        return self._open.moments

    @property
    def open_walks(self) -> int:
        return len(self._news.walks) + len(self._campaigns.walks)

    def has_work(self) -> bool:
        """Whether a walk is under way: step again soon, input or none."""
        return bool(self._news.walks or self._campaigns.walks)

    def next_due(self) -> int:
        """When (ms) somebody is to be looked at next; :data:`processors.table.NEVER` if never."""
        self._campaigns.look()
        return min(self.table.next_wake(), self._campaigns.next_at)

    def _recover(self) -> None:
        stored = self.table.reserved.get(STATE_KEY)
        state = PartitionState.read(stored)
        self.desk.clock = state.clock
        self._switch_rules(recovering=True)
        self._look_at_rows(moments=True, categories=self.desk.by_category)
        self._state_row = stored or b""
        self.desk.applied.update({int(p): offset for p, offset in state.applied.items()})
        self._news.walked = state.walked
        self.desk.vouchers.drawn.update(state.drawn)
        for walk in state.walks:
            self._news.resume(walk)
        self._campaigns = CampaignWalks(
            self.desk, self.table, self._open, self._slice_size, state.campaigns or CampaignState()
        )

    def _look_at_rows(self, *, moments: bool, categories: bool) -> None:
        """Who is due when, who cares for what. A worker is not ready before: every µs counts."""
        wake, tie, count = self.table.wake_at, self._index.tie, 0
        for number, _, row in self.table.users():
            seen = glance(row)
            wake(number, wakes_at(seen, row, self.desk))
            if moments:
                count += len(seen.moments)
                tie(number, seen.subjects())
            if categories:
                tie(number, categories_of(row))
        self._open.moments += count

    def _switch_rules(self, *, recovering: bool = False) -> None:
        """Follows the rules in force at the clock; new ones may want to look at users sooner."""
        desk = self.desk
        if not desk.book or desk.rules is (rules := desk.book.at(desk.clock)):
            return
        same = desk.rules is not None and desk.rules.version == rules.version
        desk.rules = rules
        desk.quiet, desk.first_quiet = rules.quiet, rules.first_quiet
        newly = rules.by_category and not desk.by_category
        desk.by_category = rules.by_category
        if recovering or same or not (rules.quiet or newly):
            return
        self._write_rows()
        self._open.close_all()
        self._look_at_rows(moments=False, categories=newly)

    def step(self, inputs: Iterable[Input], tick: Tick | None) -> Effects:
        """Applies ``inputs`` in their order, then moves the clock, then walks a slice on.

        The answer holds every row that was written. The table is changed already: whoever cannot
        commit the answer must throw the partition away and recover it.
        """
        desk, record = self.desk, self._record
        effects = desk.effects = Effects()
        if desk.rules is None:
            self._switch_rules()
        self._campaigns.look()
        if tick is not None:
            desk.now = tick.now
        tell, stirred, idle_until = self._news.tell, self._open.stirred, 0
        for item in inputs:
            if isinstance(item, UserRecord):
                desk.source = item.source
                record(item)
            elif isinstance(item, FactRecord):
                desk.source = item.source
                tell(item)
            elif stirred or item.clock >= idle_until:
                self._tick(item, last=False)
                if desk.book.only is not None:  # before it a tick only moves the clock
                    idle_until = self.next_due()
            elif item.clock > desk.clock:
                desk.clock = item.clock
        if tick is not None:
            self._tick(tick, last=True)
        if self._news.walks:
            self._news.walk_on()
        elif self._campaigns.walks:
            self._campaigns.walk_on()
        if len(self._open.touched) >= self._write_after:
            self.settle()
        return effects

    def settle(self) -> None:
        """Writes the rows of all that has changed, and what the partition must remember."""
        self._write_rows()
        state = PartitionState(
            clock=self.desk.clock,
            applied={str(p): offset for p, offset in sorted(self.desk.applied.items())},
            walked=self._news.walked,
            walks=[under_way.walk for under_way in self._news.walks],
            drawn=self.desk.vouchers.drawn,
            campaigns=self._campaigns.state(),
        )
        row = msgspec.json.encode(state)
        if row != self._state_row:
            self._state_row = row
            self.desk.effects.writes[STATE_KEY] = row
            self.table.put(STATE_KEY, row)

    def _record(self, record: UserRecord) -> None:
        campaigns = self._campaigns
        if record.arrived_at >= campaigns.next_at:
            campaigns.begin(record.arrived_at)
        rank, key, apply = record.rank, record.key, self._apply
        if rank == SUBSCRIPTION_RANK:
            key = split_subscription_key(key)[0]
        profile = self._open.hold(key)
        if self._news.walks:
            self._news.catch_up(key, profile, record.arrived_at)
        if campaigns.walks:
            campaigns.catch_up(key, profile, record.arrived_at)
        if rank == EVENT_RANK:
            after = apply.event(record, key, profile, record.value, record.historical)  # type: ignore[arg-type]
        else:
            after = apply.record(record, key, profile)
            after.calm_until = 0
        if after is not profile:
            self._open.replace(key, after)
        elif not profile.calm_until:
            self._open.stirred[key] = profile
        desk = self.desk
        if rank == HANDOVER_RANK and isinstance(record.value, HandoverProfile):
            desk.ties += products_of(after)
            if desk.by_category:
                desk.ties += map(category_subject, after.categories.names)
        if desk.ties:
            self._tie(key)

    def _tie(self, key: str) -> None:
        """The user has come to care for something: news of it is for them as well."""
        ties, number = self.desk.ties, self.table.number_for(key.encode())
        for subject in ties:
            self._index.add(subject, number)
        ties.clear()

    def _tick(self, tick: Tick, *, last: bool) -> None:
        desk = self.desk
        desk.source = None
        clock = max(desk.clock, tick.clock)
        if desk.rules is not desk.book.only:
            # Under each version what was due before the next one.
            while (start := desk.book.next_start(desk.clock)) <= clock:
                self._move_to(max(desk.clock, start - 1), NEVER)
                desk.clock = start
        self._move_to(clock, clock if last and not self._write_after else NEVER)

    def _move_to(self, clock: int, woken_until: int) -> None:
        desk, table = self.desk, self.table
        if clock >= self._campaigns.next_at:
            self._campaigns.begin(clock)
        desk.clock = clock
        if desk.rules is not desk.book.only:
            self._switch_rules()
        if self._open.stirred:
            self._wake_stirred(woken_until)
        while (number := table.pop_due(clock)) is not None:
            if (encoded := table.key_of(number)) is None:
                continue
            key = encoded.decode()
            profile = self._open.touch(key)
            if self._news.walks:
                self._news.catch_up(key, profile, clock)
            if self._campaigns.walks:
                self._campaigns.catch_up(key, profile, clock)
            judge_due(desk, key, profile, clock)
            if not profile.moments and expires_at(profile.known, profile.active_at) <= clock:
                self._open.close(key)  # what comes later finds nobody
                self._write(key, profile)

    def _wake_stirred(self, until: int) -> None:
        """Who was touched in this step may be due by its tick already; who is due after ``until``
        (ms) is woken by their row, when it is written."""
        desk, table = self.desk, self.table
        for key, profile in self._open.stirred.items():
            if (due := next_wake(profile, desk)) <= until:
                table.wake_at(table.number_for(key.encode()), due)
        self._open.stirred.clear()

    def _write_rows(self) -> None:
        for key, profile in self._open.touched.items():
            self._write(key, profile)
        self._open.settle()

    def _write(self, key: str, profile: Profile) -> None:
        table, encoded = self.table, key.encode()
        number = table.find(encoded)
        was = None if number is None else table.row(number)
        expiry = expires_at(profile.known, profile.active_at)
        row = encode(profile) if profile.moments or expiry > self.desk.clock else None
        if row is None or (was is None and row == EMPTY_ROW):
            end_all(self.desk, key, profile.devices)
            self._open.forget(key)
            table.put(encoded, None)
            if was is not None:
                self.desk.effects.writes[encoded] = None
            return
        if number is None:
            number = table.number_for(encoded)
        if row != was:
            self.desk.effects.writes[encoded] = row
            table.set_row(number, row)
        self._open.moments += len(profile.moments)
        table.wake_at(number, next_wake(profile, self.desk))
