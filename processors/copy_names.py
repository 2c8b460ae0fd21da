"""What each name of a template can hold, and what scenarios of a kind give their copy."""

from collections.abc import Mapping

Spoken = Mapping[str, frozenset[str]]
"""Names that a template is given, and the fields that each can have; of a list, its members'."""

PRODUCT = frozenset({"id", "name", "url", "image", "category", "price", "currency", "quantity"})
LINE = frozenset({"id", "name", "url", "image", "price", "quantity", "in_stock"})
"""A line of a cart."""

HOLDS: Spoken = {
    "shop": frozenset({
        "name", "url", "cart_url", "checkout_url", "order_url", "icon", "timezone", "locale",
        "currency",
    }),
    "cart": frozenset({"lines", "count", "value", "currency"}),
    "product": PRODUCT | LINE,
    "bought": PRODUCT,
    "price": frozenset({"now", "seen", "saved", "low_30d", "currency"}),
    "delivery": frozenset({"cost", "free_from", "missing", "free"}),
    "voucher": frozenset({"code", "value", "currency", "expires_at"}),
    "reminder": frozenset({"id", "title", "at", "url"}),
    "content": frozenset({"id", "topic", "title", "url"}),
    "campaign": frozenset({"id", "until"}),
}  # fmt: skip
"""What each name can have. ``user``, ``event`` and ``order`` have what the shop says."""

EVERYWHERE = frozenset({"shop", "user", "locale", "tz"})

NONE: Spoken = {}
OF_CART: Spoken = {"cart": HOLDS["cart"], "product": LINE}
OF_PRODUCT: Spoken = {"product": PRODUCT}
OF_PRODUCTS: Spoken = {"product": PRODUCT, "products": PRODUCT}


def of(*names: str) -> Spoken:
    """Those names, with all that each can hold."""
    return {name: HOLDS[name] for name in names}
