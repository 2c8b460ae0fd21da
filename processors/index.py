"""Who cares for a product: dense user numbers by product. Checked against the profile on use."""

from array import array
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from processors.catalogue import ProductFacts, category_subject, topic_subject
from processors.profile import Profile, ProfileGlance, from_plain
from schemas import structs as e
from schemas.people import HandoverEvent, HandoverProfile

_COMPACT_FROM = 64
Lookup = Callable[[str], ProductFacts | None]


class InterestIndex:
    """May name users who no longer care, or twice; never misses one who does."""

    __slots__ = ("_limits", "_users")

    def __init__(self) -> None:
        self._users: dict[str, array[int]] = {}
        self._limits: dict[str, int] = {}

    def add(self, product_id: str, number: int) -> None:
        users = self._users.get(product_id)
        if users is None:
            users = self._users[product_id] = array("I")
        users.append(number)
        if len(users) >= self._limits.get(product_id, _COMPACT_FROM):
            self.replace(product_id, users)

    def replace(self, product_id: str, numbers: Iterable[int]) -> None:
        """Keeps each number once."""
        users = array("I", sorted(set(numbers)))
        self._users[product_id] = users
        self._limits[product_id] = max(_COMPACT_FROM, 2 * len(users))

    def watchers(self, product_id: str) -> list[int]:
        """Each number once, in ascending order."""
        users = self._users.get(product_id)
        return [] if users is None else sorted(set(users))


NAMING: dict[type, Callable[[Any], Iterable[str]]] = {
    e.ViewItem: lambda event: (event.product_id,),
    e.AddToCart: lambda event: (event.product_id,),
    e.AddToWishlist: lambda event: (event.product_id,),
    e.StockAlertRequested: lambda event: (event.product_id,),
    e.CartSnapshot: lambda event: {item.product_id for item in event.items},
    e.TopicFollow: lambda event: (topic_subject(event.topic),),
    HandoverProfile: lambda handover: products_of(from_plain(handover.profile)),
    HandoverEvent: lambda handover: _products_in(handover.event),
}
"""The products that a record may tie its user to, by the type of its value."""


def _products_in(event: dict[str, Any]) -> set[str]:
    items = event.get("items", ())
    if event["type"] == "topic_follow":
        return {topic_subject(event["topic"])}
    return {item["product_id"] for item in (event, *items) if "product_id" in item}


def category_viewed(value: object, facts: Lookup) -> str | None:
    """The category that an event says its user looked at."""
    if not isinstance(value, e.ViewItem | e.AddToCart):
        return None
    if value.category is not None:
        return value.category
    found = facts(value.product_id)
    return None if found is None else found.category


class _Categories(msgspec.Struct, rename={"categories": "ct"}):
    categories: dict[str, tuple[int, int]] = {}


_decode_categories = msgspec.json.Decoder(_Categories).decode


def categories_of(row: bytes) -> Iterable[str]:
    """The categories that a profile's row tells of, as an index knows them."""
    return map(category_subject, _decode_categories(row).categories)


def products_of(profile: Profile | ProfileGlance) -> set[str]:
    """Every product the profile has any tie to, and the topics it follows."""
    products = {line.product_id for line in profile.cart}
    for interests in (profile.viewed, profile.saved, profile.asked):
        products.update(interest.product_id for interest in interests)
    products.update(topic_subject(topic) for topic, since in profile.topics.items() if since > 0)
    return products
