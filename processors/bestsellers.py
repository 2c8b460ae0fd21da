"""What sells: counted from what the shop says of its stock.

A fall of stock is a sale; the catalogue agent keeps the pieces of each day with the product. The
ranking of a day counts whole days before it, so that it is the same for every partition, however
far its reader has come, and is worked out once a day, when somebody first asks.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

SOLD_DAYS = 14
RANKED = 50
"""Of a category (and of the shop) so many are ranked."""
_DAY_MS = 86_400_000
_MARK = b'"sold":[['
_KEPT = 2
"""Rankings kept: of the newest day, and of the one before."""


class _Sales(msgspec.Struct, frozen=True, gc=False):
    product_id: str = ""
    category: str | None = None
    sold: tuple[tuple[int, int], ...] = ()


_decode = msgspec.json.Decoder(_Sales).decode
_Ranking = dict[str | None, tuple[str, ...]]


class _Ranked(NamedTuple):
    day: int
    ids: _Ranking


class Bestsellers:
    """``newest`` answers the newest JSON of a product, ``None`` where it has gone."""

    __slots__ = ("_newest", "_rankings", "_sellers")

    def __init__(self, newest: Callable[[str], bytes | None]) -> None:
        self._newest = newest
        self._sellers: dict[str, None] = {}
        self._rankings: list[_Ranked] = []

    def heed(self, key: str, raw: bytes | None) -> None:
        """A version of a product was read."""
        if raw is not None and _MARK in raw:
            self._sellers[key] = None

    def ranked(self, category: str | None, at: int) -> tuple[str, ...]:
        """Ids as of ``at`` (ms), best first; of the whole shop without a category."""
        day = at // _DAY_MS
        for ranking in self._rankings:
            if ranking.day == day:
                return ranking.ids.get(category, ())
        ids = self._rank(day)
        self._rankings = [*self._rankings, _Ranked(day, ids)][-_KEPT:]
        return ids.get(category, ())

    def _rank(self, day: int) -> _Ranking:
        found: dict[str | None, list[tuple[int, str]]] = {}
        for category, pieces, key in self._sums(day):
            found.setdefault(category, []).append((-pieces, key))
            found.setdefault(None, []).append((-pieces, key))
        return {
            name: tuple(key for _, key in sorted(best)[:RANKED]) for name, best in found.items()
        }

    def _sums(self, day: int) -> Iterator[tuple[str, int, str]]:
        for key in self._sellers:
            raw = self._newest(key)
            if raw is None:
                continue
            sales = _decode(raw)
            pieces = sum(n for sold_on, n in sales.sold if day - SOLD_DAYS <= sold_on < day)
            if pieces and sales.category is not None:
                yield sales.category, pieces, key
