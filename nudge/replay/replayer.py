"""The rules over recorded input, without a broker: the same decisions as live.

``Replayer`` is told records in the order they arrived and drives one core a partition, as the
workers do. Its clock is the newest time read, less the grace within which live input may still
come; at the end it moves to the newest time itself, or as far as it is told.
"""

from collections.abc import Iterator

from nudge.replay.handovers import OnTheWay
from nudge.replay.lanes import Lanes, Places
from nudge.replay.outcome import Outcome, in_order
from nudge.replay.shelf import Shelf
from processors.campaign_file import read
from processors.campaigns import Campaign
from processors.catalogue import Catalogue
from processors.effects import Effects
from processors.identity import HANDOVER_DELAY_MS
from processors.inputs import (
    EVENT_RANK,
    FACT_RANK,
    HANDOVER_RANK,
    INTERACTION_RANK,
    SUBSCRIPTION_RANK,
    Source,
    UserRecord,
    UserValue,
)
from processors.profile import Profile
from processors.rows import decode
from processors.rule_book import RuleBook
from processors.table import NEVER
from schemas.adapters import SHOP_EVENT_TYPES
from schemas.campaigns import CampaignEvent, CampaignStart
from schemas.events import ShopEvent
from schemas.people import HandoverProfile, Interaction, Subscription, subscription_key
from schemas.structs import CatalogEvent, Login, Logout, SignUp, key_of, moved_to, struct_of
from schemas.topics import HANDOVERS, INTERACTIONS, SHOP_EVENTS, SUBSCRIPTIONS

GRACE_MS = 5000
"""How long live input is waited for; see ``docs/rules.md``."""

MAX_FUTURE_MS = 5 * 60_000
_BUFFER = 20_000
_BY_BROWSER = (Login, SignUp)


