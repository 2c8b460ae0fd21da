"""The catalogue as the oracle sees it: every statement kept, every question asked of the list."""

from bisect import bisect_right
from typing import Any

DAY = 86_400_000
WHOLE = ""
"""The variant that stands for the product as a whole."""


class Shelves:
    """``versions[product]``: (recorded at, picture of the product) in order of arrival."""

    def __init__(self) -> None:
        self.versions: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        self.changes: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        """What changed of a product, and when that was recorded."""

    def put(self, event: dict[str, Any], recorded_at: int) -> dict[str, Any] | None:
        """Notes a catalogue event. What it changed of one offer; ``None`` for nothing."""
        product = event["product_id"]
        known = self.versions.setdefault(product, [])
        before = known[-1][1] if known else _unknown()
        now = {
            **before,
            "offers": {variant: dict(offer) for variant, offer in before["offers"].items()},
        }
        at = event["occurred_at"]
        kind = event["type"]
        variant = event.get("variant_id") or WHOLE
        change: dict[str, Any] = {"product": product, "variant": variant}
        whole = kind == "product_published" or (kind == "product_unpublished" and not variant)
        was_off = not now["published"]
        if whole and at >= now["described_at"]:
            now["described_at"] = at
            now["published"] = kind == "product_published"
            if kind == "product_published":
                now["name"] = event["name"]
        if kind != "product_unpublished" or variant:
            offer = now["offers"].setdefault(variant, _blank())
            quantity = 0 if kind == "product_unpublished" else event.get("quantity")
            if kind in ("price_change", "stock_change"):
                _confirm(offer, event, at)
            _set_price(offer, event.get("price"), at, change)
            _set_quantity(offer, quantity, at, change)
            if was_off and now["published"] and offer["quantity"] is not None:
                change["quantity_before"], change["quantity"] = 0, offer["quantity"]
        change["published"], change["at"] = now["published"], at
        known.append((recorded_at, now))
        if "price" not in change and "quantity" not in change:
            return None
        self.changes.setdefault(product, []).append((recorded_at, change))
        return change

    def as_of(self, product: str, at: int) -> dict[str, Any] | None:
        """The newest picture recorded at or before ``at``."""
        known = self.versions.get(product, [])
        place = bisect_right(known, at, key=lambda version: version[0])
        return known[place - 1][1] if place else None

    def price(self, product: str, variant: str | None, at: int) -> int | None:
        picture = self.as_of(product, at)
        return None if picture is None else _offer(picture, variant)["price"]

    def out(self, product: str, variant: str | None, at: int) -> bool:
        """Whether it is known that it cannot be bought."""
        picture = self.as_of(product, at)
        if picture is None:
            return False
        return not picture["published"] or _sold_out(picture, variant)


def _unknown() -> dict[str, Any]:
    return {"published": True, "described_at": 0, "name": None, "offers": {}}


def _blank() -> dict[str, Any]:
    return {"price": None, "price_at": -1, "quantity": None, "quantity_at": -1, "history": ()}


def _offer(picture: dict[str, Any], variant: str | None) -> dict[str, Any]:
    offers = picture["offers"]
    own, whole = offers.get(variant or WHOLE, _blank()), offers.get(WHOLE, _blank())
    return {name: whole[name] if own[name] is None else own[name] for name in ("price", "quantity")}


def _sold_out(picture: dict[str, Any], variant: str | None) -> bool:
    if variant is None and set(picture["offers"]) - {WHOLE}:
        known = [o["quantity"] for kind, o in picture["offers"].items() if kind != WHOLE]
        return bool(known) and set(known) == {0}
    return bool(_offer(picture, variant)["quantity"] == 0)


def _set_price(offer: dict[str, Any], price: int | None, at: int, change: dict[str, Any]) -> None:
    if price is None or at < offer["price_at"] or price == offer["price"]:
        return
    history = offer["history"]
    recent = [p for since, until, p in _spans(history, at) if until > at - 30 * DAY]
    change["price_before"], change["price"] = offer["price"], price
    change["low"] = min(recent) if recent else None
    offer["price"], offer["price_at"] = price, at
    offer["history"] = (*history, (at, price))


def _confirm(offer: dict[str, Any], event: dict[str, Any], at: int) -> None:
    """What is said again by itself holds from then on."""
    for name in ("price", "quantity"):
        if offer[name] is not None and event.get(name) == offer[name]:
            offer[f"{name}_at"] = max(offer[f"{name}_at"], at)


def _spans(history: tuple[tuple[int, int], ...], end: int) -> list[tuple[int, int, int]]:
    """(since, until, price) of each price that was in force."""
    ends = [since for since, _ in (*history, (end, 0))][1:]
    return [(since, until, price) for (since, price), until in zip(history, ends, strict=True)]


def _set_quantity(
    offer: dict[str, Any], quantity: int | None, at: int, change: dict[str, Any]
) -> None:
    if quantity is None or at < offer["quantity_at"] or quantity == offer["quantity"]:
        return
    change["quantity_before"], change["quantity"] = offer["quantity"], quantity
    offer["quantity"], offer["quantity_at"] = quantity, at
