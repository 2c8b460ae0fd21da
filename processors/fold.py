"""The catalogue agent's fold: one product from all that was said about it, newest first.

An older statement than the one that holds changes nothing; neither does one that says the same.
"""

from typing import Any

from processors.bestsellers import SOLD_DAYS
from processors.catalogue import ProductFacts
from schemas.products import Content, Offer, OfferChange, Product
from schemas.structs import (
    CatalogEvent,
    ContentPublished,
    PriceChange,
    ProductPublished,
    ProductUnpublished,
    StockChange,
)

_DESCRIPTION = ("name", "category", "url", "image", "currency", "related")
DAY_MS = 86_400_000
LOW_DAYS = 30
"""EU Omnibus (Directive 98/6/EC art. 6a): a reduction quotes the lowest price of 30 days."""


def fold(product: Product | None, event: CatalogEvent) -> Product | None:
    """The product after ``event``; ``None`` where it changes nothing.

    Raises:
        TypeError: the event is about content, which is not folded (:func:`fold_content`).
    """
    if isinstance(event, ContentPublished):
        raise TypeError("content is not a product")
    at = event.occurred_at
    before = product or Product(product_id=event.product_id, at=at, published=True)
    said = _said(before, event)
    if product is not None and all(
        getattr(product, name) == value for name, value in said.items() if name != "changes"
    ):
        return None
    return before.model_copy(update={**said, "at": max(before.at, at)})


def says_what_is_known(known: ProductFacts, event: CatalogEvent) -> bool:
    """Whether :func:`fold` would answer ``None`` of what plainly repeats the product's record.

    A nightly feed says little else; to find that out here costs a tenth of a fold. What is not
    plain is left to the fold.
    """
    match event:
        case ProductPublished():
            own = known.offers.get(event.variant_id or "")
            return (
                own is not None
                and own.price == event.price
                and event.quantity in (None, own.quantity)
                and known.published
                and known.published_at is not None
                and all(getattr(known, name) == getattr(event, name) for name in _DESCRIPTION)
            )
        case PriceChange():
            own = known.offers.get(event.variant_id or "")
            return own is not None and (own.price, known.currency) == (event.price, event.currency)
        case StockChange():
            own = known.offers.get(event.variant_id or "")
            return own is not None and own.quantity == event.quantity
        case _:
            return False


def fold_content(content: Content | None, event: ContentPublished) -> Content | None:
    """The piece of content after ``event``; ``None`` where it changes nothing."""
    after = Content(
        content_id=event.content_id,
        at=event.occurred_at,
        published_at=event.occurred_at if content is None else content.published_at,
        topic=event.topic,
        title=event.title,
        url=event.url,
    )
    if content is not None and (
        event.occurred_at < content.at or content == after.model_copy(update={"at": content.at})
    ):
        return None
    return after


Fields = dict[str, Any]
"""Fields of a model by name: it is copied once, when all is known that changes."""


def _said(
    product: Product, event: PriceChange | StockChange | ProductPublished | ProductUnpublished
) -> Fields:
    """The product's fields as the event says them, ``changes`` among them."""
    variant = _Variant(product, event.variant_id, event.occurred_at)
    match event:
        case PriceChange():
            variant.price(event.price)
            return {"currency": event.currency, **variant.said()}
        case StockChange():
            variant.count(event.quantity)
            return variant.said()
        case ProductUnpublished():
            if event.variant_id is not None:
                variant.stock(0)
            elif variant.at >= (product.described_at or 0):
                return {"published": False, "described_at": variant.at, "changes": ()}
            return variant.said()
        case ProductPublished():
            variant.price(event.price)
            if event.quantity is not None:
                variant.count(event.quantity)
            if product.published_at is None:
                variant.change["published"] = True
            return {**_described(product, event), **variant.said()}


def _described(product: Product, event: ProductPublished) -> Fields:
    """The description; nothing where a newer one holds."""
    at = event.occurred_at
    if at < (product.described_at or 0):
        return {}
    newly = product.published_at is None or not product.published
    said: Fields = {
        "name": event.name,
        "category": event.category,
        "url": event.url,
        "image": event.image,
        "currency": event.currency,
        "related": dict(event.related),
        "published": True,
        "published_at": at if newly else product.published_at,
    }
    if any(getattr(product, name) != value for name, value in said.items()):
        said["described_at"] = at
    return said


class _Variant:
    """What an event at ``at`` (ms) says of one variant; ``change``: what that changes."""

    __slots__ = ("_key", "_offer", "_product", "_said", "_sold", "at", "change")

    def __init__(self, product: Product, variant_id: str | None, at: int) -> None:
        self.at = at
        self.change: Fields = {}
        self._product = product
        self._key = variant_id
        self._offer = product.offers.get(variant_id or "", _NOT_KNOWN)
        self._said: Fields = {}
        self._sold = product.sold

    def said(self) -> Fields:
        """The product's fields that follow."""
        if not self.change:
            return {"changes": ()}
        said: Fields = {"changes": (OfferChange(variant_id=self._key, **self.change),)}
        if self._said:
            offer = self._offer.model_copy(update=self._said)
            said["offers"] = {**self._product.offers, self._key or "": offer}
            said["sold"] = self._sold
        return said

    def price(self, price: int) -> None:
        at, offer = self.at, self._offer
        if at < (offer.price_at or 0) or price == offer.price:
            return
        day, before = at // DAY_MS, offer.price
        window = [low for low in offer.lows if low[0] >= day - LOW_DAYS]
        today = [price, *(low for low_day, low in window if low_day == day)]
        low_30d = None
        if before is not None:
            low_30d = min(before, *(low for _, low in window), before)
            today.append(before)
        lows = sorted([*(low for low in window if low[0] != day), (day, min(today))])
        self._said |= {"price": price, "price_at": at, "lows": tuple(lows[-LOW_DAYS:])}
        self.change |= {"price_before": before, "price": price, "low_30d": low_30d}

    def stock(self, quantity: int) -> None:
        offer = self._offer
        if self.at < (offer.quantity_at or 0) or quantity == offer.quantity:
            return
        self._said |= {"quantity": quantity, "quantity_at": self.at}
        self.change |= {"quantity_before": offer.quantity, "quantity": quantity}

    def count(self, quantity: int) -> None:
        """Stock that falls was sold; all that is gone in one day counts there."""
        offer = self._offer
        fell = offer.quantity is not None and quantity < offer.quantity
        if fell and self.at >= (offer.quantity_at or 0):
            assert offer.quantity is not None
            day, days = self.at // DAY_MS, dict(self._product.sold)
            days[day] = days.get(day, 0) + offer.quantity - quantity
            first = max(days) - SOLD_DAYS
            self._sold = tuple(sorted(item for item in days.items() if item[0] > first))
        self.stock(quantity)


_NOT_KNOWN = Offer()
