"""The demo shop for everybody: by keyboard alone, read aloud, in the dark, on a phone."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from nudge.local.places import free_ports
from runtime.settings import KafkaSettings
from schemas.topics import SHOP_EVENTS
from tests.browsers.chromium import Chromium
from tests.browsers.desktop import Desktop
from tests.gateway.stage import Stage
from tests.gateway.test_demo_shop import PAGES, stock
from tests.harness.waiting import eventually
from tests.sdk.test_sdk import SDK, installed, needs_node

__all__ = ["installed"]
pytestmark = [needs_node, pytest.mark.timeout(300)]

TAB, ENTER, RIGHT, DOWN = ("Tab", 9), ("Enter", 13), ("ArrowRight", 39), ("ArrowDown", 40)
_AXE = """axe.run(document, {resultTypes: ["violations"]}).then(({violations}) =>
  violations.map(({id, nodes}) => [id, nodes.map(({target}) => target.join(" "))]))"""
_OUTLINED = """(() => {
  const here = document.activeElement
  const shown = here.type === "radio" ? here.closest("label") : here
  return getComputedStyle(shown).outlineStyle !== "none"
})()"""


@dataclass(slots=True)
class Visit:
    """Somebody in the demo shop, and what its topics say."""

    stage: Stage
    origin: str
    page: Chromium

    async def go(self, path: str) -> None:
        await self.page.visit(f"{self.origin}{path}")
        await self.page.run("ready")

    async def tab_to(self, selector: str) -> None:
        """Presses Tab until it is there; wherever it comes by, one can see where that is."""
        for _ in range(80):
            await self.page.press(*TAB)
            assert await self.page.run(_OUTLINED), await self.page.run(
                "document.activeElement.outerHTML"
            )
            if await self.page.run(f"document.activeElement.matches({json.dumps(selector)})"):
                return
        raise AssertionError(f"Tab never comes to {selector}")

    async def shows(self, selector: str, words: str) -> None:
        found = f"(document.querySelector({json.dumps(selector)})?.textContent ?? '')"
        await eventually(
            lambda: self.page.run(f"{found}.includes({json.dumps(words)})"), 30, what=words
        )


@pytest.fixture
async def visit(
    browsers: None, cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> AsyncIterator[Visit]:
    (tmp_path / "desk").mkdir()
    (port,) = free_ports(1)
    origin = f"http://127.0.0.1:{port}"
    shop = {"gateway_demo_shop": True, "gateway_port": port, "gateway_origins": origin}
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stage = await enter(Stage(cluster, redis_url, tmp_path / "keys", **shop))
        desktop = await enter(Desktop(tmp_path / "desk"))
        page = await enter(Chromium(tmp_path / "chromium", origin, desktop.environment))
        await page.look()
        yield Visit(stage, origin, page)


async def test_a_keyboard_is_enough_to_choose_save_buy_and_play_the_shop(visit: Visit) -> None:
    page = visit.page
    await stock(visit.stage, "fjord-vase", 4_900, clear=9, sea=2, amber=9)
    await visit.go("/p/fjord-vase")
    await page.press(*TAB)
    assert await page.run("document.activeElement.matches('.skip')")
    await page.press(*ENTER)
    await visit.tab_to("[name=variant]")
    await page.press(*RIGHT)
    await visit.shows("[data-stock]", "Only 2 left")
    assert (await page.run("document.querySelector('[data-picture]').src")).endswith(".sea.svg")
    await visit.tab_to("[data-do=add]")
    await page.press(*ENTER)
    await visit.shows("[data-done]", "In your cart.")
    await visit.tab_to("[data-do=save]")
    await page.press(*ENTER)
    await visit.shows("[data-do=save]", "Saved")

    await visit.go("/wishlist")
    await visit.shows("#wishlist", "Fjord vase")
    remove = "[aria-label='Remove Fjord vase']"
    await visit.tab_to(remove)
    await stock(visit.stage, "fjord-vase", 4_500, clear=9, sea=2, amber=9)
    await visit.shows("#wishlist", "€45.00")
    assert await page.run(f'document.activeElement.matches("{remove}")')
    await page.press(*ENTER)
    await visit.shows("#wishlist", "Nothing saved yet.")
    assert await page.run("document.activeElement.id") == "main"

    await visit.go("/checkout")
    await visit.shows("#checkout", "Fjord vase (Sea)")
    await visit.tab_to("#checkout button.primary")
    await page.press(*ENTER)
    await visit.shows(".steps [aria-current=step]", "confirmed")
    order = (await page.run("location.pathname")).rpartition("/")[2]

    await visit.go("/counter")
    await visit.shows("#counter-orders", order)
    await visit.tab_to(f"[aria-label='State of order {order}']")
    for _ in range(2):
        await page.press(*DOWN)
    assert await page.run("document.activeElement.value") == "packed"
    await visit.tab_to("#counter-orders button")
    await page.press(*ENTER)
    await visit.shows("[data-done]", f"Order {order}: packed.")
    await visit.go(f"/orders/{order}")
    await visit.shows(".steps [aria-current=step]", "packed")
    told = [record.json() for record in await visit.stage.read(SHOP_EVENTS)]
    assert [each["status"] for each in told if each["type"] == "order_status"] == ["packed"]
    bought = next(each for each in told if each["type"] == "purchase")
    assert [item["variant_id"] for item in bought["items"]] == ["sea"]


@pytest.mark.usefixtures("installed")
async def test_it_can_be_read_by_everybody_on_every_page(visit: Visit) -> None:
    axe = (SDK / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    await visit.go("/p/fjord-vase")
    await visit.page.run("document.querySelector('[data-do=add]').click()")
    for dark, width in product((False, True), (1280, 390)):
        await visit.page.look(dark=dark, width=width)
        for path in PAGES:
            await visit.go(path)
            await visit.page.load(axe)
            assert await visit.page.run(_AXE) == [], (dark, width, path)
            heard = await visit.page.run("document.querySelector('#said').offsetParent !== null")
            assert heard, (dark, width, path)
            fits = await visit.page.run("document.documentElement.scrollWidth <= innerWidth")
            assert fits, (dark, width, path)
