"""Real browsers, on a shop with a gateway and a delivery worker behind it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.settings import KafkaSettings
from tests.browsers.desktop import Desktop
from tests.browsers.firefox import Firefox
from tests.browsers.installing import browsers_or_skip
from tests.browsers.push_service import FirefoxPushService
from tests.browsers.shop import ShopPages
from tests.gateway.stage import Stage


@pytest.fixture(scope="session")
def browsers(pytestconfig: pytest.Config) -> None:
    """Firefox, Chromium and what they need are installed."""
    browsers_or_skip(pytestconfig.get_terminal_writer().line)


@dataclass(slots=True)
class Street:
    """A shop, its gateway, and a shopper's Firefox on a desk."""

    shop: ShopPages
    stage: Stage
    desktop: Desktop
    push: FirefoxPushService
    firefox: Firefox

    async def subscribe(self) -> str:
        """The shopper says yes to the shop; answers the subscription's id."""
        await self.firefox.permit(self.shop.origin)
        await self.firefox.visit(f"{self.shop.origin}/")
        await self.firefox.run("ready")
        assert await self.firefox.run("nudge.subscribe()") == "subscribed"
        return await self.device()

    async def device(self) -> str:
        """The id of the page's subscription, as the gateway's hash makes it."""
        found: str = await self.firefox.run(_DEVICE)
        return found


_DEVICE = """(async () => {
  const worker = await navigator.serviceWorker.ready
  const { endpoint, keys } = (await worker.pushManager.getSubscription()).toJSON()
  const text = [endpoint, keys.p256dh, keys.auth].join("\\0")
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))
  return [...new Uint8Array(hash)].map((b) => b.toString(16).padStart(2, "0")).join("").slice(0, 32)
})()"""


@pytest.fixture
async def street(
    browsers: None, cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> AsyncIterator[Street]:
    home, desk = tmp_path / "firefox", tmp_path / "desk"
    home.mkdir()
    desk.mkdir()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        shop = await enter(ShopPages())
        origins = {"gateway_origins": shop.origin}
        stage = await enter(Stage(cluster, redis_url, tmp_path / "keys", **origins))
        shop.gateway = stage.url
        desktop = await enter(Desktop(desk))
        push = await enter(FirefoxPushService())
        firefox = await enter(Firefox(home, push.port, desktop.environment))
        yield Street(shop, stage, desktop, push, firefox)
