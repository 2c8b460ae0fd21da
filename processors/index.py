"""Who cares for a product: dense user numbers by product. Checked against the profile on use."""

from array import array
from collections.abc import Iterable

from processors.catalogue import topic_subject
from processors.profile import Profile

_COMPACT_FROM = 64


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

    def tie(self, number: int, subjects: Iterable[str]) -> None:
        """All that a user cares for, as recovery reads one user after another."""
        known = self._users
        for subject in subjects:
            users = known.get(subject)
            if users is None:
                known[subject] = array("I", (number,))
            elif users[-1] != number:
                users.append(number)

    def replace(self, product_id: str, numbers: Iterable[int]) -> None:
        """Keeps each number once."""
        users = array("I", sorted(set(numbers)))
        self._users[product_id] = users
        self._limits[product_id] = max(_COMPACT_FROM, 2 * len(users))

    def watchers(self, subjects: Iterable[str]) -> list[int]:
        """Who cares for any of them: each number once, in ascending order."""
        found: set[int] = set()
        for subject in subjects:
            users = self._users.get(subject)
            if users is not None:
                found.update(users)
        return sorted(found)


def products_of(profile: Profile) -> set[str]:
    """Every product the profile has any tie to, and the topics it follows."""
    products = {line.product_id for line in profile.cart}
    products.update(profile.viewed.names)
    for interests in (profile.saved, profile.asked):
        products.update(interest.product_id for interest in interests)
    products.update(topic_subject(topic) for topic, since in profile.topics.items() if since > 0)
    return products
