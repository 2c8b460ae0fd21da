"""What a scenario is to the step: when it opens, what ends it, what it looks at, what it says."""

from collections.abc import Mapping
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from processors.catalogue import Change, ProductFacts
from processors.config import Priority, ScenarioConfig, StepsConfig
from processors.copy import Copy
from processors.copy_names import Spoken
from processors.localtime import HOUR_MS
from processors.moment import Moment
from processors.profile import Profile
from processors.traces import Interest, Line
from processors.turn import Turn
from schemas.decisions import Reason
from schemas.push import MessageClass
from schemas.structs import Envelope, ShopEvent


class Scenario:
    """One scenario of the file, ready to run. Stateless: all state is in the profile.

    What a scenario does not say for itself is said here, as most have it.
    """

    name: str
    config: ScenarioConfig
    strength: ClassVar[int] = 0
    """Goes before others of its priority; in a family it takes their place. 0 to 9."""
    outlives_click: ClassVar[bool] = False
    """A click on one step does not end the next."""
    needs_browser: ClassVar[bool] = False
    """Of whom nothing can be pushed to it is not asked."""
    needs_cart: ClassVar[bool] = False
    """Of whose cart is empty, after the event, it is not asked."""

    def __init__(self, name: str, config: Any) -> None:
        self.name = name
        self.config = config

    @property
    def family(self) -> str:
        """In one family one moment about one entity lives."""
        return self.name

    @property
    def priority(self) -> Priority:
        return Priority.MASS

    @property
    def opens_on(self) -> frozenset[type[Envelope]]:
        """Events that may open it."""
        return NOTHING

    @property
    def listens_to(self) -> frozenset[type[Envelope]]:
        """Events after which :meth:`on_event` is asked."""
        return self.opens_on

    @property
    def ends_on(self) -> frozenset[type[Envelope]]:
        """Events after which :meth:`ended_by` is asked about each open moment."""
        return NOTHING

    @property
    def looks_back(self) -> int:
        """How long (ms) before its opening what ends it may have happened, told later."""
        return 0

    @property
    def speaks_of(self) -> Spoken | None:
        """The names of :meth:`context`, and what each can hold; ``None``: it is not said."""
        return None

    def copy_names(self) -> tuple[str, ...]:
        """The copy it needs, one a step."""
        config = self.config
        if isinstance(config, StepsConfig):
            return tuple(step.copy_name for step in config.steps)
        return (getattr(config, "copy_name", None) or self.name,)

    @property
    def label(self) -> str:
        """What links carry (``utm_campaign``)."""
        return self.name

    def own_copy(self, moment: Moment) -> Copy | None:
        """What it says in its own words; ``None``: the file's, by :meth:`copy_names`."""
        return None

    def expires_at(self, turn: Turn, moment: Moment) -> int:
        """Until when (ms) a message sent now is worth delivering."""
        return turn.at + self.config.ttl

    @property
    def message_class(self) -> MessageClass:
        """Of its messages, where a moment does not make it another."""
        return MessageClass.MARKETING

    def class_of(self, moment: Moment) -> MessageClass:
        return self.message_class

    def on_event(self, turn: Turn, event: ShopEvent) -> None:
        """Opens or moves moments, once the event has changed the profile."""

    def begin_again(self, turn: Turn, moment: Moment) -> None:
        """What opens the scenario came once more while a later step waits: that step is no more."""
        if moment.first_due:
            turn.end(moment, Reason.SUPERSEDED, turn.at)
        else:
            turn.profile.moments.remove(moment)

    def ended_by(self, turn: Turn, event: ShopEvent, entity: str) -> Reason | None:
        """Why ``event`` ends the moment about ``entity``; ``None`` where it does not."""
        return None

    def spares(self, turn: Turn, opened_at: int, purchase_at: int) -> bool:
        """Whether a purchase from before its moment opened (ms), told late, leaves it true."""
        return purchase_at < opened_at - self.looks_back

    def is_over(self, turn: Turn, moment: Moment) -> bool:
        """Whether the user has ended what a visitor's moment is about, as they remember."""
        return False

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        """Why the due moment has nothing to say any more; ``None`` where it has."""
        return None

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        """What the copy may speak of, beside shop and user."""
        return {}

    def judged(self, turn: Turn, moment: Moment) -> None:
        """Remembers that the moment was judged for good, whatever came of it."""

    def sent(self, turn: Turn, moment: Moment) -> None:
        """Remembers that the message was sent."""

    def open_from(self, at: int, tz: ZoneInfo) -> int:
        """From when (ms) on it may speak that was held until ``at``: in hours of its own."""
        return at

    def awaits(self, number: int, away: int | None) -> bool:
        """Whether a session's end may open it, asked as the user's session ``number`` begins
        after ``away`` ms (``None``: the first). Only of a scenario that opens on its end."""
        return True

    def next_wait(self, step: int) -> int | None:
        """The wait (ms) of the step after ``step``; ``None`` where it is the last."""
        config = self.config
        if isinstance(config, StepsConfig) and step < len(config.steps):
            return config.steps[step].wait
        return None


