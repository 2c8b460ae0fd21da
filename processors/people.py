"""What a record does to its user: the turn from first judgement to last."""

from processors import handoffs, identity
from processors.attribution import ordered, refunded
from processors.browsers import bind
from processors.cart import changes_line, knows_order, line_keys
from processors.desk import Desk
from processors.index import products_of
from processors.inputs import (
    HANDOVER_RANK,
    INTERACTION_RANK,
    RESULT_RANK,
    SUBSCRIPTION_RANK,
    UserRecord,
)
from processors.judge import judge_due
from processors.merging import merge
from processors.missed import SHOWS_CARE, missed_by, missed_on_the_way, tell_missed
from processors.moment import AWAITS_CLICK
from processors.policy import refused
from processors.profile import Profile, new_profile
from processors.quiet import next_look
from processors.reduce import is_retry, reduce, touch
from processors.response import answered
from processors.rules import NOBODY
from processors.segment_watch import leave_all
from processors.session import begin_session
from processors.taking_back import unsay, withdraw_all
from processors.turn import Turn
from schemas import structs as e
from schemas.adapters import SHOP_EVENT
from schemas.decisions import Reason
from schemas.late import LateInput
from schemas.people import (
    HandoverEvent,
    HandoverProfile,
    HandoverSubscription,
    Interaction,
    Subscription,
    split_subscription_key,
)
from schemas.push import MessageClass, PushResult


