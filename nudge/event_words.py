"""What shoppers and the shop did, in words."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import BaseModel

from nudge.when import ago, day, rfc3339
from schemas.catalog import CatalogEvent
from schemas.events import Item, ShopEvent


@cache
def _decimals(currency: str) -> int:
    from babel.numbers import get_currency_precision

    return int(get_currency_precision(currency))


def money(minor: int | None, currency: str | None) -> str:
    """``19.90 PLN`` for 1990 minor units; the bare number where the currency is unknown."""
    if minor is None:
        return "an unknown price"
    if currency is None:
        return f"{minor} (minor units)"
    places = _decimals(currency)
    return f"{Decimal(minor).scaleb(-places):.{places}f} {currency}"


def event_words(event: ShopEvent | CatalogEvent) -> str:
    """One event as a clause without a subject: ``put 2 × tea-1 in the cart at 19.90 PLN``."""
    return _TEMPLATES[event.type].format_map(defaultdict(str, _facts(event)))


def _facts(event: BaseModel) -> dict[str, str]:
    facts: dict[str, str] = {}
    currency: str | None = getattr(event, "currency", None)
    for name in type(event).model_fields:
        value = getattr(event, name)
        if value is not None:
            told = _FORMATS.get(name)
            facts[name] = str(value) if told is None else told(value, currency)
    if variant := facts.get("variant_id"):
        facts["product_id"] = f"{facts['product_id']} ({variant})"
    facts["at_price"] = f" at {facts['price']}" if "price" in facts else ""
    facts["pieces"] = f"{facts['quantity']} × " if facts.get("quantity", "1") != "1" else ""
    facts["worth"] = f" worth {facts['value']}" if "value" in facts else ""
    facts["shown_delivery"] = (
        f", delivery {facts['delivery_cost']}" if "delivery_cost" in facts else ""
    )
    facts["expected"] = (
        f", expected {facts['expected_delivery']}" if "expected_delivery" in facts else ""
    )
    return facts


def _items(items: tuple[Item, ...], currency: str | None) -> str:
    shown = ", ".join(
        f"{item.quantity} × {item.product_id} at {money(item.price, currency)}"
        for item in items[:3]
    )
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return (shown + more) or "nothing"


_FORMATS: dict[str, Callable[[Any, str | None], str]] = {
    "price": money,
    "value": money,
    "delivery_cost": money,
    "items": _items,
    "ms": lambda value, _: ago(value),
    "at": lambda value, _: rfc3339(value),
    "expires_at": lambda value, _: rfc3339(value),
    "expected_delivery": lambda value, _: day(value),
    "granted": lambda value, _: "agreed to" if value else "took back consent to",
    "accepted": lambda value, _: "accepted" if value else "refused",
    "traits": lambda value, _: ", ".join(f"{name}={trait}" for name, trait in value.items()),
}

_TEMPLATES = {
    "page_view": "looked at {url}",
    "engagement": "had the page in front for {ms}",
    "view_item": "viewed {product_id}{at_price}",
    "view_item_list": "looked through {category}",
    "search": "searched for “{query}”",
    "add_to_cart": "put {pieces}{product_id} in the cart{at_price}",
    "remove_from_cart": "took {pieces}{product_id} out of the cart",
    "cart_snapshot": "has a cart of {items}",
    "add_to_wishlist": "saved {product_id}{at_price}",
    "stock_alert_requested": "asked to be told when {product_id} is back",
    "remove_from_wishlist": "no longer saves {product_id}",
    "begin_checkout": "began the checkout{worth}{shown_delivery}",
    "coupon_attempt": "tried the code {code}: {accepted}",
    "purchase": "bought {items}: order {order_id}{worth}{shown_delivery}",
    "payment_failed": "could not pay order {order_id}{worth}",
    "refund": "got money back for order {order_id}{worth}",
    "order_status": "has order {order_id} {status}{expected}",
    "sign_up": "signed up as {user_id}",
    "login": "logged in as {user_id}",
    "logout": "logged out",
    "profile_update": "is now {traits}",
    "consent_change": "{granted} {purpose} messages",
    "email_ignored": "left the e-mail {campaign} unopened",
    "email_opened": "opened the e-mail {campaign}",
    "voucher_issued": "was given the voucher {code}{worth}",
    "voucher_redeemed": "used the voucher {code}{worth}",
    "reminder_set": "asked to be reminded of “{title}” at {at}",
    "reminder_cancelled": "cancelled the reminder {reminder_id}",
    "topic_follow": "follows {topic}",
    "topic_unfollow": "no longer follows {topic}",
    "survey_answer": "answered {survey}: {answer}",
    "push_prompt": "was asked for permission to push ({prompt}): {step}",
    "erasure_requested": "asked to be forgotten",
    "price_change": "price of {product_id} is now {price}",
    "stock_change": "stock of {product_id} is now {quantity}",
    "product_published": "{product_id} published: {name}{at_price}",
    "product_unpublished": "{product_id} is off sale",
    "content_published": "published in {topic}: {title}",
}
