"""One plausible record of every event type: for the documents and for ``nudge publish``."""

from typing import Any

OCCURRED_AT = 1_772_359_200_000
"""2026-03-01T10:00:00Z, the time at which every example happens."""

_TEA: dict[str, Any] = {"product_id": "tea-sencha", "price": 1990, "currency": "PLN"}
_ORDER = "A-1042"

_SHOP: dict[str, dict[str, Any]] = {
    "page_view": {"url": "https://shop.example/tea", "title": "Tea"},
    "engagement": {"ms": 42_000},
    "view_item": {**_TEA, "category": "tea", "available": True},
    "view_item_list": {"category": "tea", "product_ids": ["tea-sencha", "tea-assam"]},
    "search": {"query": "green tea", "results": 12},
    "add_to_cart": {**_TEA, "quantity": 2, "category": "tea"},
    "remove_from_cart": {"product_id": "tea-sencha", "quantity": 1},
    "cart_snapshot": {
        "items": [{"product_id": "tea-sencha", "quantity": 2, "price": 1990}],
        "currency": "PLN",
    },
    "add_to_wishlist": {"product_id": "tea-sencha", "price": 1990},
    "stock_alert_requested": {"product_id": "tea-sencha", "price": 1990},
    "remove_from_wishlist": {"product_id": "tea-sencha"},
    "begin_checkout": {"value": 3980, "delivery_cost": 1200, "currency": "PLN"},
    "coupon_attempt": {"code": "SPRING", "accepted": False},
    "purchase": {
        "order_id": _ORDER,
        "items": [{"product_id": "tea-sencha", "quantity": 2, "price": 1990}],
        "value": 5180,
        "currency": "PLN",
        "delivery_cost": 1200,
        "expected_delivery": OCCURRED_AT + 2 * 86_400_000,
    },
    "payment_failed": {"order_id": _ORDER, "value": 5180},
    "refund": {"order_id": _ORDER, "value": 5180},
    "order_status": {
        "order_id": _ORDER,
        "status": "dispatched",
        "expected_delivery": OCCURRED_AT + 2 * 86_400_000,
    },
    "sign_up": {"anonymous_id": "a-7f3c"},
    "login": {"anonymous_id": "a-7f3c"},
    "logout": {},
    "profile_update": {"traits": {"city": "Kraków", "loyalty": "gold", "tags": ["tea"]}},
    "consent_change": {"purpose": "marketing", "granted": True, "text_version": "2026-01"},
    "email_ignored": {"campaign": "spring-teas"},
    "email_opened": {"campaign": "spring-teas"},
    "voucher_issued": {
        "code": "TEA-4711",
        "value": 1000,
        "expires_at": OCCURRED_AT + 7 * 86_400_000,
    },
    "voucher_redeemed": {"code": "TEA-4711", "value": 1000},
    "reminder_set": {
        "reminder_id": "tasting-12",
        "at": OCCURRED_AT + 3 * 86_400_000,
        "title": "Tea tasting",
        "url": "https://shop.example/tasting",
        "lead": [86_400_000, 900_000],
    },
    "reminder_cancelled": {"reminder_id": "tasting-12"},
    "topic_follow": {"topic": "tea-school"},
    "topic_unfollow": {"topic": "tea-school"},
    "survey_answer": {"survey": "order-A-1042", "answer": "👍"},
    "push_prompt": {"prompt": "after-cart", "step": "accepted"},
    "erasure_requested": {},
}

_CATALOG: dict[str, dict[str, Any]] = {
    "price_change": {**_TEA, "price": 1590},
    "stock_change": {"product_id": "tea-sencha", "quantity": 25},
    "product_published": {
        **_TEA,
        "name": "Sencha, 100 g",
        "category": "tea",
        "url": "https://shop.example/tea/sencha",
        "image": "https://shop.example/tea/sencha.jpg",
        "quantity": 40,
        "related": {"complement": ["teapot-cast-iron"]},
    },
    "product_unpublished": {"product_id": "tea-sencha"},
    "content_published": {
        "content_id": "lesson-3",
        "topic": "tea-school",
        "title": "Water, time and temperature",
        "url": "https://shop.example/school/3",
    },
}

SHOP_TYPES = tuple(_SHOP)
"""Every type of ``shop.events``."""
CATALOG_TYPES = tuple(_CATALOG)
"""Every type of ``shop.catalog``."""


def example(type_: str) -> dict[str, Any]:
    """A whole wire event of that type, by the shopper ``anna`` where it is a shopper's.

    Raises:
        KeyError: there is no such type.
    """
    if type_ in _SHOP:
        head: dict[str, Any] = {"type": type_, "event_id": f"example-{type_}", "user_id": "anna"}
        return head | {"occurred_at": OCCURRED_AT} | _SHOP[type_]
    head = {"type": type_, "event_id": f"example-{type_}", "occurred_at": OCCURRED_AT}
    return head | _CATALOG[type_]
