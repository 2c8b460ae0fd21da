"""``reminder``: an event, appointment, lesson or deadline that the user asked to be reminded of."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.config import DAY, Priority, ScenarioConfig
from processors.copy import without_nothing
from processors.copy_names import of
from processors.durations import Duration
from processors.moment import Moment
from processors.scenarios.base import Scenario
from processors.scenarios.newest import is_newest, last_marked
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason
from schemas.push import MessageClass


class ReminderConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    leads: Annotated[tuple[Duration, ...], Field(min_length=1, max_length=5)] = (DAY, 15 * 60_000)
    """How long before it, where ``reminder_set`` does not say itself."""


class Reminder(Scenario):
    """One moment a reminder: its steps are the leads, the longest first."""

    config: ReminderConfig
    priority = Priority.ASKED_FOR
    speaks_of = of("reminder")
    opens_on = frozenset({e.ReminderSet, e.ReminderCancelled})
    ends_on = frozenset({e.ReminderCancelled})

    @property
    def message_class(self) -> MessageClass:
        return MessageClass.ASKED_FOR

    def expires_at(self, turn: Turn, moment: Moment) -> int:
        """Until it begins, a day at most: who is offline a day ahead hears of it all the same."""
        begins: int = moment.data["reminder"]["at"]
        return max(super().expires_at(turn, moment), min(begins, turn.at + DAY))

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        assert isinstance(event, e.ReminderSet | e.ReminderCancelled)
        entity = event.reminder_id
        if not is_newest(turn, f"{self.name}\x1f{entity}") or isinstance(
            event, e.ReminderCancelled
        ):
            return
        waiting = turn.live(self.name, entity)
        if waiting is not None:
            turn.end(waiting, Reason.SUPERSEDED, turn.at)
        said = {"title": event.title, "at": event.at, "url": event.url}
        first, *left = self._dues(turn, event)
        data = {"reminder": without_nothing(said), "left": left}
        moment = turn.open(self, entity, due=first, data=data)
        if moment is not None and event.at <= turn.at:
            turn.end(moment, Reason.EXPIRED, turn.at)

    def _dues(self, turn: Turn, event: e.ReminderSet) -> list[int]:
        """When it is due (ms): at each lead that is still to come, else at the time itself."""
        now = max(turn.at, turn.desk.clock) if turn.late else turn.at
        leads = self.config.leads if event.lead is None else event.lead
        dues = {max(event.at - lead, 1) for lead in leads}
        return sorted(due for due in dues if due > now) or [event.at]

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        assert isinstance(event, e.ReminderCancelled)
        return Reason.CANCELLED if event.reminder_id == entity else None

    def is_over(self, turn: Turn, moment: Moment) -> bool:
        return last_marked(turn, f"{self.name}\x1f{moment.entity}") > moment.opened_at

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        return Reason.EXPIRED if turn.at > moment.data["reminder"]["at"] else None

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        return {"reminder": {"id": moment.entity, **moment.data["reminder"]}}

    def judged(self, turn: Turn, moment: Moment) -> None:
        """The next lead waits in the place of this one; one that a hold ran into is left out."""
        left = [due for due in moment.data["left"] if due > turn.at]
        if not left:
            return
        data = {**moment.data, "left": left[1:]}
        following = turn.open(self, moment.entity, due=left[0], data=data)
        if following is not None:
            following.step = moment.step + 1
            following.opened_at, following.version = moment.opened_at, moment.version
            following.identity, following.shadow = moment.identity, moment.shadow
