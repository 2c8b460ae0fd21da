"""What copy may be given: everything that there is, and nothing."""

from typing import Any

from processors.config import CopyVariant
from processors.copy import Copy
from tests.processors.shop import NOON, shipped_rules

RULES = shipped_rules()
LOCALES = ("en", "pl", "ru", "tr")

NOTHING: dict[str, Any] = {"shop": RULES.shop_data, "user": {}, "tz": "Europe/Warsaw"}
PRODUCT = {
    "id": "lamp", "name": "Oslo lamp", "url": "https://shop.example/lamp", "quantity": 3,
    "image": "https://shop.example/lamp.jpg", "price": 4999, "currency": "PLN",
    "in_stock": True,
}  # fmt: skip
ORDER = {
    "id": "A-1", "value": 4999, "currency": "PLN", "delivery_cost": 1200,
    "expected_delivery": NOON, "status": "ready_for_pickup", "pickup_point": "Kiosk",
}  # fmt: skip
EVERYTHING = NOTHING | {
    "user": {"first_name": "Ann"},
    "product": PRODUCT,
    "cart": {"lines": [PRODUCT], "count": 2, "value": 9998, "currency": "PLN"},
    "price": {"now": 4999, "seen": 5999, "saved": 1000, "low_30d": 5499, "currency": "PLN"},
    "order": ORDER,
    "bought": {name: value for name, value in PRODUCT.items() if name != "in_stock"},
    "products": [PRODUCT, PRODUCT],
    "delivery": {"cost": 1200, "free_from": 20000, "missing": 1002},
    "reminder": {"id": "r", "title": "Fitting", "at": NOON, "url": "https://shop.example/r"},
    "content": {"id": "c", "topic": "lamps", "title": "Light", "url": "https://shop.example/c"},
    "event": ORDER | {"code": "SPRING", "expires_at": NOON},
    "voucher": {"code": "SPRING", "value": 1500, "currency": "PLN", "expires_at": NOON},
}


def copy_of(**fields: str) -> Copy:
    own = {"title": "A title", "body": "A body", "url": "https://shop.example"} | fields
    return Copy({"en": (CopyVariant.model_validate(own),)}, "en")


def rendered(body: str, **data: Any) -> str | None:
    text = copy_of(body=body).render("en", NOTHING | data)
    return None if text is None else text.body.replace("\u00a0", " ")
