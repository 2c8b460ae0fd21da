"""What was looked at lately, oldest first; by columns, so that a profile's row is short."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any, Self

import msgspec

from processors import bounds
from processors.traces import Interest

NEVER_SEEN = -1


def put(interests: list[Interest], new: Interest, most: int) -> int:
    """Keeps the list in order of time; a product seen again is there once, as seen last.

    Answers when (ms) the product was seen last before, in whichever variant.
    """
    product_id, at, seen_at, known = new.product_id, new.at, NEVER_SEEN, -1
    for number, old in enumerate(interests):
        if old.product_id == product_id:
            seen_at = old.at
            if old.variant_id == new.variant_id:
                known = number
    if known >= 0:
        old = interests[known]
        new.views += old.views
        if old.at > at:
            old.views = new.views
            return seen_at
        del interests[known]
    place = len(interests)
    while place and interests[place - 1].at > at:
        place -= 1
    interests.insert(place, new)
    if len(interests) > most:
        del interests[0]
    return seen_at


_NAMES = {"newest_at": "t", "names": "n", "gaps": "g", "counts": "c"}


class Recent(msgspec.Struct, gc=False, rename=_NAMES):
    """Names by when each was seen last. Times in ms.

    ``gaps``: how long before each the one before it was seen; 0 for the first. ``counts``: how
    often each was seen.
    """

    newest_at: int = 0
    names: list[str] = []
    gaps: list[int] = []
    counts: list[int] = []

    def __len__(self) -> int:
        return len(self.names)

    def times(self) -> list[int]:
        """When (ms) each was seen last."""
        at, times = self.newest_at, []
        for gap in reversed(self.gaps):
            times.append(at)
            at -= gap
        times.reverse()
        return times

    def _drop_time(self, place: int) -> None:
        gaps = self.gaps
        gap = gaps.pop(place)
        if place == len(gaps):
            self.newest_at -= gap
        elif place:
            gaps[place] += gap
        else:
            gaps[0] = 0

    def _become(self, other: Self) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(other, name))


class Viewed(
    Recent,
    omit_defaults=True,
    gc=False,
    rename={"prices": "p", "variants": "r", "outs": "o"},
):
    """Products viewed, each an :class:`Interest`.

    ``counts``, ``variants`` and ``outs`` are empty where they would hold one, none and no only.
    """

    prices: list[int | None] = []
    variants: list[str | None] = []
    outs: list[int] = []
    """1 for one that could not be bought when it was viewed."""

    @classmethod
    def of(cls, interests: list[Interest]) -> Self:
        """``interests``: in order of time."""
        viewed = cls()
        for one in interests:
            viewed._append(one.product_id, one.variant_id, one.at, one.price, one.out, one.views)
        return viewed

    def see(
        self, product_id: str, variant_id: str | None, at: int, price: int | None, out: bool
    ) -> int:
        """One more view; as :func:`put` keeps and answers it."""
        names = self.names
        seen_at, views, known = NEVER_SEEN, 1, product_id in names
        if at < self.newest_at or (known and (variant_id is not None or self.variants)):
            interests, new = list(self), Interest(product_id, variant_id, at, price, out)
            seen_at = put(interests, new, bounds.MAX_VIEWED)
            self._become(Viewed.of(interests))
            return seen_at
        if known:
            place = names.index(product_id)
            seen_at = self.newest_at - sum(self.gaps[place + 1 :])
            views += self.counts[place] if self.counts else 1
            self._drop(place)
        self._append(product_id, variant_id, at, price, out, views)
        if len(names) > bounds.MAX_VIEWED:
            self._drop(0)
        return seen_at

    def _append(
        self,
        product_id: str,
        variant_id: str | None,
        at: int,
        price: int | None,
        out: bool,
        views: int,
    ) -> None:
        """``at``: not before the newest."""
        before, gaps = len(self.names), self.gaps
        self.names.append(product_id)
        gaps.append(at - self.newest_at if gaps else 0)
        self.newest_at = at
        self.prices.append(price)
        if variant_id is not None or self.variants:
            _filled(self.variants, None, before).append(variant_id)
        if out or self.outs:
            _filled(self.outs, 0, before).append(int(out))
        if views != 1 or self.counts:
            _filled(self.counts, 1, before).append(views)

    def _drop(self, place: int) -> None:
        self._drop_time(place)
        del self.names[place], self.prices[place]
        for column in (self.variants, self.outs, self.counts):
            if column:
                del column[place]

    def _all(self) -> list[Interest]:
        columns = zip(
            self.names,
            self.variants or repeat(None),
            self.times(),
            self.prices,
            map(bool, self.outs) if self.outs else repeat(False),
            self.counts or repeat(1),
            strict=False,
        )
        return [Interest(*told) for told in columns]

    def __iter__(self) -> Iterator[Interest]:
        return iter(self._all())

    def __reversed__(self) -> Iterator[Interest]:
        return reversed(self._all())


def _filled(column: list[Any], nothing: Any, length: int) -> list[Any]:
    """The column at its length, which may be empty where it holds nothing else."""
    if not column:
        column += [nothing] * length
    return column


class Categories(Recent, array_like=True, gc=False):
    """Categories looked at."""

    @classmethod
    def of(cls, seen: dict[str, tuple[int, int]]) -> Self:
        """``seen``: looks, and the time (ms) of the newest, by name."""
        categories = cls()
        for name, (count, at) in sorted(seen.items(), key=lambda item: item[1][1]):
            categories._append(name, at, count)
        return categories

    def see(self, name: str, at: int) -> int:
        """One more look; answers how many there were before."""
        if at < self.newest_at:
            seen = self.by_name()
            before, newest = seen.get(name, (0, 0))
            seen[name] = (before + 1, max(newest, at))
            self._become(Categories.of(seen))
        else:
            before, names = 0, self.names
            if name in names:
                place = names.index(name)
                before = self.counts[place]
                self._drop(place)
            self._append(name, at, before + 1)
        if len(self.names) > bounds.MAX_CATEGORIES:
            self._drop(self._oldest())
        return before

    def _append(self, name: str, at: int, count: int) -> None:
        """``at``: not before the newest."""
        gaps = self.gaps
        self.names.append(name)
        gaps.append(at - self.newest_at if gaps else 0)
        self.newest_at = at
        self.counts.append(count)

    def _oldest(self) -> int:
        """The place of the one not looked at for longest; of equal ones the first by name."""
        equal = 1
        while equal < len(self.gaps) and not self.gaps[equal]:
            equal += 1
        return self.names.index(min(self.names[:equal]))

    def _drop(self, place: int) -> None:
        self._drop_time(place)
        del self.names[place], self.counts[place]

    def by_name(self) -> dict[str, tuple[int, int]]:
        """How often each was looked at, and when (ms) last."""
        told = zip(self.names, self.counts, self.times(), strict=True)
        return {name: (count, at) for name, count, at in told}

    def favourite(self) -> str | None:
        """The one looked at most, of equal ones the newest."""
        seen = self.by_name()
        return max(seen, key=lambda name: (*seen[name], name)) if seen else None
