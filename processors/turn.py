"""One user at one time: what a scenario may see and do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from processors import bounds
from processors.config import Mode
from processors.desk import Desk
from processors.groups import arm_of
from processors.ids import decision_id
from processors.marks import marked
from processors.moment import AWAITS_CLICK, Moment
from processors.profile import Profile
from schemas.answers import Decision
from schemas.decisions import Outcome, Reason

if TYPE_CHECKING:
    from processors.rules import Rules
    from processors.scenarios.base import Scenario


class Turn:
    """The user ``key`` at ``at`` (ms), under the rules in force then.

    ``active_at``: what activity now counts as (ms), later than ``at`` for a late record.
    """

    __slots__ = (
        "active_at", "active_before", "at", "desk", "historical", "item_added", "key", "late",
        "opened", "order_known", "profile", "rules", "status_told",
    )  # fmt: skip

    def __init__(
        self,
        desk: Desk,
        key: str,
        profile: Profile,
        at: int,
        active_at: int = 0,
        late: bool = False,
        historical: bool = False,
    ) -> None:
        self.desk = desk
        self.key = key
        self.profile = profile
        self.at = at
        self.active_at = active_at or at
        self.active_before = profile.active_at
        """The last activity before this turn: what ends a moment does not move it."""
        self.late = late
        self.historical = historical
        self.item_added = False
        """The event put something into the cart that was not there."""
        self.opened = False
        """A moment was opened: it may be due at once."""
        self.order_known = False
        """The event is a purchase that was told of before."""
        self.status_told: bool | None = None
        """Whether an order's status was told of before; ``None``: not looked at."""
        self.rules: Rules = desk.book.only or desk.book.at(at)

    @property
    def reachable(self) -> bool:
        """Whether the user has a browser that can be pushed to, or counts as having one."""
        return bool(self.profile.devices) or self.desk.assume_reachable

    def live(self, scenario: str, entity: str) -> Moment | None:
        for moment in self.profile.moments:
            if moment.scenario == scenario and moment.entity == entity:
                return moment
        return None

    def open(
        self,
        scenario: "Scenario",
        entity: str,
        *,
        due: int = 0,
        wait: int = 0,
        data: dict[str, Any] | None = None,
        is_news: bool = False,
    ) -> Moment | None:
        """Opens a moment due at ``due``, or ``wait`` after the last activity (ms).

        ``is_news``: it says something else than what was said at the same time.

        Answers ``None`` where it may not open: history, a scenario that is off, a stronger
        moment of its family, a late record whose moment would be due already, or no room among
        stronger ones.
        """
        if self.historical or scenario.config.enabled is Mode.OFF:
            return None
        if due and self.late and due <= self.desk.clock:
            return None
        if self._family_taken(scenario, entity):
            return None
        self.profile.open_by(self.rules.version)
        moment = Moment(
            scenario=scenario.name,
            entity=entity,
            opened_at=self.at,
            wait=wait,
            due=due,
            shadow=scenario.config.enabled is Mode.SHADOW,
            data=data or {},
        )
        self._tell_apart(moment, is_news=is_news)
        self.opened = True
        self.profile.calm_until = 0
        moments = self.profile.moments
        moments.append(moment)
        self.keep_within_bounds()
        return moment if any(one is moment for one in moments) else None

    def _tell_apart(self, moment: Moment, *, is_news: bool) -> None:
        """One that was ended unspoken would have had this id: due a millisecond later it can speak.

        What has spoken does not again: that is the same thing told twice, unless it is news.
        """
        finals, active_at = self.profile.finals, self.profile.active_at
        while finals:
            due = moment.due_at(active_at)
            if marked(finals, self._id_at(moment, due), bounds.MAX_FINALS) is not None:
                return
            if not is_news and any(
                (sent.scenario, sent.step) == (moment.scenario, moment.step) and sent.at >= due
                for sent in self.profile.sent
            ):
                return
            if moment.due:
                moment.due += 1
            else:
                moment.wait += 1

    def keep_within_bounds(self) -> None:
        """Of more moments than are remembered, the most dispensable end."""
        while len(self.profile.moments) > bounds.MAX_MOMENTS:
            self.end(self._most_dispensable(), Reason.SUPERSEDED, self.at)

    def scenario_of(self, moment: Moment) -> "Scenario | None":
        """The moment's scenario as the file in force has it.

        ``None`` where it has none of the name, or of another kind than when the moment was opened.
        """
        scenario = self.rules.scenarios.get(moment.scenario)
        book = self.desk.book
        if scenario is None or book.only is not None:
            return scenario
        opened_by = book.named(self.opened_by(moment))
        as_opened = None if opened_by is None else opened_by.scenarios.get(moment.scenario)
        return scenario if as_opened is None or type(as_opened) is type(scenario) else None

    def _family_taken(self, scenario: "Scenario", entity: str) -> bool:
        if not self.profile.moments:
            return False
        for moment in list(self.profile.moments):
            if moment.entity != entity or moment.scenario == scenario.name:
                continue
            other = self.rules.scenarios.get(moment.scenario)
            if other is None or other.family != scenario.family:
                continue
            for_them = self.rules.holds_for(other, self.profile, self.at)
            if for_them is not self.rules.holds_for(scenario, self.profile, self.at):
                taken = for_them  # who is not in a segment hears of the other
            else:
                taken = self.rules.rank(other) <= self.rules.rank(scenario)
            if taken:
                return True
            reason = Reason.FAMILY_TAKEN if for_them else Reason.NOT_IN_SEGMENT
            self.end(moment, reason, self.at)
        return False

    def _most_dispensable(self) -> Moment:
        return max(
            self.profile.moments,
            key=lambda m: (self.rules.rank_of(m.scenario), m.opened_at, m.scenario, m.entity),
        )

    def due_of(self, moment: Moment) -> int:
        """When the moment was first due (ms); what ends it now does not move it."""
        return moment.first_due or moment.due_at(self.active_before)

    def opened_by(self, moment: Moment) -> str:
        """The version of the rules that opened the moment."""
        return moment.version or self.profile.opens_by

    def id_of(self, moment: Moment) -> str:
        """The ``decision_id`` of the moment's present step."""
        return self._id_at(moment, self.due_of(moment))

    def _id_at(self, moment: Moment, due: int) -> str:
        identity = moment.identity or self.key
        return decision_id(identity, moment.scenario, moment.entity, moment.step, due)

    def arm_of(self, moment: Moment) -> str | None:
        """The name of the moment's arm: of who it was opened for."""
        scenario = self.rules.scenarios.get(moment.scenario)
        if scenario is None or not scenario.config.arms:
            return None
        arm = arm_of(moment.scenario, scenario.config, moment.identity or self.key)
        return None if arm is None else arm.name

    def end(self, moment: Moment, reason: Reason, at: int) -> None:
        """Ends a moment that has not spoken: one final decision, dropped, with the reason."""
        self.profile.moments.remove(moment)
        if moment.scenario == AWAITS_CLICK:
            return
        self.write(moment, Outcome.DROPPED, reason, at, final=True)

    def write(
        self,
        moment: Moment,
        outcome: Outcome,
        reason: Reason,
        at: int,
        *,
        final: bool,
        evidence: Mapping[str, Any] | None = None,
        job: bool = False,
    ) -> str | None:
        """Writes a decision about a moment at ``at`` (ms); its id, ``None`` if final already.

        A retried event can open the same moment again: an id that is final stays final.
        """
        due, version = self.due_of(moment), self.rules.version
        number = self._id_at(moment, due)
        finals = marked(self.profile.finals, number, bounds.MAX_FINALS)
        if finals is None:
            return None
        if final:
            self.profile.finals = finals
        said: dict[str, Any] = {"opened_at": moment.opened_at}
        if (opened_by := self.opened_by(moment)) not in ("", version):
            said["opened_by"] = opened_by  # whose waits the moment has
        said |= moment.data
        if evidence:
            said |= evidence
        decision = Decision(
            decision_id=number,
            user_id=self.key,
            scenario=moment.scenario,
            step=moment.step,
            entity=moment.entity,
            due_at=due,
            decided_at=at,
            outcome=outcome,
            reason=reason,
            final=final,
            arm=self.arm_of(moment),
            job_id=number if job else None,
            scenario_version=version,
            evidence=said,
        )
        self.desk.decided(decision)
        return number
