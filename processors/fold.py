"""The catalogue agent's fold: one product from all that was said about it, newest first.

An older statement than the one that holds changes nothing; neither does one that says the same.
"""

from typing import Any

from processors.bestsellers import SOLD_DAYS
from processors.catalogue import ProductFacts
from processors.localtime import DAY_MS
from schemas.structs import (
    CatalogEvent,
    Content,
    ContentPublished,
    Offer,
    OfferChange,
    PriceChange,
    Product,
    ProductPublished,
    ProductUnpublished,
    StockChange,
    changed,
)

_DESCRIPTION = ("name", "category", "url", "image", "currency", "related")
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
    before = product or Product(product_id=event.product_id, at=at)
    said, changes = _said(before, event)
    after = changed(before, **said)
    if after == product:
        return None
    return changed(after, changes=changes, at=max(before.at, at))


def says_what_is_known(known: ProductFacts, event: ProductPublished) -> bool:
    """Whether :func:`fold` would answer ``None`` of what plainly repeats the product's record.

    A nightly feed says little else; to find that out here costs two thirds of reading the record
    and folding it. What is not plain is left to the fold.
    """
    own = known.offers.get(event.variant_id or "")
    return (
        own is not None
        and own.price == event.price
        and event.quantity in (None, own.quantity)
        and known.published
        and known.published_at is not None
        and all(getattr(known, name) == getattr(event, name) for name in _DESCRIPTION)
    )


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
        event.occurred_at < content.at or content == changed(after, at=content.at)
    ):
        return None
    return after


Fields = dict[str, Any]
"""Fields of a struct by name: it is copied once, when all is known that changes."""


def _said(
    product: Product, event: PriceChange | StockChange | ProductPublished | ProductUnpublished
) -> tuple[Fields, tuple[OfferChange, ...]]:
    """The product's fields as the event says them, and what changes by that."""
    at, key = event.occurred_at, event.variant_id or ""
    said: Fields = {}
    heard = True
    if isinstance(event, PriceChange | ProductPublished) and event.currency != product.currency:
        heard = all(at >= (offer.price_at or 0) for offer in product.offers.values())
        if heard:
            said = _in_new_money(product, at, event.currency)
            product = changed(product, **said)
    before = offer = product.offers.get(key, _NOT_KNOWN)
    low_30d = published = None
    returns = False
    match event:
        case PriceChange():
            if heard:
                offer = _confirmed(offer, "price", event.price, at)
                offer, low_30d = _priced(offer, at, event.price)
        case StockChange():
            offer = _confirmed(offer, "quantity", event.quantity, at)
            offer = _counted(offer, at, event.quantity)
            said["sold"] = _sold(product, at, before, offer)
        case ProductUnpublished():
            if event.variant_id is not None:
                offer = _counted(offer, at, 0)
            elif at >= (product.described_at or 0):
                said = {"published": False, "described_at": at}
        case ProductPublished():
            described = _described(product, event)
            returns = bool(described) and not product.published
            said |= described
            if heard:
                offer, low_30d = _priced(offer, at, event.price)
            if event.quantity is not None:
                offer = _counted(offer, at, event.quantity)
                said["sold"] = _sold(product, at, before, offer)
            if product.published_at is None:
                published = True
    if offer is not before:
        said["offers"] = {**product.offers, key: offer}
    priced, counted = offer.price != before.price, offer.quantity != before.quantity
    if returns:  # what was off sale could not be bought
        before, counted = changed(before, quantity=0), offer.quantity is not None
    if not (priced or counted or published):
        return said, ()
    change = OfferChange(
        variant_id=event.variant_id,
        price_before=before.price if priced else None,
        price=offer.price if priced else None,
        low_30d=low_30d,
        quantity_before=before.quantity if counted else None,
        quantity=offer.quantity if counted else None,
        published=published,
    )
    return said, (change,)


def _in_new_money(product: Product, at: int, currency: str) -> Fields:
    """The product once its prices are in ``currency``: what it cost before says nothing in it.

    The money is that of the newest price. An older price in other money is not heard at all.
    """
    if product.currency is None:
        return {"currency": currency}
    offers = {key: changed(offer, price=None, lows=()) for key, offer in product.offers.items()}
    return {"currency": currency, "currency_at": at, "offers": offers}


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
        "related": event.related,
        "published": True,
        "published_at": at if newly else product.published_at,
    }
    if changed(product, **said) != product:
        said["described_at"] = at
    return said


def _confirmed(offer: Offer, name: str, value: int, at: int) -> Offer:
    """What is said again holds from then on: an older statement that comes later is not heard.

    A nightly feed that publishes what has not changed confirms nothing: it is not written anew.
    """
    said_at = f"{name}_at"
    if getattr(offer, name) != value or at <= (getattr(offer, said_at) or 0):
        return offer
    return changed(offer, **{said_at: at})


def _priced(offer: Offer, at: int, price: int) -> tuple[Offer, int | None]:
    """The offer at its new price; the lowest price of the 30 days before, where it had one."""
    before = offer.price
    if at < (offer.price_at or 0) or price == before:
        return offer, None
    day = at // DAY_MS
    window = [low for low in offer.lows if low[0] >= day - LOW_DAYS]
    today = [price, *[low for low_day, low in window if low_day == day]]
    low_30d = None
    if before is not None:
        held = [before, *(low for _, low in window)]
        low_30d = min(held)
        today.append(before)
    lows = [*[low for low in window if low[0] != day], (day, min(today))]
    return changed(offer, price=price, price_at=at, lows=tuple(lows[-LOW_DAYS:])), low_30d


def _counted(offer: Offer, at: int, quantity: int) -> Offer:
    if at < (offer.quantity_at or 0) or quantity == offer.quantity:
        return offer
    return changed(offer, quantity=quantity, quantity_at=at)


def _sold(product: Product, at: int, before: Offer, after: Offer) -> tuple[tuple[int, int], ...]:
    """Stock that falls was sold; all that is gone in one day counts there.

    The newest day kept is under way, and ranks nothing yet.
    """
    pieces = (before.quantity or 0) - (after.quantity or 0)
    if pieces <= 0:
        return product.sold
    day, days = at // DAY_MS, dict(product.sold)
    days[day] = days.get(day, 0) + pieces
    first = max(days) - SOLD_DAYS
    return tuple(sorted(item for item in days.items() if item[0] >= first))


_NOT_KNOWN = Offer()
