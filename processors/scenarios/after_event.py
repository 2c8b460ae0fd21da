"""``after_event``: a scenario that only follows an event, configured wholly in the file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from processors.catalogue import ProductFacts
from processors.config import Priority, ScenarioConfig
from processors.copy_names import PRODUCT, Spoken
from processors.durations import Duration
from processors.moment import Moment
from processors.reduce import SESSION_GAP_MS
from processors.scenarios.base import Scenario
from processors.scenarios.event_fields import ENVELOPE, own_fields
from processors.scenarios.newest import is_newest, last_marked, told_before
from processors.scenarios.product_news import product
from processors.session import SESSION_END
from processors.turn import Turn
from processors.vocabulary import EVENTS, events_named
from processors.where import Bound, Scalar, Where
from schemas import structs as e
from schemas.catalog import Relation
from schemas.decisions import Reason
from schemas.push import MessageClass

USER_ENTITY = "user"
"""The entity of a scenario that names none: one moment a user."""

_NAME_PRODUCTS = frozenset({"product_ids", "product_id", "order_id"})


def _ending(value: Any) -> Any:
    if isinstance(value, Mapping) and (
        len(value) != 1 or not isinstance(next(iter(value.values())), Mapping)
    ):
        raise ValueError("write an event's name, or {event: {field: value}}, each by itself")
    return value


Ending = Annotated[str | dict[str, Where], BeforeValidator(_ending)]
"""An event that ends the moment; with what it must hold, where not every one does."""


class AfterEventConfig(ScenarioConfig):
    """A scenario that only follows an event: everything about it stands here."""

    on: str
    where: Where = {}
    wait: Duration = 0
    before: str | None = None
    """The event's field that holds a time: due ``wait`` before it, not after the event."""
    unless: tuple[Ending, ...] = ()
    entity: str | None = None
    """The event's field that tells one moment from another (``order_id``)."""
    newest_only: bool = False
    """An event older than the newest one of its entity opens nothing, told already or not."""
    order_number: Annotated[int, Field(ge=1)] | None = None
    """Opens only while the user has made so many orders."""
    relations: tuple[Relation, ...] = ()
    """Speaks of a product that the shop relates so to what was bought."""
    message_class: Annotated[MessageClass, Field(alias="class")] = MessageClass.MARKETING
    family: str | None = None
    priority: Priority | None = None
    copy_name: Annotated[str | None, Field(alias="copy")] = None

    def endings(self) -> tuple[tuple[str, Where], ...]:
        """The events of ``unless``, each with what it must hold."""
        return tuple(
            (ending, {}) if isinstance(ending, str) else next(iter(ending.items()))
            for ending in self.unless
        )


