"""The demo shop: off unless it is wanted, kept on this machine, and true to Kafka."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from gateway.demo.shelf import ARTICLES
from gateway.settings import GatewaySettings
from runtime.settings import KafkaSettings
from schemas.decisions import Decision, Outcome, Reason
from schemas.products import Offer, Product
from schemas.topics import DECISIONS, PRODUCTS, SHOP_CATALOG, SHOP_EVENTS
from tests.gateway.stage import PAGE_KEY, Page, Stage, now_ms
from tests.harness.records import Sent, produce
from tests.harness.waiting import eventually

PAGES = ("/", "/cart", "/checkout", "/wishlist", "/orders", "/orders/N-1", "/inbox", "/counter",
         "/away", "/p/fjord-vase", "/p/ask-chair")  # fmt: skip


@pytest.fixture
async def shop(cluster: KafkaSettings, redis_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(cluster, redis_url, tmp_path / "keys", gateway_demo_shop=True) as stage:
        yield stage


async def stock(shop: Stage, product_id: str, price: int, **left: int) -> None:
    """As the catalogue agent would fold it; ``whole``: the product's own stock."""
    pieces = {("" if name == "whole" else name): Offer(quantity=n) for name, n in left.items()}
    whole = pieces.get("", Offer()).model_copy(update={"price": price})
    product = Product(product_id=product_id, at=now_ms(), offers={**pieces, "": whole})
    await produce(shop.kafka, PRODUCTS, [Sent(product_id, product)])

    async def on_the_shelf() -> bool:
        page = await shop.ask("GET", "/")
        found = re.search(r'id="config">(.*?)</script>', page.body.decode(), re.S)
        assert found is not None
        known = {each["product_id"]: each for each in orjson.loads(found[1])["products"]}
        return product_id in known

    await eventually(on_the_shelf)


async def test_it_is_closed_unless_a_setting_opens_it(stage: Stage) -> None:
    for path in ("/", "/counter", "/demo/story"):
        assert (await stage.ask("GET", path)).status == 404
    assert (await stage.post("/demo/counter", {"product_id": "fjord-vase"})).status == 404
    with pytest.raises(ValidationError, match="this machine only"):
        GatewaySettings.model_validate(
            stage.values | {"gateway_demo_shop": True, "gateway_host": "0.0.0.0"}
        )


async def test_every_page_and_all_that_it_names_is_there(shop: Stage) -> None:
    named: set[str] = set()
    for path in PAGES:
        answer = await shop.ask("GET", path)
        assert answer.status == 200, path
        text = answer.body.decode()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert re.search(r"<html lang=.+<h1", text, re.S), path
        named |= set(re.findall(r'(?:href|src)="(/[^"]*)"', text))
    for article in ARTICLES:
        named |= {f"/art/{article.product_id}.{v.variant_id}.svg" for v in article.variants}
    for path in sorted(named):
        assert (await shop.ask("GET", path)).status == 200, path
    for path in ("/p/nothing", "/art/nothing.svg", "/art/fjord-vase.pink.svg", "/static/shop.py"):
        assert (await shop.ask("GET", path)).status == 404, path

    async def opened() -> bool:
        published = [r.json() for r in await shop.read(SHOP_CATALOG)]
        return {p["product_id"] for p in published} == {a.product_id for a in ARTICLES}

    await eventually(opened)


async def test_the_till_sells_what_is_there_at_the_shops_own_price(shop: Stage) -> None:
    await stock(shop, "fjord-vase", 3_900, sea=2)
    page = await shop.page()
    vase = {"product_id": "fjord-vase", "variant_id": "sea", "quantity": 2, "price": 1}
    sold = await shop.post("/demo/orders", {**page.credentials(), "lines": [vase]})
    assert sold.status == 200, sold
    assert sold.json()["value"] == 2 * 3_900 + 590
    (bought,) = [r.json() for r in await shop.read(SHOP_EVENTS)]
    assert (bought["type"], bought["anonymous_id"]) == ("purchase", page.anonymous_id)
    changes = [r.json() for r in await shop.read(SHOP_CATALOG)]
    (left,) = [c for c in changes if c["type"] == "stock_change" and c["quantity"] == 0
               and c["product_id"] == "fjord-vase"]  # fmt: skip
    assert left["variant_id"] == "sea"

    more = {**vase, "quantity": 3}
    refused = await shop.post("/demo/orders", {**page.credentials(), "lines": [more]})
    assert refused.status == 409
    status = {"order_id": sold.json()["order_id"], "status": "packed"}
    await eventually(lambda: _may_pack(shop, page, status))
    stranger = await shop.page()
    assert (
        await shop.post("/demo/orders/status", {**stranger.credentials(), **status})
    ).status == 404


async def _may_pack(shop: Stage, page: Page, status: dict[str, Any]) -> bool:
    answer = await shop.post("/demo/orders/status", {**page.credentials(), **status})
    return answer.status == 200


async def test_only_the_shops_own_page_stands_behind_its_counter(shop: Stage) -> None:
    page = await shop.page()
    change = {**page.credentials(), "product_id": "fjord-vase", "price": 3_900}
    elsewhere = {"Origin": "https://elsewhere.example", "Content-Type": "text/plain"}
    assert (await shop.post("/demo/counter", change, elsewhere)).status == 403
    assert (await shop.post("/demo/counter", {"product_id": "fjord-vase"})).status == 401
    assert (await shop.post("/demo/counter", {**change, "price": -1})).status == 400
    assert (await shop.post("/demo/counter", {**change, "product_id": "x"})).status == 404
    assert (await shop.post("/demo/counter", change)).status == 200


async def test_a_visitor_logs_in_by_a_name_in_any_script(shop: Stage) -> None:
    page = await shop.page()
    login = {**page.credentials(), "name": "Анна  O'Neil"}
    assert (await shop.post("/demo/login", login)).json()["user_id"] == "you-анна-o-neil"
    assert (await shop.post("/demo/login", {**login, "name": "!?"})).status == 400


async def test_a_visitors_story_is_theirs_alone(shop: Stage) -> None:
    ann, bob = await shop.page(), await shop.page()
    decision = Decision(
        decision_id="d-1", user_id=ann.anonymous_id, scenario="cart_abandoned", step=1,
        entity="cart", due_at=now_ms(), decided_at=now_ms(), outcome=Outcome.DROPPED,
        reason=Reason.NOT_SUBSCRIBED, final=True, scenario_version="1",
    )  # fmt: skip
    await produce(shop.kafka, DECISIONS, [Sent(ann.anonymous_id, decision)])

    async def story(page: Page) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {PAGE_KEY}", "X-Nudge-Visitor": page.visitor}
        async with shop.http.get(f"{shop.url}/demo/story", headers=headers) as response:
            assert response.status == 200
            async for line in response.content:
                if line.startswith(b'data: {"entries"'):
                    found: list[dict[str, Any]] = orjson.loads(line[6:])["entries"]
                    return found
        raise AssertionError("the stream ended")

    async def told() -> bool:
        return [(e["reason"], e["words"]) for e in await story(ann)] == [
            ("not_subscribed", Reason.NOT_SUBSCRIBED.about)
        ]

    await eventually(told)
    assert await story(bob) == []
    assert (await shop.ask("GET", "/demo/story")).status == 401
