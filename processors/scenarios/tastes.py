"""What a user has looked at and might like, as copy may speak of it."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from processors.catalogue import ProductFacts
from processors.scenarios.base import bought_since
from processors.scenarios.product_news import product
from processors.traces import Interest
from processors.turn import Turn
from schemas.decisions import Reason

USER = "user"
"""The entity of what is one moment a user."""

SHOWN = 3
"""Products that a message names at most."""


def wanted(turn: Turn) -> list[Interest]:
    """The products viewed, newest first, that were not bought since and are not known to be out."""
    return [
        interest
        for interest in reversed(turn.profile.viewed)
        if not bought_since(turn.profile, interest.product_id, interest.at)
        and not _is_out(turn, interest)
    ]


def _is_out(turn: Turn, interest: Interest) -> bool:
    facts = turn.desk.product(interest.product_id, turn.at)
    return facts is not None and facts.available(interest.variant_id) is False


def why_none(turn: Turn) -> Reason:
    """Why nothing of what was viewed is wanted any more."""
    profile = turn.profile
    bought = any(bought_since(profile, i.product_id, i.at) for i in profile.viewed)
    return Reason.PURCHASED if bought else Reason.OUT_OF_STOCK


def viewed(turn: Turn) -> Mapping[str, Any]:
    """``product``: the newest that is wanted; ``products``: others like it, or popular ones."""
    newest = next(iter(wanted(turn)), None)
    facts = None if newest is None else turn.desk.product(newest.product_id, turn.at)
    if newest is None or facts is None:
        return popular(turn, favourite(turn))
    return {
        "product": product(facts, newest.variant_id),
        **_listed(like(turn, facts)),
    }


def favourite(turn: Turn) -> str | None:
    """The category viewed most, of equal ones the newest."""
    return turn.profile.categories.favourite()


def popular(turn: Turn, category: str | None) -> Mapping[str, Any]:
    """``products``: what sells best in the category, else in the shop."""
    found = turn.desk.bestsellers(category, turn.at) if category is not None else iter(())
    best = list(islice(found, SHOWN)) or list(islice(turn.desk.bestsellers(None, turn.at), SHOWN))
    return _listed(best)


def like(turn: Turn, facts: ProductFacts) -> list[ProductFacts]:
    """What the shop calls similar and can be had; else what sells best of its category."""
    similar = (turn.desk.product(other, turn.at) for other in facts.related.get("similar", ()))
    found = [other for other in similar if other is not None and other.can_be_shown()]
    if not found and facts.category is not None:
        best = turn.desk.bestsellers(facts.category, turn.at)
        found = list(islice((b for b in best if b.product_id != facts.product_id), SHOWN))
    return found[:SHOWN]


def _listed(found: Iterable[ProductFacts]) -> Mapping[str, Any]:
    products = [product(facts, None) for facts in found]
    return {"products": products} if products else {}
