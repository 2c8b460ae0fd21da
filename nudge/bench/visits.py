"""Visits to the shop: who does what next."""

from collections.abc import Callable
from itertools import accumulate
from random import Random
from typing import Any

CURRENCY = "PLN"
UNDER_WAY = 4_000
"""Visits under way at any time."""
_GOES = 0.1
"""The chance that an event was its visit's last."""
_LOGS_IN = 0.05
"""The chance that an anonymous visitor logs in next."""

_ALWAYS: dict[str, float] = {
    "view_item": 36,
    "page_view": 20,
    "engagement": 12,
    "view_item_list": 10,
    "search": 5,
    "order_status": 1,
    "coupon_attempt": 0.2,
    "consent_change": 0.1,
    "profile_update": 0.1,
}
_ON_A_PRODUCT: dict[str, float] = {
    "add_to_cart": 9, "add_to_wishlist": 1.5, "stock_alert_requested": 0.3,
}  # fmt: skip
_WITH_A_CART: dict[str, float] = {
    "begin_checkout": 6, "remove_from_cart": 3, "cart_snapshot": 1,
}  # fmt: skip
_IN_CHECKOUT: dict[str, float] = {"purchase": 60}


def _wheel(*parts: dict[str, float]) -> tuple[list[str], list[float]]:
    joined = {name: weight for part in parts for name, weight in part.items()}
    return list(joined), list(accumulate(joined.values()))


_WHEELS = (
    _wheel(_ALWAYS),
    _wheel(_ALWAYS, _ON_A_PRODUCT),
    _wheel(_ALWAYS, _ON_A_PRODUCT, _WITH_A_CART),
    _wheel(_ALWAYS, _ON_A_PRODUCT, _WITH_A_CART, _IN_CHECKOUT),
)


class Visit:
    """One visit: ``type`` is what its user does now."""

    def __init__(self, number: int, user: int, anonymous: bool, random: Random) -> None:
        self._random = random
        self._number = number
        self.session = f"{number:08x}-{random.getrandbits(96):024x}"
        self.user_id = None if anonymous else user_name(user)
        self.anonymous_id = f"browser-{user:06d}" if anonymous else None
        self.key = self.anonymous_id or user_name(user)
        self._user = user
        self._product = -1
        self._cart: dict[int, int] = {}
        self._in_checkout = False
        self.type = ""

    def go_on(self, products: int) -> None:
        """Draws what comes next."""
        random = self._random
        if self.type == "login":
            self.anonymous_id, self.key = None, user_name(self._user)
        if self.anonymous_id is not None and random.random() < _LOGS_IN:
            self.type, self.user_id = "login", user_name(self._user)
            return
        stage = 3 if self._in_checkout else 2 if self._cart else self._product >= 0
        names, weights = _WHEELS[stage]
        self.type = random.choices(names, cum_weights=weights)[0]
        if self.type == "view_item":
            # A tenth of the products has a third of the views.
            self._product = int(random.random() ** 2 * products)

    def fields(self, prices: list[int]) -> dict[str, Any]:
        """The event's own fields. What it does to the cart is done."""
        fields = _FIELDS.get(self.type)
        return {} if fields is None else fields(self, prices)

    def _page_view(self, _: list[int]) -> dict[str, Any]:
        page = self._number % 977
        return {"url": f"https://shop.example/pages/{page}?ref=letter", "title": f"Page {page}"}

    def _engagement(self, _: list[int]) -> dict[str, Any]:
        return {"ms": self._random.randrange(5_000, 60_000)}

    def _view_item(self, prices: list[int]) -> dict[str, Any]:
        return {
            "product_id": product_name(self._product),
            "category": category_name(self._product),
            "price": prices[self._product],
            "currency": CURRENCY,
        }

    def _view_item_list(self, prices: list[int]) -> dict[str, Any]:
        first = self._random.randrange(len(prices) - 4)
        return {
            "category": category_name(first),
            "product_ids": [product_name(first + place) for place in range(4)],
        }

    def _search(self, _: list[int]) -> dict[str, Any]:
        return {"query": f"thing {self._number % 500}", "results": self._number % 40}

    def _add_to_cart(self, prices: list[int]) -> dict[str, Any]:
        quantity = 1 if self._random.random() < 0.8 else 2
        self._cart[self._product] = self._cart.get(self._product, 0) + quantity
        return {**self._view_item(prices), "quantity": quantity}

    def _remove_from_cart(self, _: list[int]) -> dict[str, Any]:
        product = next(iter(self._cart))
        del self._cart[product]
        self._in_checkout = self._in_checkout and bool(self._cart)
        return {"product_id": product_name(product)}

    def _interest(self, prices: list[int]) -> dict[str, Any]:
        return {"product_id": product_name(self._product), "price": prices[self._product]}

    def _items(self, prices: list[int]) -> list[dict[str, Any]]:
        return [
            {"product_id": product_name(product), "quantity": quantity, "price": prices[product]}
            for product, quantity in self._cart.items()
        ]

    def _value(self, prices: list[int]) -> int:
        return sum(quantity * prices[product] for product, quantity in self._cart.items())

    def _cart_snapshot(self, prices: list[int]) -> dict[str, Any]:
        return {"items": self._items(prices), "currency": CURRENCY}

    def _begin_checkout(self, prices: list[int]) -> dict[str, Any]:
        self._in_checkout = True
        return {"value": self._value(prices), "delivery_cost": 1500, "currency": CURRENCY}

    def _order(self) -> str:
        return f"order-{self._number}"

    def _purchase(self, prices: list[int]) -> dict[str, Any]:
        items, value = self._items(prices), self._value(prices)
        self._cart, self._in_checkout = {}, False
        return {
            "order_id": f"{self._order()}-{self._random.getrandbits(24)}",
            "items": items,
            "value": value,
            "currency": CURRENCY,
            "delivery_cost": 1500,
        }

    def _order_status(self, _: list[int]) -> dict[str, Any]:
        status = self._random.choice(("packed", "dispatched", "delivered"))
        return {"order_id": self._order(), "status": status}

    def _coupon_attempt(self, _: list[int]) -> dict[str, Any]:
        return {"code": "SPRING", "accepted": self._random.random() < 0.5}

    def _consent_change(self, _: list[int]) -> dict[str, Any]:
        return {"purpose": "marketing", "granted": self._random.random() < 0.7}

    def _profile_update(self, _: list[int]) -> dict[str, Any]:
        return {"traits": {"city": f"City {self._number % 300}", "loyalty": self._number % 5}}