class AfterEvent(Scenario):
    config: AfterEventConfig

    def __init__(self, name: str, config: AfterEventConfig) -> None:
        super().__init__(name, config)
        self._opens_on = events_named(config.on)
        self._endings = tuple((events_named(event), where) for event, where in config.endings())
        self._ends_on = frozenset[type[e.Envelope]]().union(*(kinds for kinds, _ in self._endings))

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
        return self._opens_on

    @property
    def listens_to(self) -> frozenset[type[e.Envelope]]:
        # What ends a matter may be told before what opens it.
        return self._opens_on | self._ends_on if self.config.entity else self._opens_on

    @property
    def looks_back(self) -> int:
        return SESSION_GAP_MS if SESSION_END in self._opens_on else 0

    @property
    def ends_on(self) -> frozenset[type[e.Envelope]]:
        return self._ends_on

    def awaits(self, number: int, away: int | None) -> bool:
        where = self.config.where
        return not where or (
            ("number" not in where or _is(number, where["number"]))
            and ("away" not in where or _is(away, where["away"]))
        )

    @property
    def speaks_of(self) -> Spoken:
        fields = frozenset(EVENTS[self.config.on].model_fields) - ENVELOPE
        if "items" in fields:
            fields = fields - {"items"} | {"count", "product_ids"}
        spoken: dict[str, frozenset[str]] = {"event": fields}
        if "order_id" in fields:
            spoken["order"] = fields | {"id"}
        if self.config.relations:
            spoken["bought"] = spoken["product"] = PRODUCT
        elif fields & _NAME_PRODUCTS:
            spoken["product"] = PRODUCT
        return spoken

    def copy_names(self) -> tuple[str, ...]:
        return (self.config.copy_name or self.name,)

    @property
    def message_class(self) -> MessageClass:
        return self.config.message_class

    def on_event(self, turn: Turn, event: e.ShopEvent) -> None:
        config, entity = self.config, self._entity(event)
        if config.entity is not None and type(event) in self._ends_on:
            self._remember_ending(turn, event, entity)
        if type(event) not in self._opens_on or not _holds(event, config.where):
            return
        if config.order_number not in (None, turn.profile.order_count):
            return
        if told_before(turn, event) or self._has_ended(turn, entity):
            return
        if config.newest_only and not is_newest(turn, f"{self.name}\x1f{entity}"):
            return
        due, objection = self._due(turn, event)
        if turn.late and due <= turn.desk.clock:
            if config.message_class is not MessageClass.TRANSACTIONAL:
                return
            due = max(turn.desk.clock + 1, turn.active_at)
        waiting = turn.live(self.name, entity)
        if waiting is not None:
            if waiting.opened_at > turn.at:
                return
            turn.end(waiting, Reason.SUPERSEDED, turn.at)
        is_news = isinstance(event, e.OrderStatus)  # told_before knows its twins
        moment = turn.open(
            self, entity, due=due, data={"event": own_fields(event)}, is_news=is_news
        )
        if moment is not None and objection is not None:
            turn.end(moment, objection, turn.at)

    def is_over(self, turn: Turn, moment: Moment) -> bool:
        ended_at = last_marked(turn, self._ending_of(moment.entity))
        return self.config.entity is not None and ended_at >= moment.opened_at

    def _remember_ending(self, turn: Turn, event: e.ShopEvent, entity: str) -> None:
        if not isinstance(event, e.Purchase) and self.ended_by(turn, event, entity) is not None:
            is_newest(turn, self._ending_of(entity))

    def _has_ended(self, turn: Turn, entity: str) -> bool:
        """Whether the matter was ended at that time or later; of orders, its purchase is known."""
        if self.config.entity is None:
            return False
        bought = e.Purchase in self._ends_on and any(
            order.order_id == entity and order.at >= turn.at for order in turn.profile.orders
        )
        return bought or last_marked(turn, self._ending_of(entity)) >= turn.at

    def _ending_of(self, entity: str) -> str:
        return f"{self.name}\x1f{entity}\x1fended"

    def _due(self, turn: Turn, event: e.ShopEvent) -> tuple[int, Reason | None]:
        """When it is due (ms), and why that cannot be."""
        if self.config.before is None:
            return turn.at + self.config.wait, None
        end = getattr(event, self.config.before)
        if end is None:
            return turn.at, Reason.MISSING_DATA
        due = max(end - self.config.wait, 1)
        return due, Reason.EXPIRED if due < turn.at else None

    def _entity(self, event: e.ShopEvent) -> str:
        if self.config.entity is None:
            return USER_ENTITY
        return str(getattr(event, self.config.entity, None) or USER_ENTITY)

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        field = self.config.entity
        if field is not None and hasattr(event, field) and self._entity(event) != entity:
            return None
        if not any(type(event) in kinds and _holds(event, where) for kinds, where in self._endings):
            return None
        return Reason.PURCHASED if isinstance(event, e.Purchase) else Reason.CANCELLED

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        if not self.config.relations:
            return None
        found = self._recommended(turn, moment.data["event"])
        return Reason.MISSING_DATA if found is None else None

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        event = moment.data["event"]
        context: dict[str, Any] = {"event": event}
        if "order_id" in event:
            context["order"] = {"id": event["order_id"], **event}
        if self.config.relations:
            found = self._recommended(turn, event)
            if found is not None:
                context["bought"], context["product"] = found
            return context
        named = next(_facts(turn, _products(turn, event)), None)
        if named is not None:
            context["product"] = product(named, None)
        return context

    def _recommended(
        self, turn: Turn, event: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        """What was bought, and the first product related to it that can be had and was not."""
        bought = _products(turn, event)
        for facts in _facts(turn, bought):
            for relation in self.config.relations:
                for other in _facts(turn, facts.related.get(relation, ())):
                    if other.product_id not in bought and other.available(None) is not False:
                        return product(facts, None), product(other, None)
        return None


def _holds(event: e.ShopEvent, where: Where) -> bool:
    return all(_is(getattr(event, field, None), wanted) for field, wanted in where.items())


def _is(value: Any, wanted: Scalar | list[Scalar] | Bound) -> bool:
    if isinstance(wanted, Bound):
        return wanted.holds(value)
    return value in wanted if isinstance(wanted, list) else bool(value == wanted)


def _products(turn: Turn, event: Mapping[str, Any]) -> Sequence[str]:
    """The products of the event, or of the order that it names."""
    if "product_ids" in event:
        return tuple(event["product_ids"])
    if "product_id" in event:
        return (event["product_id"],)
    number = event.get("order_id")
    return next((o.product_ids for o in turn.profile.orders if o.order_id == number), ())


def _facts(turn: Turn, product_ids: Iterable[str]) -> Iterator[ProductFacts]:
    for product_id in product_ids:
        facts = turn.desk.product(product_id, turn.at)
        if facts is not None:
            yield facts
