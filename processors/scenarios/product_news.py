"""What the scenarios about a product's news share: who cares, and what the copy may say."""

from collections.abc import Iterable, Mapping
from typing import Any

from processors.catalogue import ProductFacts
from processors.copy import without_nothing
from processors.profile import Profile
from processors.scenarios.base import CARTED, SAVED, VIEWED, Caring, bought_since, matches
from processors.traces import Interest, Line
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason

ENDS_ON: frozenset[type[e.Envelope]] = frozenset({e.Purchase})


def ended_by(event: e.ShopEvent, product_id: str) -> Reason | None:
    """A purchase of the product ends it."""
    if isinstance(event, e.Purchase) and any(item.product_id == product_id for item in event.items):
        return Reason.PURCHASED
    return None


def newest(
    kind: int,
    held: Iterable[Interest],
    product_id: str,
    variant_id: str | None,
    at: int,
    oldest: int,
) -> Caring | None:
    """The newest matching interest not after ``at`` and not before ``oldest`` (ms)."""
    found: Interest | None = None
    for interest in held:
        if (
            oldest <= interest.at <= at
            and matches(interest, product_id, variant_id)
            and (found is None or interest.at >= found.at)
        ):
            found = interest
    return None if found is None else Caring(kind, found.at, found.price, found.variant_id)


def carted(
    profile: Profile, product_id: str, variant_id: str | None, at: int, oldest: int
) -> Caring | None:
    """The newest matching cart line not after ``at`` and not before ``oldest`` (ms)."""
    found: Line | None = None
    for line in profile.cart:
        if (
            oldest <= line.changed_at <= at
            and matches(line, product_id, variant_id)
            and (found is None or line.changed_at >= found.changed_at)
        ):
            found = line
    if found is None:
        return None
    return Caring(CARTED, found.changed_at, found.price, found.variant_id)


def still_cares(profile: Profile, product_id: str, variant_id: str | None, at: int) -> bool:
    """Whether any tie to the product is left."""
    return (
        any(matches(i, product_id, variant_id) and i.at <= at for i in profile.asked)
        or newest(SAVED, profile.saved, product_id, variant_id, at, 0) is not None
        or carted(profile, product_id, variant_id, at, 0) is not None
        or newest(VIEWED, profile.viewed, product_id, variant_id, at, 0) is not None
    )


def gone(turn: Turn, product_id: str, variant_id: str | None, since: int) -> Reason | None:
    """Why the user no longer cares: bought it at or after ``since`` (ms), or let it go."""
    if bought_since(turn.profile, product_id, since):
        return Reason.PURCHASED
    if not still_cares(turn.profile, product_id, variant_id, turn.at):
        return Reason.INTEREST_GONE
    return None


def product(facts: ProductFacts, variant_id: str | None) -> Mapping[str, Any]:
    """``product`` as copy sees it; money in minor units."""
    offer = facts.offer(variant_id)
    return without_nothing({
        "id": facts.product_id,
        "name": facts.name,
        "url": facts.url,
        "image": facts.image,
        "category": facts.category,
        "price": offer.price,
        "currency": facts.currency,
        "quantity": offer.quantity,
    })  # fmt: skip
