"""News that a user would have heard, had what they cared for been told of in time.

Somebody asks to be told when a lamp is back; it comes back five minutes later, and five minutes
after that the request arrives. What has changed since its own time is told now.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from processors.catalogue import KEPT_MS, Change, ProductFacts, Version, topic_subject
from processors.desk import Desk
from processors.heard import hear, heard_at, heard_of_any, mark_of
from processors.news import interested
from processors.scenarios.base import ASKED, KIND_NAMES, Caring, NewsScenario
from processors.turn import Turn
from schemas import structs as e

_OF_A_PRODUCT = frozenset({e.ViewItem, e.AddToWishlist, e.StockAlertRequested, e.AddToCart})
SHOWS_CARE = _OF_A_PRODUCT | {e.CartSnapshot, e.TopicFollow}
"""Events by which a user comes to care for something."""


def missed_by(desk: Desk, event: Any) -> Sequence[Version]:
    """What was recorded since the own time of ``event``, which :data:`SHOWS_CARE`, of that."""
    since, kind = max(event.occurred_at, desk.clock - KEPT_MS), type(event)
    if kind in _OF_A_PRODUCT:
        return desk.catalogue.since(event.product_id, desk.applied, since)
    if kind is e.TopicFollow:
        return desk.catalogue.since(topic_subject(event.topic), desk.applied, since)
    return _since(desk, dict.fromkeys(item.product_id for item in event.items), since)


def missed_on_the_way(desk: Desk, subjects: Iterable[str], since: int) -> Sequence[Version]:
    """What was recorded of ``subjects`` since a profile left its partition (ms)."""
    return _since(desk, subjects, max(since, desk.clock - KEPT_MS))


def _since(desk: Desk, subjects: Iterable[str], time: int) -> Sequence[Version]:
    found = (desk.catalogue.since(one, desk.applied, time) for one in subjects)
    return sorted(chain.from_iterable(found), key=attrgetter("recorded_at", "offset"))


class Missed(NamedTuple):
    """A change that concerns the user."""

    scenario: NewsScenario
    facts: ProductFacts
    change: Change
    at: int
    """When it was recorded (ms)."""
    caring: Caring

    @property
    def about(self) -> tuple[str, str]:
        return self.scenario.name, self.facts.product_id or self.facts.content_id

    @property
    def mark(self) -> int:
        return mark_of(self.scenario, self.facts, self.change)


def tell_missed(
    turn: Turn, versions: Sequence[Version], at: int, event: e.ShopEvent | None = None
) -> None:
    """Opens what concerns the user since the turn's time, as of ``at`` (ms).

    By ``event``, now that it is applied: what concerns them because of it. Of several changes of a
    product the newest is told.
    """
    now = Turn(turn.desk, turn.key, turn.profile, at)
    missed: dict[tuple[str, str], list[Missed]] = {}
    for version in versions:
        for one in _concerning(turn, version, at):
            if event is None or one.caring.at == event.occurred_at:
                missed.setdefault(one.about, []).append(one)
    told = [changes[-1] for changes in missed.values() if _is_news(now, changes, turn.at)]
    for changes in missed.values():
        for one in changes:
            hear(turn.profile, one.mark, one.at)
    for one in sorted(told, key=lambda one: one.at):
        one.scenario.on_fact(now, one.facts, one.change, one.caring)


def _concerning(turn: Turn, version: Version, at: int) -> Iterator[Missed]:
    for scenario, _, change in interested(turn.desk.book, version, at).scenarios:
        facts, recorded_at = version.facts, version.recorded_at
        assert facts is not None
        if not scenario.by_category and _changed_at(facts, change) > turn.at:
            caring = scenario.interest(turn.profile, facts, change, recorded_at)
            if caring is not None:
                yield Missed(scenario, facts, change, recorded_at, caring)


def _changed_at(facts: ProductFacts, change: Change) -> int:
    """When (ms) it changed in the shop: who saw it afterwards has missed nothing."""
    offer = facts.offers.get(change.variant_id or "")
    if offer is None:
        return facts.at
    if change.quantity_before == 0 and (facts.published_at or 0) > (offer.quantity_at or 0):
        return facts.published_at or 0  # it is on sale again
    return (offer.quantity_at if change.price is None else offer.price_at) or facts.at


def _is_news(turn: Turn, changes: list[Missed], since: int) -> bool:
    """Whether the newest of a product's changes is told.

    Who asked is answered unless they were since by a change that this is about; who has heard, and
    waits for another reason, waits no longer. Others have heard if they have of any offer.
    """
    newest = changes[-1]
    if newest.caring.kind != ASKED:
        return heard_of_any(turn.profile, newest.mark) <= since
    if all(heard_at(turn.profile, one.mark) < one.at for one in changes):
        return True
    waiting, asked = turn.live(*newest.about), KIND_NAMES[ASKED]
    return waiting is not None and waiting.data.get("interest", asked) != asked
