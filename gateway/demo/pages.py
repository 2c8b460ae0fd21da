"""The demo shop's pages, and the story beside them as it goes on."""

import asyncio
import time
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import jinja2
import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from gateway.demo import counter, told
from gateway.demo.counter import owners_of
from gateway.demo.shelf import ARTICLES, BY_ID, DELIVERY_COST, FREE_DELIVERY_FROM
from gateway.demo.site import DemoShop, shop_of
from gateway.problems import Code, RefusedError
from gateway.site import caller_of, now_ms, site_of, take_turn
from schemas.events import OrderState

router = APIRouter(include_in_schema=False)
_LOOK_UP_S = 2.0
_LONGEST_S = 1800.0
_STATIC = {"shop.css": "text/css; charset=utf-8", "shop.js": "text/javascript; charset=utf-8"}
_FILES = {name: files("gateway.demo.static").joinpath(name).read_bytes() for name in _STATIC}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("gateway.demo"),
    autoescape=jinja2.select_autoescape(("html", "svg")),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PLAIN_PAGES = {
    "/cart": ("cart.html", "Your cart"),
    "/checkout": ("checkout.html", "Checkout"),
    "/wishlist": ("wishlist.html", "Saved for later"),
    "/orders": ("orders.html", "Your orders"),
    "/inbox": ("inbox.html", "Your messages"),
    "/counter": ("counter.html", "Behind the counter"),
    "/away": ("away.html", "You have left the shop"),
}
_AWAY = ("/counter", "/away")
"""Pages where the visitor is no shopper: nothing is told from there."""


@router.get("/")
async def front(request: Request) -> Response:
    return _page(request, "front.html", "Things for a calm home", articles=ARTICLES)


@router.get("/p/{product_id}")
async def product(request: Request, product_id: str) -> Response:
    article = BY_ID.get(product_id)
    if article is None:
        return _page(request, "missing.html", "Not on our shelves", status=404)
    return _page(request, "product.html", article.name, article=article)


@router.get("/orders/{order_id}")
async def order(request: Request, order_id: str) -> Response:
    return _page(request, "order.html", f"Order {order_id}", order_id=order_id)


@router.get("/art/{name}.svg")
async def art(name: str) -> Response:
    """``oslo-lamp`` or ``oslo-lamp.black``."""
    product_id, _, variant_id = name.partition(".")
    article = BY_ID.get(product_id)
    variant = article and article.variant(variant_id)
    if article is None or (variant_id and variant is None):
        raise RefusedError(404, Code.NOT_FOUND)
    template = _TEMPLATES.get_template(f"art/{product_id}.svg")
    svg = template.render(colour=variant.colour if variant else article.colour)
    return Response(svg, 200, {"Cache-Control": "public, max-age=600"}, "image/svg+xml")


def _plain(path: str, template: str, title: str) -> None:
    @router.get(path)
    async def page(request: Request) -> Response:
        return _page(request, template, title, articles=ARTICLES)


for _path, (_template, _title) in _PLAIN_PAGES.items():
    _plain(_path, _template, _title)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    if name not in _FILES:
        raise RefusedError(404, Code.NOT_FOUND)
    return Response(_FILES[name], 200, {"Cache-Control": "no-cache"}, _STATIC[name])


@router.get("/favicon.ico")
async def icon() -> Response:
    return Response(status_code=204)


@router.get("/demo/story")
async def story(request: Request) -> Response:
    """Server-sent events: the visitor's story so far, and as it goes on."""
    take_turn(request)
    owners = owners_of(caller_of(request))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _events(request, shop_of(request), owners), headers=headers, media_type="text/event-stream"
    )


async def _events(request: Request, shop: DemoShop, owners: frozenset[str]) -> AsyncIterator[bytes]:
    watch, tabs = shop.watch, site_of(request).tabs
    with watch.listening(owners) as listener:
        yield _event("now", {"at": now_ms(), "stand_in": shop.push is not None})
        await watch.ready.wait()
        for found in watch.products.values():
            yield _event("product", told.offers(found))
        yield _event("orders", {"orders": watch.orders(owners)})
        for owner, state in watch.states(owners):
            yield _event("state", {"owner": owner, **state})
        yield _event("story", {"entries": watch.story(owners)})
        until = time.monotonic() + _LONGEST_S
        while not tabs.closed and time.monotonic() < until:
            try:
                name, content = await asyncio.wait_for(listener.queue.get(), _LOOK_UP_S)
            except TimeoutError:
                name, content = "now", {"at": now_ms(), "stand_in": shop.push is not None}
            yield _event(name, content)


def _event(name: str, content: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(content))


def routers() -> tuple[APIRouter, ...]:
    """All that the demo shop answers."""
    return (router, counter.router)


def _page(
    request: Request, template: str, title: str, *, status: int = 200, **data: Any
) -> Response:
    settings = site_of(request).settings
    path = request.url.path
    config = {
        "key": settings.gateway_public_keys[0] if settings.gateway_public_keys else "",
        "boot": site_of(request).keys.current.public_key[-16:],
        "away": path in _AWAY,
        "articles": [_article(each) for each in ARTICLES],
        "products": [told.offers(each) for each in shop_of(request).watch.products.values()],
        "free_from": FREE_DELIVERY_FROM,
        "delivery": DELIVERY_COST,
    }
    text = _TEMPLATES.get_template(template).render(
        title=title, path=path, config=config, states=list(OrderState),
        **data,
    )  # fmt: skip
    return HTMLResponse(text, status, _HEADERS)


def _article(article: Any) -> dict[str, Any]:
    variants = [{"variant_id": v.variant_id, "name": v.name} for v in article.variants]
    return {
        "product_id": article.product_id,
        "name": article.name,
        "category": article.category,
        "price": article.price,
        "quantity": article.quantity,
        "variants": variants,
    }
