"""News that a user would have heard, had what they cared for been told of in time.

Somebody asks to be told when a lamp is back; it comes back five minutes later, and five minutes
after that the request arrives. What has changed since its own time is told now.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from processors.catalogue import KEPT_MS, ProductFacts, Version, topic_subject
from processors.desk import Desk
from processors.heard import hear, heard_at
from processors.news import interested
from processors.scenarios.base import ASKED, KIND_NAMES, Caring, NewsScenario
from processors.turn import Turn
from schemas import structs as e

_OF_A_PRODUCT = frozenset({e.ViewItem, e.AddToWishlist, e.StockAlertRequested, e.AddToCart})
SHOWS_CARE = _OF_A_PRODUCT | {e.CartSnapshot, e.TopicFollow}
"""Events by which a user comes to care for something."""


def missed_by(desk: Desk, event: Any) -> Sequence[Version]:
    """What was recorded since the own time of ``event``, which :data:`SHOWS_CARE`, of that."""
    since, kind = event.occurred_at, type(event)
    since = max(since, desk.clock - KEPT_MS)
    if kind in _OF_A_PRODUCT:
        return desk.catalogue.since(event.product_id, desk.applied, since)
    if kind is e.TopicFollow:
        return desk.catalogue.since(topic_subject(event.topic), desk.applied, since)
    products = dict.fromkeys(item.product_id for item in event.items)
    found = (desk.catalogue.since(one, desk.applied, since) for one in products)
    return tuple(chain.from_iterable(found))


def tell_missed(turn: Turn, missed: Sequence[Version], at: int) -> None:
    """Opens what concerns the user, now that the event is applied: it counts at ``at`` (ms).

    Of several changes the newest is told.
    """
    now = Turn(turn.desk, turn.key, turn.profile, at)
    for version in reversed(missed):
        facts, recorded_at = version.facts, version.recorded_at
        for scenario, _, change in interested(turn.desk.book, version, at).scenarios:
            assert facts is not None
            if scenario.by_category:
                continue
            caring = scenario.interest(turn.profile, facts, change, recorded_at)
            if caring is None or _has_heard(now, scenario, facts, caring, recorded_at):
                continue
            hear(turn.profile, scenario, facts, recorded_at)
            scenario.on_fact(now, facts, change, caring)


def _has_heard(
    turn: Turn, scenario: NewsScenario, facts: ProductFacts, caring: Caring, at: int
) -> bool:
    """Who has heard and waits to be told does not wait any more as one who asked."""
    if heard_at(turn.profile, scenario, facts) < at:
        return False
    waiting = turn.live(scenario.name, facts.product_id)
    asked = KIND_NAMES[ASKED]
    return caring.kind != ASKED or waiting is None or waiting.data.get("interest", asked) == asked
