"""News that a user would have heard, had what they cared for been told of in time.

Somebody asks to be told when a lamp is back; it comes back five minutes later, and five minutes
after that the request arrives. What has changed since its own time is told now.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from processors.catalogue import KEPT_MS, Version, topic_subject
from processors.desk import Desk
from processors.heard import hear, heard_at, mark_of
from processors.news import interested
from processors.scenarios.base import ASKED, KIND_NAMES, Caring
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

    Of several changes of a product the newest is told.
    """
    now, profile = Turn(turn.desk, turn.key, turn.profile, at), turn.profile
    told: set[tuple[str, str]] = set()
    for version in reversed(missed):
        facts, recorded_at = version.facts, version.recorded_at
        for scenario, _, change in interested(turn.desk.book, version, at).scenarios:
            assert facts is not None
            about = scenario.name, facts.product_id or facts.content_id
            if scenario.by_category or about in told:
                continue
            caring = scenario.interest(profile, facts, change, recorded_at)
            if caring is None:
                continue
            mark = mark_of(scenario, facts, change)
            if heard_at(profile, mark) < recorded_at or _need_not_wait(now, about, caring):
                told.add(about)
                hear(profile, mark, recorded_at)
                scenario.on_fact(now, facts, change, caring)


def _need_not_wait(turn: Turn, about: tuple[str, str], caring: Caring) -> bool:
    """Who has heard and waits to be told is told at once as one who asked."""
    waiting = turn.live(*about)
    asked = KIND_NAMES[ASKED]
    return (
        caring.kind == ASKED
        and waiting is not None
        and waiting.data.get("interest", asked) != asked
    )
