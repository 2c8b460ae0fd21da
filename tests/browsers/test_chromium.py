"""Chromium shows what it is handed, and tells what became of it.

Its push service is Google's, which tests do not speak to: the subscription is made by hand, and
the payload handed to the service worker (``ServiceWorker.deliverPushMessage``).
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from runtime.settings import KafkaSettings
from schemas.topics import INTERACTIONS
from tests.browsers.chromium import Chromium
from tests.browsers.desktop import Desktop
from tests.browsers.shop import ShopPages
from tests.gateway.stage import ORIGIN, Stage
from tests.gateway.test_interactions import delivering
from tests.harness.waiting import eventually


@dataclass(slots=True)
class Lane:
    """A shop, its gateway, and a shopper's Chromium on a desk."""

    shop: ShopPages
    stage: Stage
    desktop: Desktop
    chromium: Chromium


@pytest.fixture
async def lane(
    browsers: None, cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> AsyncIterator[Lane]:
    (tmp_path / "desk").mkdir()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        shop = await enter(ShopPages())
        origins = {"gateway_origins": f"{shop.origin},{ORIGIN}"}
        stage = await enter(Stage(cluster, redis_url, tmp_path / "keys", **origins))
        shop.gateway = stage.url
        desktop = await enter(Desktop(tmp_path / "desk"))
        home = tmp_path / "chromium"
        chromium = await enter(Chromium(home, shop.origin, desktop.environment))
        yield Lane(shop, stage, desktop, chromium)


async def test_a_push_is_shown_with_its_buttons_and_a_click_is_told(
    lane: Lane, redis: Redis
) -> None:
    page, shop = lane.chromium, lane.shop
    await page.visit(f"{shop.origin}/product")
    await page.run("ready")
    await page.run("navigator.serviceWorker.register('/nudge-sw.js')")
    await page.run("navigator.serviceWorker.ready.then(() => null)")
    browser = lane.stage.lab.subscribe()
    visitor = await lane.stage.page()
    assert (await visitor.subscribe(browser)).status == 200
    tokens = lane.stage.settings.interaction_tokens()

    def payload(job_id: str, title: str) -> str:
        actions = [{"action": "later", "title": "Later", "url": f"{shop.origin}/"}]
        return json.dumps({
            "title": title, "body": "One vase.", "url": f"{shop.origin}/cart", "tag": "cart",
            "scenario": "cart_abandoned", "job_id": job_id, "locale": "en", "actions": actions,
            "token": tokens.make(job_id, browser.subscription_id),
            "subscription_id": browser.subscription_id,
        })  # fmt: skip

    owner = lane.stage.settings.redis_key("subscriptions", "owner", browser.subscription_id)
    async with delivering(lane.stage):
        # As before any real push: delivery knows whose browser it is.
        await eventually(lambda: redis.exists(owner), 30)
        await page.push(payload("job-1", "Your cart is waiting"))
        shown = await lane.desktop.sees("Your cart is waiting")
        assert "One vase." in shown.body
        assert "Later" in shown.actions
        await page.push(payload("job-2", "Still waiting"))
        newer = await lane.desktop.sees("Still waiting")
        await eventually(lambda: len(lane.desktop.on_screen) == 1)
        lane.desktop.click(newer)

        async def opened() -> bool:
            return f"{shop.origin}/cart" in await page.tabs()

        await eventually(opened, 30)

        async def told() -> bool:
            records = [r.json() for r in await lane.stage.read(INTERACTIONS)]
            assert sorted((r["job_id"], r["type"]) for r in records) == [
                ("job-1", "displayed"), ("job-2", "clicked"), ("job-2", "displayed"),
            ]  # fmt: skip
            return True

        await eventually(told, 30, every_s=0.5)


async def test_a_push_that_nobody_can_read_still_shows_something(lane: Lane) -> None:
    await lane.chromium.visit(f"{lane.shop.origin}/")
    await lane.chromium.run("ready")
    await lane.chromium.run("navigator.serviceWorker.register('/nudge-sw.js')")
    await lane.chromium.run("navigator.serviceWorker.ready.then(() => null)")
    await lane.chromium.push("no JSON at all")
    await lane.desktop.sees("127.0.0.1")
