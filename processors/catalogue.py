"""Products as the rules see them: the newest version, and what stood at a given time.

One catalogue serves every partition of a worker. A partition has applied each product partition
up to an offset of its own and sees nothing beyond it, so that what it decides does not depend on
how far another partition, or the reader, has come.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from processors.bestsellers import Bestsellers
from processors.localtime import DAY_MS


class Offer(msgspec.Struct, frozen=True, gc=False):
    """Price (minor units) and stock of one variant; ``None`` is "not known"."""

    price: int | None = None
    price_at: int | None = None
    quantity: int | None = None
    quantity_at: int | None = None


class Change(msgspec.Struct, frozen=True, gc=False):
    """What one catalogue event changed; see :class:`schemas.products.OfferChange`."""

    variant_id: str | None = None
    price_before: int | None = None
    price: int | None = None
    low_30d: int | None = None
    quantity_before: int | None = None
    quantity: int | None = None
    published: bool | None = None


KEPT_MS = 15 * 60_000
"""What stood so long before the clock can be asked for still."""

CONTENT = "content/"
"""Begins the keys of content; a product's may, too."""
_TOPIC = "\x00topic/"
_CATEGORY = "\x00category/"
"""No product id holds a control character."""


def category_subject(category: str) -> str:
    """Stands for a category where a product's id would stand."""
    return _CATEGORY + category


def topic_subject(topic: str) -> str:
    """Stands for a topic where a product's id would stand."""
    return _TOPIC + topic


def topic_of_subject(subject: str) -> str | None:
    """The topic that a subject stands for; ``None`` where it is a product's id."""
    return subject[len(_TOPIC) :] if subject.startswith(_TOPIC) else None


class ProductFacts(msgspec.Struct, frozen=True):
    """The part of a :class:`schemas.products.Product` or ``Content`` that rules and copy use."""

    product_id: str = ""
    at: int = 0
    name: str | None = None
    category: str | None = None
    url: str | None = None
    image: str | None = None
    currency: str | None = None
    currency_at: int | None = None
    """Since when (ms) its prices are in that money, where they were in other money before."""
    published: bool = True
    related: dict[str, tuple[str, ...]] = {}
    offers: dict[str, Offer] = {}
    changes: tuple[Change, ...] = ()
    content_id: str = ""
    """Of a piece of content (:class:`schemas.products.Content`), which has no offers."""
    topic: str = ""
    title: str = ""
    published_at: int | None = None

    @property
    def subject(self) -> str:
        """Whom its news concerns: who cares for this product, or follows this topic."""
        return topic_subject(self.topic) if self.content_id else self.product_id

    @property
    def is_news(self) -> bool:
        """Content just published, not changed since."""
        return bool(self.content_id) and self.published_at == self.at

    def offer(self, variant_id: str | None) -> Offer:
        """The variant's offer; the product's own where the variant has none."""
        own = self.offers.get("", _NO_OFFER)
        if not variant_id:
            return own
        variant = self.offers.get(variant_id)
        if variant is None:
            return own
        return Offer(
            price=own.price if variant.price is None else variant.price,
            price_at=own.price_at if variant.price is None else variant.price_at,
            quantity=own.quantity if variant.quantity is None else variant.quantity,
            quantity_at=own.quantity_at if variant.quantity is None else variant.quantity_at,
        )

    def can_be_shown(self) -> bool:
        """Whether a message may name it: it has a name and is not known to be out."""
        return bool(self.name and self.name.strip()) and self.available(None) is not False

    def available(self, variant_id: str | None) -> bool | None:
        """Whether it can be bought; ``None`` where nothing is known of its stock."""
        if not self.published:
            return False
        if variant_id is None and len(self.offers) > ("" in self.offers):
            known = [offer.quantity for key, offer in self.offers.items() if key]
            if any(known):
                return True
            if 0 in known:
                return None if None in known else False
        quantity = self.offer(variant_id).quantity
        return None if quantity is None else quantity > 0


_NO_OFFER = Offer()
facts_of: Callable[[bytes], ProductFacts] = msgspec.json.Decoder(ProductFacts).decode
"""What a record of ``nudge-products`` says, as far as rules need it."""