NOTHING: frozenset[type[Envelope]] = frozenset()


class NewsScenario(Scenario):
    """A scenario that opens when a product changes."""

    by_category: ClassVar[bool] = False
    """Whom it concerns is found by the product's category too."""

    @property
    def looks_back(self) -> int:
        return HOUR_MS  # who has just bought it need not hear of it

    def spares(self, turn: Turn, opened_at: int, purchase_at: int) -> bool:
        return False

    def wants(self, facts: ProductFacts, change: Change) -> bool:
        """Whether the change could move anybody."""
        raise NotImplementedError

    def interest(
        self, profile: Profile, facts: ProductFacts, change: Change, at: int
    ) -> "Caring | None":
        """How the user cares for the changed product as of ``at`` (ms)."""
        raise NotImplementedError

    def on_fact(
        self, turn: Turn, facts: ProductFacts, change: Change, caring: "Caring"
    ) -> Moment | None:
        """Opens the user's moment; ``None`` where it does not."""
        raise NotImplementedError

    def wave_limit(self, change: Change, partitions: int) -> int | None:
        """How many users of a partition may be told; ``None``: all."""
        return None

    @property
    def shares_a_wave(self) -> bool:
        """Whether one who is not reached takes another's place: the next channel tells them."""
        limits = type(self).wave_limit is not NewsScenario.wave_limit
        return limits and self.config.handoff is not None


class QuietScenario(Scenario):
    """A scenario that opens when a user has stayed away for long."""

    needs_browser = True

    @property
    def earliest(self) -> int:
        """How long (ms) after the last activity any user could be due."""
        raise NotImplementedError

    def quiet_due(self, profile: Profile) -> int:
        """When (ms) the user is due who does nothing more; the past where not at all."""
        raise NotImplementedError

    def on_quiet(self, turn: Turn) -> None:
        """Opens the moment, at that time."""
        raise NotImplementedError


class Caring:
    """A user's strongest tie to a product: ``kind`` 0 asked, 1 saved, 2 in the cart, 3 viewed."""

    __slots__ = ("at", "kind", "price", "variant_id")

    def __init__(self, kind: int, at: int, price: int | None, variant_id: str | None) -> None:
        self.kind = kind
        self.at = at
        self.price = price
        self.variant_id = variant_id


ASKED, SAVED, CARTED, VIEWED = range(4)
KIND_NAMES = ("asked", "saved", "cart", "viewed")


def matches(interest: Interest | Line, product_id: str, variant_id: str | None) -> bool:
    """Whether it is about that product; without a variant, on either side, any variant counts."""
    return interest.product_id == product_id and (
        variant_id is None or interest.variant_id is None or interest.variant_id == variant_id
    )


def bought_since(profile: Profile, product_id: str, at: int) -> bool:
    """Whether one of the newest orders, made at or after ``at`` (ms), holds the product."""
    return any(order.at >= at and product_id in order.product_ids for order in profile.orders)