class Replayer:
    """Drives ``partitions`` cores over records given in order of arrival.

    ``only``: the users who are judged, ``None`` for all. Of what others did the time counts alone;
    ``of_others``: how many of their records there were.
    """

    def __init__(
        self,
        book: RuleBook,
        *,
        partitions: int = 24,
        grace_ms: int = GRACE_MS,
        assume_reachable: bool = True,
        slice_size: int = 500,
        only: frozenset[str] | None = None,
    ) -> None:
        self._only = only
        self.of_others = 0
        catalogue = Catalogue()
        self._shelf = Shelf(catalogue)
        self._lanes = Lanes(
            book,
            catalogue,
            self._take,
            partitions=partitions,
            slice_size=slice_size,
            assume_reachable=assume_reachable,
        )
        self._book = book
        self._assume_reachable = assume_reachable
        self._planned: list[tuple[int, CampaignStart]] = []
        self._partitions = partitions
        self._grace = grace_ms
        self._newest = 0
        self._offset = 0
        self._moved: set[str] = set()
        self._left: set[str] = set()
        """Who has logged out: a login that is told after that is undone."""
        self._on_the_way = OnTheWay()
        self._places = Places(partitions)
        self._buffered = 0
        self._outcome = Outcome()

    @property
    def newest(self) -> int:
        """The newest time read (ms)."""
        return self._newest

    @property
    def to_come(self) -> list[tuple[str, int]]:
        """Planned campaigns that have not begun, and when (ms) they do."""
        return [(said.campaign_id, begins) for begins, said in self._planned]

    def shop_event(self, event: ShopEvent, recorded_at: int, *, historical: bool = False) -> None:
        """An event of ``shop.events``, as a model or a struct; ``recorded_at`` in ms."""
        self._read(recorded_at, EVENT_RANK)
        told = struct_of(event) if type(event) in SHOP_EVENT_TYPES else event
        if told.occurred_at > recorded_at + MAX_FUTURE_MS:
            told = moved_to(told, recorded_at + MAX_FUTURE_MS)
        key = key_of(told)
        assert key is not None
        self._tell(EVENT_RANK, SHOP_EVENTS.name, key, key, told, recorded_at, historical)
        self._count(1)
        if isinstance(told, _BY_BROWSER) and told.user_id != key:
            self._moved.add(key)
        if isinstance(told, Logout):
            self._left.add(key)
        if key in self._moved or isinstance(told, Logout):
            self._on_the_way.expect(self._newest + HANDOVER_DELAY_MS, self._places[key])

    def interaction(self, interaction: Interaction, recorded_at: int) -> None:
        """A record of ``push.interactions``."""
        self._read(recorded_at, INTERACTION_RANK)
        user = interaction.user_id
        self._tell(INTERACTION_RANK, INTERACTIONS.name, user, user, interaction, recorded_at)
        self._count(1)

    def subscription(
        self, user_id: str, subscription_id: str, value: Subscription | None, recorded_at: int
    ) -> None:
        """A record of ``push.subscriptions``; ``None`` ends it."""
        self._read(recorded_at, SUBSCRIPTION_RANK)
        key = subscription_key(user_id, subscription_id)
        self._tell(SUBSCRIPTION_RANK, SUBSCRIPTIONS.name, user_id, key, value, recorded_at)
        self._count(1)
        if user_id in self._moved:
            self._on_the_way.expect(self._newest + HANDOVER_DELAY_MS, self._places[user_id])

    def catalog_event(self, event: CatalogEvent, recorded_at: int) -> None:
        """An event of ``shop.catalog``, folded here as the catalogue agent does."""
        self._read(recorded_at, FACT_RANK)
        if event.occurred_at > recorded_at + MAX_FUTURE_MS:
            event = moved_to(event, recorded_at + MAX_FUTURE_MS)
        fact = self._shelf.fold(event, self._offset + 1, recorded_at)
        if fact is None:
            return
        self._offset += 1
        idle = self._shelf.moves_nobody(fact, self._book)
        self._lanes.tell_all(fact, self._newest - self._grace, idle=idle)
        self._count(self._partitions)

    def plan(self, yaml: str) -> None:
        """A campaign by its file: it starts once the records have come to its time.

        Where that is ``now``, it starts at their end; where it recurs, with them.

        Raises:
            CampaignFileError: anything is wrong with the file.
        """
        said = read(yaml, "campaign")
        name, at = said.file.id, said.file.at
        begins = 0 if at is None else NEVER
        if at is not None and at.wall is not None:
            begins = Campaign(said, 0, None).begins
        start = CampaignStart(type="campaign_start", campaign_id=name, at=0, yaml=yaml)
        self._planned.append((begins, start))
        self._planned.sort(key=lambda one: (one[0], one[1].campaign_id))

    def campaign(self, said: CampaignEvent) -> None:
        """A record of ``push.campaigns``; an audience that it does not say is counted here."""
        self._read(said.at, FACT_RANK)
        if isinstance(said, CampaignStart) and said.audience is None:
            self._flush()
            campaign = Campaign(read(said.yaml, said.campaign_id), said.at, None)
            rules, assumed = self._book.at(said.at), self._assume_reachable
            count = sum(
                campaign.is_for(profile, rules, said.at, assumed=assumed)
                for _, profile in self.profiles()
            )
            said = said.model_copy(update={"audience": count})
        self._book.add_campaign(said)

    def _start_planned(self, until: int) -> None:
        while self._planned and self._planned[0][0] <= until:
            begins, said = self._planned.pop(0)
            self.campaign(said.model_copy(update={"at": begins or until}))

    def _read(self, recorded_at: int, rank: int) -> None:
        """What stands before a record of that time (ms) and rank is told first."""
        newest = self._newest
        arrives = recorded_at if recorded_at > newest else newest
        if self._planned and self._planned[0][0] <= arrives:
            self._start_planned(arrives)
        while (place := self._on_the_way.first) <= arrives:
            if place == arrives and rank < HANDOVER_RANK:
                break
            self._newest = max(self._newest, place)
            self._hand_over()
        self._newest = arrives

    def _hand_over(self) -> None:
        """Tells the first handover on its way, or makes a partition step that may send one."""
        place, cause = self._on_the_way.pop()
        if isinstance(cause, int):
            self._lanes.step(cause)
            return
        user = cause.user_id
        self._tell(HANDOVER_RANK, HANDOVERS.name, user, user, cause, place)
        if user in (self._left if isinstance(cause, HandoverProfile) else self._moved):
            self._on_the_way.expect(self._newest + HANDOVER_DELAY_MS, self._places[user])

    def _tell(
        self,
        rank: int,
        topic: str,
        user: str,
        key: str,
        value: UserValue | None,
        recorded_at: int,
        historical: bool = False,
    ) -> None:
        if self._only is not None and user not in self._only:
            self.of_others += 1
            return
        number = self._places[user]
        self._offset += 1
        source = Source(topic, number, self._offset)
        record = UserRecord(rank, key, value, recorded_at, self._newest, source, historical)
        self._lanes.tell(number, record, self._newest - self._grace)

    def _count(self, records: int) -> None:
        self._buffered += records
        if self._buffered >= _BUFFER:
            self._flush()

    def _take(self, effects: Effects) -> None:
        self._outcome.decisions += [made.decision for made in effects.decisions]
        self._outcome.jobs += effects.jobs
        self._outcome.late += effects.late
        self._outcome.attributions += effects.attributions
        self._outcome.handoffs += effects.handoffs
        self._outcome.segments += effects.segments
        for sent in effects.handovers:
            self._on_the_way.send(sent.place, sent.handover)

    def _flush(self) -> None:
        self._buffered = 0
        self._lanes.step_all()

    def take(self) -> Outcome:
        """What has been decided since the last call, in order of time."""
        outcome, self._outcome = self._outcome, Outcome()
        outcome.decisions = in_order(outcome.decisions)
        return outcome

    def ready(self) -> bool:
        """Whether enough has been decided to be worth taking."""
        return len(self._outcome.decisions) >= _BUFFER

    def finish(self, until: int | None = None) -> Outcome:
        """Moves the clock to the newest time read, or on to ``until`` (ms).

        What is handed over then still comes, however short the time.
        """
        for begins, said in list(self._planned):
            if begins == NEVER:
                self._planned.remove((begins, said))
                self.campaign(said.model_copy(update={"at": self._newest}))
        self._read(max(self._newest, until or 0), FACT_RANK)
        self._flush()
        while self._on_the_way.first != NEVER:
            self._hand_over()
            self._flush()
        self._grace = 0
        while self._lanes.behind(self._newest):
            self._lanes.move_to(self._newest)
            self._flush()
        return self.take()

    def profiles(self) -> Iterator[tuple[str, Profile]]:
        """Every user's profile as it stands."""
        self._lanes.settle()
        for core in self._lanes.cores:
            for _, key, row in core.table.users():
                yield key.decode(), decode(row)

    def next_due(self) -> int | None:
        """When (ms) the next moment is to be judged, of those told so far; ``None`` for never."""
        due = min(core.next_due() for core in self._lanes.cores)
        return None if due == NEVER else due
