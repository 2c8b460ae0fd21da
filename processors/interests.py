"""What a profile cares for: products viewed, saved and asked for, and categories."""

from typing import Protocol

from processors import bounds
from processors.catalogue import ProductFacts, category_subject
from processors.looks import NEVER_SEEN, put
from processors.profile import Profile
from processors.removals import WISHLIST, remember_removal, removed_at
from processors.traces import Interest
from schemas import structs as e


class Shelf(Protocol):
    """The shop as an event finds it, and what is to be told of whoever caused it.

    ``ties``: subjects (products, topics, categories) that the profile has come to care for;
    categories only where ``by_category``.
    """

    by_category: bool
    ties: list[str]

    def product(self, product_id: str, at: int | None = None) -> ProductFacts | None:
        """The product as of ``at`` (ms)."""


def view_item(profile: Profile, event: e.ViewItem, shelf: Shelf) -> None:
    product_id, variant_id, at = event.product_id, event.variant_id, event.occurred_at
    facts = shelf.product(product_id, at)
    price, out, category = event.price, event.available is False, event.category
    if facts is not None:
        if price is None or not same_money(event.currency, facts):
            price = facts.offer(variant_id).price
        if event.available is None:
            out = facts.available(variant_id) is False
        category = category or facts.category
    if category is not None:
        see_category(profile, category, at, shelf)
    seen_at = profile.viewed.see(product_id, variant_id, at, price, out)
    if seen_at == NEVER_SEEN:
        shelf.ties.append(product_id)
    elif seen_at >= profile.session_at <= at and len(profile.again) < bounds.MAX_AGAIN:
        profile.again.append(product_id)


def same_money(currency: str | None, facts: ProductFacts) -> bool:
    """Whether a price in ``currency`` can be held against the catalogue's; what is not named is."""
    return None in (currency, facts.currency) or currency == facts.currency


def see_category(profile: Profile, category: str, at: int, shelf: Shelf) -> None:
    """Counts a look at a category. Who looked twice may hear of what is new in it."""
    if profile.categories.see(category, at) == 1 and shelf.by_category:
        shelf.ties.append(category_subject(category))


def add_to_wishlist(profile: Profile, event: e.AddToWishlist, shelf: Shelf) -> None:
    removed = removed_at(profile, WISHLIST, event.product_id, event.variant_id)
    if event.occurred_at >= removed:
        _save(profile.saved, event, shelf, bounds.MAX_SAVED)


def stock_alert_requested(profile: Profile, event: e.StockAlertRequested, shelf: Shelf) -> None:
    _save(profile.asked, event, shelf, bounds.MAX_ASKED)


def _save(
    interests: list[Interest],
    event: e.AddToWishlist | e.StockAlertRequested,
    shelf: Shelf,
    most: int,
) -> None:
    price = event.price
    if price is None:
        facts = shelf.product(event.product_id, event.occurred_at)
        price = None if facts is None else facts.offer(event.variant_id).price
    new = Interest(event.product_id, event.variant_id, event.occurred_at, price)
    if put(interests, new, most) == NEVER_SEEN:
        shelf.ties.append(event.product_id)


def remove_from_wishlist(profile: Profile, event: e.RemoveFromWishlist, shelf: Shelf) -> None:
    profile.saved = [
        interest
        for interest in profile.saved
        if interest.product_id != event.product_id
        or interest.variant_id != event.variant_id
        or interest.at > event.occurred_at
    ]
    remember_removal(profile, WISHLIST, event.product_id, event.variant_id, event.occurred_at)