class Version:
    """One version of a product: where it stood, when it was recorded (ms), its JSON."""

    __slots__ = ("_facts", "asked", "moves", "offset", "partition", "raw", "recorded_at")

    def __init__(self, partition: int, offset: int, recorded_at: int, raw: bytes | None) -> None:
        self.partition = partition
        self.offset = offset
        self.recorded_at = recorded_at
        self.raw = raw
        self._facts: ProductFacts | None = None
        self.asked: object = None
        self.moves: Any = None
        """What it moves by the rules that were asked: every partition is told of it, and asks
        the same. See :func:`processors.news.interested`."""

    @property
    def facts(self) -> ProductFacts | None:
        """``None`` for a tombstone."""
        if self._facts is None and self.raw is not None:
            self._facts = facts_of(self.raw)
        return self._facts


_recorded_at = attrgetter("recorded_at")


class Catalogue:
    """Every product's recent versions, oldest first, appended to by the reader in offset order."""

    __slots__ = ("_content", "_in_order", "_versions", "bestsellers", "floor")

    def __init__(self) -> None:
        self._versions: dict[str, list[Version]] = {}
        self._content: list[Version] = []
        """Content of late, in order of time once it is asked for."""
        self._in_order = True
        self.bestsellers = Bestsellers(self._before)
        self.floor = 0
        """Nobody asks for what stood before this time (ms)."""

    def __len__(self) -> int:
        return len(self._versions)

    def append(
        self, key: str, partition: int, offset: int, recorded_at: int, raw: bytes | None
    ) -> None:
        """Adds a version, in any order; lets go of those that nobody can ask for any more."""
        versions = self._versions.setdefault(key, [])
        place = len(versions)
        if versions and offset <= versions[-1].offset:
            place = bisect_left(versions, offset, key=lambda version: version.offset)
            if versions[place].offset == offset:
                return
        version = Version(partition, offset, recorded_at, raw)
        versions.insert(place, version)
        if key.startswith(CONTENT):
            self._content.append(version)
            self._in_order = False
        self.bestsellers.heed(key, raw, recorded_at)
        if len(versions) > 1 and versions[1].recorded_at <= self.floor:
            self._let_go(versions)

    def _let_go(self, versions: list[Version]) -> None:
        """Keeps what stood at the floor, and when its day began: by that its bestsellers go."""
        began = bisect_left(versions, self.floor - self.floor % DAY_MS, key=_recorded_at) - 1
        keep = max(bisect_right(versions, self.floor, key=_recorded_at) - 1, 0)
        versions[:keep] = versions[began : began + 1] if 0 <= began < keep else ()

    def newest(self, key: str) -> Version | None:
        """The version that was written last."""
        versions = self._versions.get(key)
        return versions[-1] if versions else None

    def forget_before(self, time: int) -> None:
        """No partition will ask for what stood before ``time`` (ms) any more."""
        self.floor = max(self.floor, time)
        if self._content:
            del self._content[: self._content_until(self.floor)]

    def version(self, key: str, offset: int) -> Version | None:
        """The version written at ``offset`` of the product's partition."""
        versions = self._versions.get(key)
        if versions is None:
            return None
        newest = versions[-1]
        if newest.offset == offset:
            return newest
        return next((version for version in versions if version.offset == offset), None)

    def seen(
        self, key: str, applied: Mapping[int, int], at: int | None = None
    ) -> ProductFacts | None:
        """The product as of ``at`` (ms), among the versions applied (offset by partition)."""
        versions = self._versions.get(key)
        if versions is None:
            return None
        for version in reversed(versions):
            if version.offset <= applied.get(version.partition, -1) and (
                at is None or version.recorded_at <= at
            ):
                return version.facts
        return None

    def since(self, subject: str, applied: Mapping[int, int], time: int) -> Sequence[Version]:
        """A product's versions, or a topic's content, that were recorded after ``time`` (ms)."""
        versions: Sequence[Version] | None = self._versions.get(subject)
        if versions is None:
            if not subject.startswith(_TOPIC):
                return ()
            recent = self._content[self._content_until(time) :]
            versions = [v for v in recent if v.facts is not None and v.facts.subject == subject]
        elif versions[-1].recorded_at <= time:  # as nearly always
            return ()
        return [
            version
            for version in versions
            if version.recorded_at > time and version.offset <= applied.get(version.partition, -1)
        ]

    def _content_until(self, time: int) -> int:
        if not self._in_order:
            self._content.sort(key=attrgetter("recorded_at", "partition", "offset"))
            self._in_order = True
        return bisect_right(self._content, time, key=_recorded_at)

    def _before(self, key: str, time: int) -> Iterator[Version]:
        """Its versions recorded before ``time`` (ms), the newest first."""
        versions = self._versions.get(key, ())
        return (version for version in reversed(versions) if version.recorded_at < time)

    def keys(self) -> Iterator[str]:
        return iter(self._versions)
