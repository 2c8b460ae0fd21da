"""The demo shop's parts in a running gateway, and its opening."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import structlog
from fastapi import FastAPI, Request

from gateway.broker import Record
from gateway.demo.shelf import ARTICLES, CURRENCY, Article
from gateway.demo.watch import Watch
from gateway.site import Site, now_ms
from schemas.adapters import dump
from schemas.catalog import CatalogEvent, ProductPublished, StockChange
from schemas.topics import SHOP_CATALOG

log = structlog.get_logger(__name__)
_WAIT_S = 20
_RETRY_S = 1.0


class DemoShop:
    """What its routes work with. ``stand_ins``: visitors by the endpoint that stands in."""

    def __init__(self, site: Site, http: aiohttp.ClientSession) -> None:
        self.watch = Watch(site.settings)
        self.http = http
        self.push = site.settings.gateway_demo_push
        self.stand_ins: dict[str, str] = {}
        self._site = site

    async def open(self) -> None:
        """Puts on the shelves what is not there yet."""
        await self.watch.ready.wait()
        missing = [each for each in ARTICLES if each.product_id not in self.watch.products]
        await self.say(event for article in missing for event in opening(article, self.origin))

    @property
    def origin(self) -> str:
        return self._site.settings.gateway_origins[0] if self._site.settings.gateway_origins else ""

    async def say(self, events: Iterable[CatalogEvent]) -> None:
        """Publishes what the shop changes.

        Raises:
            RefusedError: Kafka does not acknowledge.
        """
        records = [Record(getattr(event, "product_id", ""), dump(event)) for event in events]
        if records:
            await self._site.broker.write(SHOP_CATALOG, records)

    async def collect(self) -> None:
        """Hands what the stand-in browsers got to their visitors' pages, for ever."""
        after = 0
        while self.push is not None:
            with suppress(aiohttp.ClientError, TimeoutError, ValueError):
                params = {"after": str(after), "wait": str(_WAIT_S)}
                async with self.http.get(f"{self.push}/api/messages", params=params) as answer:
                    for message in await answer.json():
                        after = max(after, message["number"])
                        self._arrived(message)
                continue
            await asyncio.sleep(_RETRY_S)

    def _arrived(self, message: dict[str, Any]) -> None:
        visitor = self.stand_ins.get(message["endpoint"])
        if visitor is not None:
            at, payload = message["received_at"], message["payload"]
            entry = {
                "kind": "arrived", "at": at, "payload": payload,
                "words": "Your stand-in browser decrypted it",
            }  # fmt: skip
            self.watch.arrived(visitor, entry)


@asynccontextmanager
async def demo_shop(app: FastAPI, site: Site) -> AsyncIterator[None]:
    """Runs the demo shop beside the gateway."""
    timeout = aiohttp.ClientTimeout(total=_WAIT_S + 10)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        shop = app.state.demo = DemoShop(site, http)
        work = [asyncio.create_task(each) for each in (shop.watch.run(), shop.collect())]
        opening_up = asyncio.create_task(shop.open())
        try:
            yield
        finally:
            for task in (*work, opening_up):
                task.cancel()
            await asyncio.wait([*work, opening_up])


def shop_of(request: Request) -> DemoShop:
    shop: DemoShop = request.app.state.demo
    return shop


def event_head() -> dict[str, Any]:
    return {"event_id": f"shop-{secrets.token_urlsafe(9)}", "occurred_at": now_ms()}


def opening(article: Article, origin: str) -> list[CatalogEvent]:
    """The article as it comes on the shelf, each variant with its stock."""
    head = event_head()
    description: dict[str, Any] = {
        **head,
        "type": "product_published",
        "product_id": article.product_id,
        "name": article.name,
        "category": article.category,
        "url": f"{origin}/p/{article.product_id}",
        "image": f"{origin}/art/{article.product_id}.svg",
        "price": article.price,
        "currency": CURRENCY,
    }
    if not article.variants:
        return [ProductPublished(**description, quantity=article.quantity)]
    stock = [
        StockChange(
            **event_head(), type="stock_change", product_id=article.product_id,
            variant_id=variant.variant_id, quantity=article.quantity,
        )
        for variant in article.variants
    ]  # fmt: skip
    return [ProductPublished(**description), *stock]
