"""News that a user would have heard, had what they cared for been told of in time.

Somebody asks to be told when a lamp is back; it comes back five minutes later, and five minutes
after that the request arrives. What has changed since its own time is told now.
"""

from collections.abc import Iterable
from typing import NamedTuple

from processors.catalogue import KEPT_MS, Change, ProductFacts, topic_subject
from processors.desk import Desk
from processors.news import interested
from processors.profile import Profile
from processors.scenarios.base import ASKED, Caring, NewsScenario
from processors.turn import Turn
from schemas import structs as e

_OF_A_PRODUCT = (e.ViewItem, e.AddToWishlist, e.StockAlertRequested, e.AddToCart)


class Missed(NamedTuple):
    """A change since an event that is told late, and how the user cared before that was told."""

    scenario: NewsScenario
    facts: ProductFacts
    change: Change
    recorded_at: int
    before: Caring | None


def missed_by(desk: Desk, profile: Profile, event: e.ShopEvent) -> list[Missed]:
    """What has changed since ``event`` of what it shows its user to care for."""
    since = max(event.occurred_at, desk.clock - KEPT_MS)
    found: list[Missed] = []
    for subject in _subjects(event):
        for version in desk.catalogue.since(subject, desk.applied, since):
            at, facts = version.recorded_at, version.facts
            for scenario, _, change in interested(desk.book, version, at).scenarios:
                assert facts is not None
                before = scenario.interest(profile, facts, change, at)
                found.append(Missed(scenario, facts, change, at, before))
    return found


def _subjects(event: e.ShopEvent) -> Iterable[str]:
    if isinstance(event, _OF_A_PRODUCT):
        return (event.product_id,)
    if isinstance(event, e.CartSnapshot):
        return dict.fromkeys(item.product_id for item in event.items)
    return (topic_subject(event.topic),) if isinstance(event, e.TopicFollow) else ()


def tell_missed(turn: Turn, missed: list[Missed]) -> None:
    """Opens what the event, now that it is applied, shows to concern the user.

    It counts from when the event came. Who cared before has heard, or waits to; who asked does not
    wait.
    """
    now = Turn(turn.desk, turn.key, turn.profile, turn.active_at)
    for scenario, facts, change, recorded_at, before in missed:
        caring = scenario.interest(turn.profile, facts, change, recorded_at)
        if caring is None:
            continue
        if before is None or (
            caring.kind == ASKED != before.kind and now.live(scenario.name, facts.product_id)
        ):
            scenario.on_fact(now, facts, change, caring)
