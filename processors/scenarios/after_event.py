"""``after_event``: a scenario that only follows an event, configured wholly in the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processors.config import AfterEventConfig, Priority
from processors.profile import Moment
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason
from schemas.events import Envelope
from schemas.push import MessageClass

USER_ENTITY = "user"
"""The entity of a scenario that names none: one moment a user."""

_LIST_KEPT = 5
"""Of a list in the event, so many wait with the moment."""

_ENVELOPE = frozenset({"type", *Envelope.model_fields})


@dataclass(frozen=True, slots=True)
class AfterEvent:
    name: str
    config: AfterEventConfig

    @property
    def family(self) -> str:
        return self.config.family or self.name

    @property
    def priority(self) -> Priority:
        if self.config.priority is not None:
            return self.config.priority
        if self.config.message_class is MessageClass.MARKETING:
            return Priority.MASS
        return Priority(self.config.message_class.value)

    @property
    def opens_on(self) -> frozenset[type[e.Envelope]]:
        return frozenset({e.EVENT_CLASSES[self.config.on]})

    @property
    def ends_on(self) -> frozenset[type[e.Envelope]]:
        return frozenset(e.EVENT_CLASSES[name] for name in self.config.unless)

    def copy_names(self) -> tuple[str, ...]:
        return (self.config.copy_name or self.name,)

    def class_of(self, moment: Moment) -> MessageClass:
        return self.config.message_class

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        if not self._concerns(event):
            return
        entity = self._entity(event)
        due = turn.at + self.config.wait
        if turn.late and due <= turn.desk.clock:
            if self.config.message_class is not MessageClass.TRANSACTIONAL:
                return
            due = max(turn.desk.clock + 1, turn.active_at)
        waiting = turn.live(self.name, entity)
        if waiting is not None:
            if waiting.opened_at > turn.at:
                return
            turn.end(waiting, Reason.SUPERSEDED, turn.at)
        turn.open(self, entity, due=due, data={"event": _own_fields(event)})

    def _concerns(self, event: e.ShopEvent) -> bool:
        for field, wanted in self.config.where.items():
            value = getattr(event, field, None)
            if value not in wanted if isinstance(wanted, list) else value != wanted:
                return False
        return True

    def _entity(self, event: e.ShopEvent) -> str:
        if self.config.entity is None:
            return USER_ENTITY
        return str(getattr(event, self.config.entity, None) or USER_ENTITY)

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        field = self.config.entity
        if field is not None and hasattr(event, field) and self._entity(event) != entity:
            return None
        return Reason.PURCHASED if isinstance(event, e.Purchase) else Reason.CANCELLED

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        return None

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        event = moment.data["event"]
        order = {"id": event["order_id"], **event} if "order_id" in event else None
        return {"event": event} if order is None else {"event": event, "order": order}

    def judged(self, turn: Turn, moment: Moment) -> None:
        """Nothing to remember: the next event decides anew."""

    def sent(self, turn: Turn, moment: Moment) -> None:
        """Nothing more to remember."""

    def next_wait(self, step: int) -> int | None:
        return None


def _own_fields(event: e.ShopEvent) -> dict[str, Any]:
    """The event's own fields that say something, small enough to wait in a profile."""
    plain = {k: v for k, v in e.plain_of(event).items() if k not in _ENVELOPE}
    items = plain.pop("items", None)
    if items is not None:
        plain["count"] = sum(item["quantity"] for item in items)
        plain["product_ids"] = [item["product_id"] for item in items]
    return {
        name: value[:_LIST_KEPT] if isinstance(value, list) else value
        for name, value in plain.items()
    }
