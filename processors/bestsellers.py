"""What sells: counted from what the shop says of its stock.

A fall of stock is a sale; the catalogue agent keeps the pieces of each day with the product. The
ranking of a day counts whole days before it, by what was known when the day began: nothing that
comes later changes it, and it is worked out once a day, when somebody first asks.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from processors.localtime import DAY_MS

if TYPE_CHECKING:
    from processors.catalogue import Version

SOLD_DAYS = 14
"""So many days are counted. A product keeps the day under way as well."""
RANKED = 50
"""Of a category (and of the shop) so many are ranked."""
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
    """``ends``: the newest offset from before the day of each product partition; ``seen``: how
    much of that the partition which asked had applied. Who has applied as much sees the same."""

    day: int
    ends: dict[int, int]
    seen: list[int]
    ids: _Ranking

    def holds_for(self, day: int, applied: Mapping[int, int]) -> bool:
        return self.day == day and self.seen == _seen(self.ends, applied)


def _seen(ends: Mapping[int, int], applied: Mapping[int, int]) -> list[int]:
    return [min(end, applied.get(partition, -1)) for partition, end in ends.items()]


class Bestsellers:
    """``before`` answers a product's versions recorded before a time (ms), the newest first."""

    __slots__ = ("_before", "_rankings", "_sellers")

    def __init__(self, before: "Callable[[str, int], Iterator[Version]]") -> None:
        self._before = before
        self._sellers: dict[str, None] = {}
        self._rankings: list[_Ranked] = []

    def heed(self, key: str, raw: bytes | None, recorded_at: int) -> None:
        """A version of a product was read; one from before a day ranks that day anew."""
        if raw is not None and _MARK in raw:
            self._sellers[key] = None
        self._rankings = [one for one in self._rankings if recorded_at >= one.day * DAY_MS]

    def ranked(self, category: str | None, at: int, applied: Mapping[int, int]) -> tuple[str, ...]:
        """Ids as of ``at`` (ms), best first, among the versions applied (offset by partition).

        Without a category they are of the whole shop.
        """
        day = at // DAY_MS
        for ranking in self._rankings:
            if ranking.holds_for(day, applied):
                return ranking.ids.get(category, ())
        ranking = self._rank(day, applied)
        self._rankings = [*self._rankings, ranking][-_KEPT:]
        return ranking.ids.get(category, ())

    def _rank(self, day: int, applied: Mapping[int, int]) -> _Ranked:
        ends: dict[int, int] = {}
        found: dict[str | None, list[tuple[int, str]]] = {}
        for category, pieces, key in self._sums(day, applied, ends):
            found.setdefault(category, []).append((-pieces, key))
            found.setdefault(None, []).append((-pieces, key))
        ids = {name: tuple(key for _, key in sorted(best)[:RANKED]) for name, best in found.items()}
        return _Ranked(day, ends, _seen(ends, applied), ids)

    def _sums(
        self, day: int, applied: Mapping[int, int], ends: dict[int, int]
    ) -> Iterator[tuple[str, int, str]]:
        for key in self._sellers:
            raw = self._row_before(key, day * DAY_MS, applied, ends)
            if raw is None:
                continue
            sales = _decode(raw)
            pieces = sum(n for sold_on, n in sales.sold if day - SOLD_DAYS <= sold_on < day)
            if pieces and sales.category is not None:
                yield sales.category, pieces, key

    def _row_before(
        self, key: str, time: int, applied: Mapping[int, int], ends: dict[int, int]
    ) -> bytes | None:
        for version in self._before(key, time):
            partition, offset = version.partition, version.offset
            ends[partition] = max(ends.get(partition, -1), offset)
            if offset <= applied.get(partition, -1):
                return version.raw
        return None
