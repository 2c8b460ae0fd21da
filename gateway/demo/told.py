"""Records of a guest's topics as entries of their story: small JSON objects, said to "you"."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.demo.shelf import BY_ID, CURRENCY
from processors.moment import Moment
from processors.profile import Profile
from schemas.adapters import adapter_of, parse, parse_shop_event
from schemas.decisions import Decision, Outcome, Reason
from schemas.people import Interaction, InteractionKind, Subscription
from schemas.products import OfferChange, Product
from schemas.push import Channel, PushJob, PushResult, ResultOutcome, Withdrawal

Entry = dict[str, Any]

_PAGES = {
    "/": "the shop", "/cart": "your cart", "/checkout": "the checkout",
    "/wishlist": "your wishlist", "/orders": "your orders", "/inbox": "your messages",
}  # fmt: skip
_STATES = {"delivery_changed": "delivery changed", "ready_for_pickup": "ready for pickup"}
_REACTIONS = {
    InteractionKind.DISPLAYED: "You were shown it",
    InteractionKind.CLICKED: "You clicked it",
    InteractionKind.DISMISSED: "You closed it",
}


def money(minor: int | None) -> str:
    return "an unknown price" if minor is None else f"€{minor / 100:.2f}"


def name_of(product_id: str | None, variant_id: str | None = None) -> str:
    """``Oslo lamp (Black)``."""
    article = BY_ID.get(product_id or "")
    if article is None:
        return product_id or ""
    variant = article.variant(variant_id)
    return article.name if variant is None else f"{article.name} ({variant.name})"


def did(value: bytes) -> Entry | None:
    """What the guest did; ``None`` for what only says that a page is in front."""
    event = parse_shop_event(value)
    words = _DID.get(event.type)
    return words and {"kind": "did", "at": event.occurred_at, "words": words(event)}


def _page(event: Any) -> str:
    path = event.url.partition("?")[0].partition("//")[2].partition("/")[2]
    page = _PAGES.get(f"/{path}")
    article = BY_ID.get(path.removeprefix("p/"))
    order = f"order {path.removeprefix('orders/')}" if path.startswith("orders/") else None
    return f"You opened {page or order or (article and article.name) or '/' + path}"


def _bought(event: Any) -> str:
    return f"You bought for {money(event.value)}: order {event.order_id}"


_DID: Mapping[str, Callable[[Any], str]] = {
    "page_view": _page,
    "view_item": lambda e: f"You looked at {name_of(e.product_id, e.variant_id)}",
    "add_to_cart": lambda e: f"You put {name_of(e.product_id, e.variant_id)} into the cart",
    "remove_from_cart": lambda e: f"You took {name_of(e.product_id, e.variant_id)} out of the cart",
    "add_to_wishlist": lambda e: f"You saved {name_of(e.product_id, e.variant_id)}",
    "remove_from_wishlist": lambda e: f"You no longer save {name_of(e.product_id, e.variant_id)}",
    "stock_alert_requested": lambda e: (
        f"You asked to be told when {name_of(e.product_id, e.variant_id)} is back"
    ),
    "begin_checkout": lambda e: f"You began the checkout: {money(e.value)}",
    "purchase": _bought,
    "order_status": lambda e: (
        f"The shop: order {e.order_id} is {_STATES.get(e.status.value, e.status.value)}"
    ),
    "login": lambda e: f"You logged in as {e.user_id}",
    "logout": lambda _: "You logged out",
    "consent_change": lambda e: (
        f"You {'agreed to' if e.granted else 'refused'} {e.purpose} messages"
    ),
    "push_prompt": lambda e: f"You were asked for notifications: {e.step}",
    "search": lambda e: f"You searched for “{e.query}”",
}


def decided(value: bytes) -> Entry:
    found = parse(adapter_of(Decision), value)
    product = BY_ID.get(found.entity or "")
    return {
        "kind": "decided",
        "at": found.decided_at,
        "scenario": found.scenario,
        "step": found.step,
        "entity": product.name if product else found.entity,
        "outcome": found.outcome.value,
        "reason": found.reason.value,
        "good": found.outcome is Outcome.SENT,
        "words": found.reason.about,
    }


def sent(value: bytes) -> Entry:
    job = parse(adapter_of(PushJob), value)
    onsite = job.channel is Channel.ONSITE
    return {
        "kind": "sent",
        "at": job.created_at,
        "job_id": job.job_id,
        "channel": job.channel.value,
        "title": job.payload.title,
        "body": job.payload.body,
        "url": job.payload.url,
        "words": "To the page you have in front" if onsite else "To your browser, by push",
    }


def taken_back(value: bytes) -> Entry:
    found = parse(adapter_of(Withdrawal), value)
    about = Reason(found.reason).about if found.reason in set(Reason) else found.reason
    return {"kind": "result", "at": found.at, "words": f"Taken back. {about}", "good": False}


def result(value: bytes) -> Entry:
    found = parse(adapter_of(PushResult), value)
    delivered = found.outcome is ResultOutcome.DELIVERED
    words = f"The push service took it, in {found.latency_ms} ms"
    return {
        "kind": "result",
        "at": found.at,
        "words": words if delivered and found.latency_ms is not None else found.outcome.about,
        "good": delivered,
    }


def reacted(value: bytes) -> Entry:
    found = parse(adapter_of(Interaction), value)
    return {
        "kind": "reacted",
        "at": found.occurred_at,
        "type": found.type.value,
        "scenario": found.scenario,
        "words": _REACTIONS[found.type],
        "good": found.type is InteractionKind.CLICKED,
    }


def reached(value: bytes | None, at: int) -> Entry:
    if value is None:
        return {"kind": "reach", "at": at, "words": "A browser of yours is subscribed no more"}
    found = parse(adapter_of(Subscription), value)
    host = found.endpoint.partition("//")[2].partition("/")[0]
    return {"kind": "reach", "at": at, "words": f"Your browser can be pushed to, through {host}"}


def changed(product: Product) -> list[Entry]:
    """What the shop changed about a product of ours, in a word each."""
    article = BY_ID.get(product.product_id)
    if article is None:
        return []
    return [
        {"kind": "shop", "at": product.at, "words": words}
        for change in product.changes
        if (words := _change(product.product_id, change))
    ]


def _change(product_id: str, change: OfferChange) -> str | None:
    name = name_of(product_id, change.variant_id)
    if change.price is not None and change.price_before not in (None, change.price):
        return f"The shop: {name} costs {money(change.price)}, was {money(change.price_before)}"
    if change.quantity is not None and change.quantity_before not in (None, change.quantity):
        return f"The shop: {change.quantity} × {name} in stock, was {change.quantity_before}"
    return None


def state(profile: Profile) -> Entry:
    """What waits to be said, and when."""
    return {
        "moments": [_moment(moment, profile.active_at) for moment in profile.moments],
        "present_at": profile.present_at,
        "devices": len(profile.devices),
        "moved": profile.alias_to is not None,
    }


def _moment(moment: Moment, active_at: int) -> Entry:
    product = BY_ID.get(moment.entity)
    return {
        "scenario": moment.scenario,
        "entity": product.name if product else moment.entity,
        "step": moment.step,
        "since": moment.opened_at if moment.due else active_at,
        "due_at": moment.next_look(active_at),
        "moves": not moment.due,
        "held": moment.held[-1] if moment.held else None,
    }


def offers(product: Product) -> Entry:
    """Price and stock as pages show them."""
    found = {
        variant: {"price": offer.price, "quantity": offer.quantity}
        for variant, offer in product.offers.items()
    }
    return {"product_id": product.product_id, "currency": CURRENCY, "offers": found}