class Apply:
    """Applies records to profiles."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def record(self, record: UserRecord, key: str, profile: Profile) -> Profile:
        """The user's profile after the record: the same one, or what takes its place."""
        rank, value = record.rank, record.value
        if rank == SUBSCRIPTION_RANK:
            assert value is None or isinstance(value, Subscription)
            if value is None or not value.handed_over:
                number = split_subscription_key(record.key)[1]
                bind(self._desk, record, number, key, profile, value)
        elif rank == INTERACTION_RANK:
            assert isinstance(value, Interaction)
            answered(self._turn(record, key, profile, value.occurred_at, historical=False), value)
        elif rank == HANDOVER_RANK:
            if isinstance(value, HandoverProfile):
                self._handover(record, key, profile, value)
            elif isinstance(value, HandoverSubscription):
                bound = value.subscription
                bind(self._desk, record, bound.subscription_id, key, profile, bound)
            else:
                assert isinstance(value, HandoverEvent)
                event = e.struct_of(SHOP_EVENT.validate_python(value.event))
                if isinstance(event, e.Logout):
                    turn = self._turn(record, key, profile, event.occurred_at, value.historical)
                    identity.take_back(turn, value, event, record)
                    return profile
                return self.event(record, key, profile, event, value.historical)
        elif rank == RESULT_RANK:
            assert isinstance(value, PushResult)
            if profile.moments:
                handoffs.answered(Turn(self._desk, key, profile, value.at), value)
        return profile

    def _turn(
        self, record: UserRecord, key: str, profile: Profile, at: int, historical: bool
    ) -> Turn:
        """The user's turn at ``at`` (ms), once what was due by then is judged."""
        late = at < self._desk.clock
        active_at = self._heed(record, key, profile, at, late, historical)
        return Turn(self._desk, key, profile, at, active_at, late, historical)

    def _heed(
        self,
        record: UserRecord,
        key: str,
        profile: Profile,
        at: int,
        late: bool,
        historical: bool,
    ) -> int:
        """Judges what was due by ``at`` (ms), and lists what is late; when (ms) it is activity."""
        desk = self._desk
        if not historical and (
            late or (record.rank == HANDOVER_RANK and record.arrived_at > record.recorded_at)
        ):
            self._note_late(record, key, at)
        if not late:
            if profile.calm_until <= at:
                profile.calm_until = next_look(profile, desk)
                if profile.calm_until <= at:
                    judge_due(desk, key, profile, at)
            return at
        return at if historical else max(desk.clock, record.arrived_at)

    def _note_late(self, record: UserRecord, key: str, at: int) -> None:
        source, desk = record.source, self._desk
        desk.effects.late.append(
            LateInput(
                user_id=key,
                topic=source.topic,
                partition=source.partition,
                offset=source.offset,
                occurred_at=at,
                recorded_at=record.recorded_at,
                clock=desk.clock,
            )
        )

    def event(
        self,
        record: UserRecord,
        key: str,
        profile: Profile,
        event: e.ShopEvent,
        historical: bool,
    ) -> Profile:
        """The user's profile after an event of the shop, as nearly all records tell of one."""
        desk, at, kind = self._desk, event.occurred_at, type(event)
        if profile.erased_at and at <= profile.erased_at:
            return profile
        late = at < desk.clock
        active_at = at
        if late or historical or profile.calm_until <= at:
            active_at = self._heed(record, key, profile, at, late, historical)
        if kind is e.ErasureRequested:
            return self._erase(Turn(desk, key, profile, at, active_at, late, historical))
        if profile.alias_to is not None and not identity.moves(event, key):
            if at < profile.alias_until:
                if is_retry(profile, event):
                    return profile
                turn = Turn(desk, key, profile, at, active_at, late, historical)
                identity.forward(turn, event, record)
                return profile
            profile.alias_to = None
        lines = line_keys(profile) if kind is e.CartSnapshot else None
        is_told = isinstance(event, e.Purchase) and knows_order(profile, event.order_id)
        missed = missed_by(desk, event) if kind in SHOWS_CARE and not historical else ()
        sessions, active_before = profile.sessions, profile.active_at
        if not reduce(profile, event, active_at, desk):
            return profile
        followers = (desk.book.only or desk.book.at(at)).followers.get(kind, NOBODY)
        asked = () if historical else followers.asked_about(profile, desk)
        begins = profile.sessions != sessions
        if begins or historical or profile.looked_at > active_before:
            profile.calm_until = 0
        ends = followers.ending and profile.moments
        if not (asked or ends or begins or missed or historical or kind in _SPECIAL):
            return profile
        turn = Turn(desk, key, profile, at, active_at, late, historical)
        turn.active_before = active_before
        turn.order_known = is_told
        if begins:
            begin_session(turn)
        if historical:
            _left_by_history(desk, record, profile)
        if kind in _IDENTITY:
            if isinstance(event, e.Logout):
                identity.unbind(turn, event, record)
                asked = () if historical else followers.asked_about(profile, desk)
            elif isinstance(event, e.Login | e.SignUp) and identity.moves(event, key):
                return identity.hand_over(turn, event, record.arrived_at)
        else:
            self._look_at(turn, event, lines)
        if ends:
            self._end(turn, event, followers.ending)
        if isinstance(event, _MONEY):
            self._money(turn, event, followers.ending)
        for on_event in asked:
            on_event(turn, event)
        if missed:
            tell_missed(turn, missed, max(desk.clock, record.arrived_at), event)
        if turn.opened and not late:
            judge_due(desk, key, profile, at)
        return profile

    def _look_at(
        self, turn: Turn, event: e.ShopEvent, lines: set[tuple[str, str | None]] | None
    ) -> None:
        """What of the event scenarios ask about; ``lines``: the cart's before a snapshot."""
        profile, says_no = turn.profile, isinstance(event, e.ConsentChange) and not turn.historical
        if isinstance(event, e.AddToCart):
            turn.item_added = changes_line(profile, event)
        elif lines is not None:
            turn.item_added = bool(line_keys(profile) - lines)
        elif says_no and refused(profile, MessageClass.MARKETING):
            withdraw_all(turn, Reason.NO_CONSENT)

    def _end(self, turn: Turn, event: e.ShopEvent, ending: frozenset[str]) -> None:
        """What the event ends."""
        waits = False
        for moment in list(turn.profile.moments):
            name = moment.scenario
            if name in ending:
                scenario = turn.scenario_of(moment)
                if turn.order_known and moment.entity != getattr(event, "order_id", None):
                    continue  # what ended by the order has ended
                if scenario is not None and moment.opened_at - scenario.looks_back <= turn.at:
                    reason = scenario.ended_by(turn, event, moment.entity)
                    if reason is not None:
                        turn.end(moment, reason, turn.at)
            elif name == AWAITS_CLICK:
                waits = True
        if waits and not turn.order_known:
            handoffs.ended(turn, event)

    def _money(self, turn: Turn, event: e.Purchase | e.Refund, ending: frozenset[str]) -> None:
        """Whose doing it was, and what need not be said any more."""
        if isinstance(event, e.Purchase):
            if turn.profile.pending and not (turn.historical or turn.order_known):
                self._take_back(turn, event, ending)
            if not turn.historical:
                ordered(turn, event)
        elif not turn.historical:
            refunded(turn, event)

    def _take_back(self, turn: Turn, event: e.Purchase, ending: frozenset[str]) -> None:
        for pending in list(turn.profile.pending):
            if pending.scenario in ending:
                unsay(turn, pending, turn.rules.scenarios[pending.scenario], event)

    def _erase(self, turn: Turn) -> Profile:
        for moment in list(turn.profile.moments):
            turn.end(moment, Reason.ERASED, turn.at)
        withdraw_all(turn, Reason.ERASED)
        identity.end_all(turn.desk, turn.key, turn.profile.devices)
        leave_all(turn)
        stub = new_profile()
        stub.erased_at = stub.active_at = turn.at
        return stub

    def _handover(
        self, record: UserRecord, key: str, profile: Profile, handover: HandoverProfile
    ) -> None:
        historical = handover.historical
        turn = self._turn(record, key, profile, handover.occurred_at, historical)
        if profile.erased_at and turn.at <= profile.erased_at:
            identity.refuse(turn, handover)
            return
        merge(turn, handover)
        identity.unbind_again(turn, handover, record)
        touch(profile, turn.active_at)
        if historical:
            _left_by_history(self._desk, record, profile)
            return
        missed = missed_on_the_way(self._desk, sorted(products_of(profile)), turn.at)
        if missed:
            tell_missed(turn, missed, max(self._desk.clock, record.arrived_at))
        event = e.event_of({
            "type": handover.event_type,
            "event_id": f"handover/{handover.anonymous_id}"[:128],
            "user_id": handover.user_id,
            "anonymous_id": handover.anonymous_id,
            "occurred_at": handover.occurred_at,
        })  # fmt: skip
        followers = turn.rules.followers.get(type(event), NOBODY)
        for on_event in followers.asked_about(profile, self._desk):
            on_event(turn, event)
        if not turn.late:
            judge_due(self._desk, key, profile, turn.at)


_IDENTITY = frozenset({e.Login, e.SignUp, e.Logout})
_MONEY = (e.Purchase, e.Refund)
_SPECIAL = _IDENTITY | {*_MONEY, e.ConsentChange}


def _left_by_history(desk: Desk, record: UserRecord, profile: Profile) -> None:
    """Whom history leaves behind is looked at from now on."""
    profile.looked_at = max(profile.looked_at, desk.clock, record.arrived_at)
