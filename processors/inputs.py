"""What a partition is told, in one order: events, product facts, ticks."""

import msgspec

from schemas.people import Handover, Interaction, Subscription
from schemas.push import PushResult
from schemas.structs import ShopEvent
from schemas.topics import HANDOVERS, INTERACTIONS, RESULTS, SHOP_EVENTS, SUBSCRIPTIONS, USER_INPUTS

RANK_OF = {topic.name: rank for rank, topic in enumerate(USER_INPUTS, start=1)}
"""Order of inputs recorded in the same millisecond. Product facts (rank 0) come first."""

FACT_RANK = 0
SUBSCRIPTION_RANK = RANK_OF[SUBSCRIPTIONS.name]
HANDOVER_RANK = RANK_OF[HANDOVERS.name]
EVENT_RANK = RANK_OF[SHOP_EVENTS.name]
INTERACTION_RANK = RANK_OF[INTERACTIONS.name]
RESULT_RANK = RANK_OF[RESULTS.name]

UserValue = ShopEvent | Interaction | PushResult | Subscription | Handover


class Source(msgspec.Struct, frozen=True, gc=False):
    """Where an input stood: the registry's topic name (no namespace), partition, offset."""

    topic: str
    partition: int
    offset: int


class UserRecord(msgspec.Struct, frozen=True, gc=False):
    """One valid record of a user-keyed input.

    ``recorded_at``: the lesser of the record's own time and the time it was fetched, in ms.
    ``arrived_at``: the newest ``recorded_at`` its input had shown by then, in ms; late activity
    counts from there. ``value`` is ``None`` for a tombstone. ``historical``: builds state and
    opens no moment.
    """

    rank: int
    key: str
    value: UserValue | None
    recorded_at: int
    arrived_at: int
    source: Source
    historical: bool = False


class FactRecord(msgspec.Struct, frozen=True, gc=False):
    """A new version of a product or content, as :class:`processors.catalogue.Catalogue` holds it.

    ``key`` is the key in ``nudge-products``; ``recorded_at`` the time of the catalogue record
    that caused it, in ms. ``recorded_at`` orders it among the other inputs.
    """

    key: str
    recorded_at: int
    source: Source


class Tick(msgspec.Struct, frozen=True, gc=False):
    """The partition's clock moves to ``clock`` (ms); nothing recorded earlier is still expected.

    ``now`` is the wall's time of the same look (ms), by which a moment is found too late;
    0 where there is no wall, as in a replay.
    """

    clock: int
    now: int = 0


Input = UserRecord | FactRecord | Tick
"""A tick among records is what a replay uses; a live step has one, at its end."""
