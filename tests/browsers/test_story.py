"""The whole of Nudge and a real Firefox: from the shop's page back to the shop's page."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import aiohttp
import pytest

from nudge.controls import apply_version
from nudge.demo.processes import running
from nudge.local.places import free_ports
from processors.scenario_file import load
from runtime.settings import KafkaSettings
from runtime.vapid import create_key
from schemas.control import ScenarioVersion
from schemas.topics import INTERACTIONS, SHOP_CATALOG, SUBSCRIPTIONS
from tests.browsers.desktop import Desktop
from tests.browsers.firefox import Firefox
from tests.browsers.push_service import FirefoxPushService
from tests.browsers.shop import ShopPages
from tests.gateway.stage import PAGE_KEY, TOKEN_SECRET, now_ms
from tests.harness.records import Sent, produce, read_to_end
from tests.harness.waiting import eventually

PROMPT = "{title: 'Shall we tell you?', body: 'Twice a day at most.', accept: 'Yes', decline: 'No'}"
VASE = {
    "type": "product_published", "event_id": "c-1", "product_id": "vase", "name": "Vase",
    "category": "home", "url": "/product", "price": 12_900, "currency": "PLN", "quantity": 5,
}  # fmt: skip


@dataclass(slots=True)
class Town:
    """Every process of Nudge, a shop, and a shopper."""

    kafka: KafkaSettings
    environment: dict[str, str]
    shop: ShopPages
    desktop: Desktop
    firefox: Firefox


async def _apply(settings: KafkaSettings, origin: str) -> None:
    text = files("nudge.demo").joinpath("demo.yaml").read_text(encoding="utf-8")
    text = text.replace("https://shop.example", origin).replace("wait: 20s", "wait: 5s")
    version = ScenarioVersion(
        type="version", version=load(text, "demo.yaml").version, effective_at=now_ms(),
        applied_by="tests", yaml=text,
    )  # fmt: skip
    await apply_version(settings, version)


async def _ready(port: int) -> bool:
    with suppress(aiohttp.ClientError):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/readyz") as answer,
        ):
            return answer.status == 200
    return False


@pytest.fixture
async def town(
    browsers: None, cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> AsyncIterator[Town]:
    for name in ("firefox", "desk", "logs"):
        (tmp_path / name).mkdir()
    create_key(tmp_path / "keys")
    serving, *health = free_ports(4)
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(ShopPages())
        shop.gateway = f"http://127.0.0.1:{serving}"
        environment = {
            "NUDGE_KAFKA_BOOTSTRAP": cluster.kafka_bootstrap,
            "NUDGE_NAMESPACE": cluster.namespace,
            "NUDGE_REDIS_URL": redis_url,
            "NUDGE_VAPID_KEYS": str(tmp_path / "keys"),
            "NUDGE_VAPID_SUBJECT": "mailto:ops@shop.example",
            "NUDGE_TOKEN_SECRET": TOKEN_SECRET,
            "NUDGE_PUSH_ALLOW_LOOPBACK": "true",
            "NUDGE_GRACE_MS": "500",
            "NUDGE_HOLD_MS": "500",
            "NUDGE_GATEWAY_PORT": str(serving),
            "NUDGE_GATEWAY_ORIGINS": shop.origin,
            "NUDGE_GATEWAY_PUBLIC_KEYS": PAGE_KEY,
        }
        await _apply(cluster, shop.origin)
        commands = {
            name: {**environment, "NUDGE_HEALTH_PORT": str(port)}
            for name, port in zip(("worker", "deliver", "gateway"), health, strict=True)
        }
        processes = stack.enter_context(running(commands, tmp_path / "logs"))
        for port in health:
            await eventually(partial(_ready, port), 90.0, every_s=0.3)
        for process in processes:
            process.check()
        desktop = await stack.enter_async_context(Desktop(tmp_path / "desk"))
        push = await stack.enter_async_context(FirefoxPushService())
        firefox = await stack.enter_async_context(
            Firefox(tmp_path / "firefox", push.port, desktop.environment)
        )
        yield Town(cluster, environment, shop, desktop, firefox)


async def test_a_cart_left_behind_comes_back_as_a_push_and_a_click_leads_to_it(
    town: Town,
) -> None:
    vase = {**VASE, "occurred_at": now_ms()}
    await produce(town.kafka, SHOP_CATALOG, [Sent("vase", vase)])
    page = town.firefox
    await page.permit(town.shop.origin)
    await page.visit(f"{town.shop.origin}/product")
    await page.run("ready")

    await page.run(f"void (window.asked = nudge.prompt({PROMPT}))")
    await eventually(lambda: page.run("!!document.querySelector('nudge-prompt')"))
    await page.run(
        "document.querySelector('nudge-prompt').shadowRoot.querySelectorAll('button')[1].click()"
    )
    assert await page.run("window.asked") == "subscribed"

    await page.run("nudge.add_to_cart({product_id: 'vase', price: 12900, currency: 'PLN'})")
    await page.run("nudge.flush()")
    await page.visit("about:blank")

    shown = await town.desktop.sees("Vase is waiting for you", 90.0)
    assert shown.body.startswith("Your cart holds 1 item for PLN")
    town.desktop.click(shown)

    async def in_the_cart() -> bool:
        return any(tab.startswith(f"{town.shop.origin}/cart") for tab in await page.tabs())

    await eventually(in_the_cart, 30)

    async def clicked() -> bool:
        records = await read_to_end(town.kafka, INTERACTIONS)
        return {record.json()["type"] for record in records} == {"displayed", "clicked"}

    await eventually(clicked, 30, every_s=0.5)

    subscription, *_ = await read_to_end(town.kafka, SUBSCRIPTIONS)
    visitor = subscription.json()["user_id"]
    explain = partial(
        subprocess.run,
        [sys.executable, "-m", "nudge", "explain", visitor],
        env={"PATH": "/usr/bin:/bin", **town.environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    story = (await asyncio.to_thread(explain)).stdout
    assert "cart_abandoned" in story
    assert "clicked" in story