_FIELDS: dict[str, Callable[[Visit, list[int]], dict[str, Any]]] = {
    "page_view": Visit._page_view,
    "engagement": Visit._engagement,
    "view_item": Visit._view_item,
    "view_item_list": Visit._view_item_list,
    "search": Visit._search,
    "add_to_cart": Visit._add_to_cart,
    "remove_from_cart": Visit._remove_from_cart,
    "cart_snapshot": Visit._cart_snapshot,
    "add_to_wishlist": Visit._interest,
    "stock_alert_requested": Visit._interest,
    "begin_checkout": Visit._begin_checkout,
    "purchase": Visit._purchase,
    "order_status": Visit._order_status,
    "coupon_attempt": Visit._coupon_attempt,
    "consent_change": Visit._consent_change,
    "profile_update": Visit._profile_update,
}


class Visits:
    """All visits under way; each call of :meth:`next` lets one of them go a step on."""

    def __init__(self, users: int, products: int, anonymous_share: float, random: Random) -> None:
        self._users = users
        self._products = products
        self._anonymous_share = anonymous_share
        self._random = random
        self._begun = 0
        self._under_way = [self._begin() for _ in range(min(UNDER_WAY, users))]

    def next(self) -> Visit:
        random = self._random
        place = int(random.random() * len(self._under_way))
        if self._under_way[place].type and random.random() < _GOES:
            self._under_way[place] = self._begin()
        visit = self._under_way[place]
        visit.go_on(self._products)
        return visit

    def _begin(self) -> Visit:
        random = self._random
        self._begun += 1
        user = int(random.random() * self._users)
        return Visit(self._begun, user, random.random() < self._anonymous_share, random)


def user_name(number: int) -> str:
    return f"user-{number:06d}"


def product_name(number: int) -> str:
    return f"product-{number:05d}"


def category_name(product: int) -> str:
    return f"category-{product % 60}"
