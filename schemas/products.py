"""``nudge-products``: the folded product, written by the catalogue agent, read whole by workers."""

from typing import Annotated

from pydantic import Field

from schemas.base import Count, Currency, EpochMs, Id, Label, Minor, Url, Wire
from schemas.catalog import Relation


class Offer(Wire):
    """Price and stock of one variant (or of the product where it has none).

    ``lows``: the lowest price of each day with a change, newest last, at most 30 days, as
    (day number since 1970-01-01 UTC, price). ``None`` stands for "not known".
    """

    price: Minor | None = None
    price_at: EpochMs | None = None
    quantity: Count | None = None
    quantity_at: EpochMs | None = None
    lows: tuple[tuple[int, int], ...] = ()


class OfferChange(Wire):
    """What one catalogue event changed, and the value before (``None``: not known before)."""

    variant_id: Id | None = None
    price_before: Minor | None = None
    price: Minor | None = None
    low_30d: Minor | None = None
    """The lowest price of the 30 days before this change, the EU Omnibus reference price."""
    quantity_before: Count | None = None
    quantity: Count | None = None
    published: bool | None = None
    """The product was published for the first time."""


class Product(Wire):
    """One product (key: its id), folded from every catalogue event so far.

    ``at`` is the time of the newest event folded in; ``changes`` is what that record changed.
    An offer under the empty variant holds for the product as a whole.
    """

    product_id: Id
    at: EpochMs
    name: Label | None = None
    category: Label | None = None
    url: Url | None = None
    image: Url | None = None
    currency: Currency | None = None
    currency_at: EpochMs | None = None
    """Since when it is that, where it was another before: what was asked then compares with
    nothing."""
    published: bool = True
    published_at: EpochMs | None = None
    described_at: EpochMs | None = None
    """The time of the description (name to related) that holds."""
    related: dict[Relation, tuple[Id, ...]] = {}
    offers: dict[str, Offer] = {}
    changes: tuple[OfferChange, ...] = ()
    sold: tuple[tuple[int, int], ...] = ()
    """Pieces sold a day, told by its stock: (day number since 1970-01-01 UTC, pieces), newest
    last, at most 15 days."""


class Content(Wire):
    """A lesson, article, episode or piece of news (key: ``content/<id>``)."""

    content_id: Id
    at: EpochMs
    published_at: EpochMs | None = None
    """When it was first published: that is news, later corrections are none."""
    topic: Id
    title: Label
    url: Url


class FoldMark(Wire):
    """How far the catalogue agent has folded a partition (key: ``~mark``).

    Everything in that partition of ``shop.catalog`` recorded at or before ``until`` stands in
    the same partition of ``nudge-products``, before this record.
    """

    until: EpochMs
    offset: Annotated[int, Field(ge=0)]
    """The next offset of ``shop.catalog`` to fold."""


FOLD_MARK_KEY = "~mark"
