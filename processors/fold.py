"""The catalogue agent's fold: one product from all that was said about it, newest first.

An older statement than the one that holds changes nothing; neither does one that says the same.
"""

from processors.bestsellers import SOLD_DAYS
from schemas.catalog import (
    CatalogEvent,
    ContentPublished,
    PriceChange,
    ProductPublished,
    ProductUnpublished,
    StockChange,
)
from schemas.products import Content, Offer, OfferChange, Product

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
    before = product or Product(product_id=event.product_id, at=event.occurred_at, published=True)
    after = _apply(before, event)
    if product is not None and after == product.model_copy(update={"changes": after.changes}):
        return None
    return after.model_copy(update={"at": max(before.at, event.occurred_at)})


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


def _apply(
    product: Product, event: PriceChange | StockChange | ProductPublished | ProductUnpublished
) -> Product:
    at = event.occurred_at
    match event:
        case PriceChange():
            changed = _with_price(product, event.variant_id, event.price, at)
            return changed.model_copy(update={"currency": event.currency})
        case StockChange():
            counted = _sold(product, event.variant_id, event.quantity, at)
            return _with_quantity(counted, event.variant_id, event.quantity, at)
        case ProductUnpublished():
            if event.variant_id is not None:
                return _with_quantity(product, event.variant_id, 0, at)
            if at < (product.described_at or 0):
                return product.model_copy(update={"changes": ()})
            return product.model_copy(
                update={"published": False, "described_at": at, "changes": ()}
            )
        case ProductPublished():
            return _published(product, event)


def _published(product: Product, event: ProductPublished) -> Product:
    at = event.occurred_at
    after = product
    if at >= (product.described_at or 0):
        newly = product.published_at is None or not product.published
        after = product.model_copy(
            update={
                "name": event.name,
                "category": event.category,
                "url": event.url,
                "image": event.image,
                "currency": event.currency,
                "related": dict(event.related),
                "published": True,
                "published_at": at if newly else product.published_at,
            }
        )
        if after != product:
            after = after.model_copy(update={"described_at": at})
    priced = _with_price(after, event.variant_id, event.price, at)
    if product.published_at is None:
        priced = _new(priced, event.variant_id)
    if event.quantity is None:
        return priced
    counted = _sold(priced, event.variant_id, event.quantity, at)
    stocked = _with_quantity(counted, event.variant_id, event.quantity, at)
    return stocked.model_copy(update={"changes": _join(priced.changes, stocked.changes)})


def _new(product: Product, variant_id: str | None) -> Product:
    changes = product.changes or (OfferChange(variant_id=variant_id),)
    first = changes[0].model_copy(update={"published": True})
    return product.model_copy(update={"changes": (first, *changes[1:])})


def _join(
    priced: tuple[OfferChange, ...], stocked: tuple[OfferChange, ...]
) -> tuple[OfferChange, ...]:
    if not priced or not stocked:
        return priced or stocked
    both = priced[0].model_copy(
        update={
            "quantity_before": stocked[0].quantity_before,
            "quantity": stocked[0].quantity,
        }
    )
    return (both,)


def _with_price(product: Product, variant_id: str | None, price: int, at: int) -> Product:
    offer = product.offers.get(variant_id or "", Offer())
    if at < (offer.price_at or 0) or price == offer.price:
        return product.model_copy(update={"changes": ()})
    day = at // DAY_MS
    window = [low for low in offer.lows if low[0] >= day - LOW_DAYS]
    before = offer.price
    low_30d = None if before is None else min(before, *(low for _, low in window), before)
    today = [price, *(low for low_day, low in window if low_day == day)]
    if before is not None:
        today.append(before)
    lows = (*(low for low in window if low[0] != day), (day, min(today)))
    changed = offer.model_copy(
        update={"price": price, "price_at": at, "lows": tuple(sorted(lows))[-LOW_DAYS:]}
    )
    change = OfferChange(variant_id=variant_id, price_before=before, price=price, low_30d=low_30d)
    return _with_offer(product, variant_id, changed, change)


def _with_quantity(product: Product, variant_id: str | None, quantity: int, at: int) -> Product:
    offer = product.offers.get(variant_id or "", Offer())
    if at < (offer.quantity_at or 0) or quantity == offer.quantity:
        return product.model_copy(update={"changes": ()})
    changed = offer.model_copy(update={"quantity": quantity, "quantity_at": at})
    change = OfferChange(variant_id=variant_id, quantity_before=offer.quantity, quantity=quantity)
    return _with_offer(product, variant_id, changed, change)


def _sold(product: Product, variant_id: str | None, quantity: int, at: int) -> Product:
    """Stock that falls was sold; all that is gone in one day counts there."""
    offer = product.offers.get(variant_id or "", Offer())
    if offer.quantity is None or quantity >= offer.quantity or at < (offer.quantity_at or 0):
        return product
    day = at // DAY_MS
    days = dict(product.sold)
    days[day] = days.get(day, 0) + offer.quantity - quantity
    kept = sorted(item for item in days.items() if item[0] > max(days) - SOLD_DAYS)
    return product.model_copy(update={"sold": tuple(kept)})


def _with_offer(
    product: Product, variant_id: str | None, offer: Offer, change: OfferChange
) -> Product:
    offers = {**product.offers, variant_id or "": offer}
    return product.model_copy(update={"offers": offers, "changes": (change,)})
