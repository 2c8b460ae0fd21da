"""``shop.catalog``: what the shop changes about its products and content."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Count, Currency, EventMs, Id, Label, Minor, Url, Wire


class CatalogEnvelope(Wire):
    event_id: Id
    occurred_at: EventMs


class PriceChange(CatalogEnvelope):
    type: Literal["price_change"]
    product_id: Id
    variant_id: Id | None = None
    price: Minor
    currency: Currency


class StockChange(CatalogEnvelope):
    type: Literal["stock_change"]
    product_id: Id
    variant_id: Id | None = None
    quantity: Count


Relation = Literal["complement", "accessory", "similar", "upgrade"]


class ProductPublished(CatalogEnvelope):
    """A product as the shop describes it; published again, the newer description holds."""

    type: Literal["product_published"]
    product_id: Id
    variant_id: Id | None = None
    name: Label
    category: Label
    url: Url
    image: Url | None = None
    price: Minor
    currency: Currency
    quantity: Count | None = None
    related: Annotated[
        dict[Relation, Annotated[tuple[Id, ...], Field(max_length=20)]],
        Field(default_factory=dict),
    ]


class ProductUnpublished(CatalogEnvelope):
    type: Literal["product_unpublished"]
    product_id: Id
    variant_id: Id | None = None


class ContentPublished(CatalogEnvelope):
    type: Literal["content_published"]
    content_id: Id
    topic: Id
    title: Label
    url: Url


CatalogEvent = PriceChange | StockChange | ProductPublished | ProductUnpublished | ContentPublished


def catalog_key_of(event: CatalogEvent) -> str:
    """The record key: the product's id, or ``content/<id>``."""
    if event.type == "content_published":
        return f"content/{event.content_id}"
    return event.product_id
