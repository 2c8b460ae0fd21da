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
from schemas.topics import INTERACTIONS, SUBSCRIPTIONS
from tests.browsers.desktop import Desktop
from tests.browsers.firefox import Firefox
from tests.browsers.push_service import FirefoxPushService
from tests.gateway.stage import PAGE_KEY, TOKEN_SECRET, now_ms
from tests.harness.records import read_to_end
from tests.harness.waiting import eventually


@dataclass(slots=True)
class Town:
    """Every process of Nudge, the demo shop in one of them, and a shopper."""

    kafka: KafkaSettings
    environment: dict[str, str]
    origin: str
    desktop: Desktop
    firefox: Firefox


async def _apply(settings: KafkaSettings, origin: str) -> None:
    text = files("nudge.demo").joinpath("demo.yaml").read_text(encoding="utf-8")
    text = text.replace("https://shop.example", origin)
    # Room for a page to load on a machine at work; no waiting where nothing is to happen.
    for demo, here in (
        ("wait: 20s", "wait: 8s"),
        ("settle: 8s", "settle: 15s"),
        ("gap: 10s", "gap: 1s"),
    ):
        assert demo in text
        text = text.replace(demo, here)
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
        origin = f"http://127.0.0.1:{serving}"
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
            "NUDGE_GATEWAY_ORIGINS": origin,
            "NUDGE_GATEWAY_PUBLIC_KEYS": PAGE_KEY,
            "NUDGE_GATEWAY_DEMO_SHOP": "true",
        }
        await _apply(cluster, origin)
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
        yield Town(cluster, environment, origin, desktop, firefox)


async def test_a_cart_left_behind_comes_back_as_a_push_and_a_click_leads_to_it(
    town: Town,
) -> None:
    page, shop = town.firefox, town.origin
    await page.permit(shop)
    await page.visit(f"{shop}/")
    await page.run("ready")
    await page.run("document.querySelector('#subscribe').click()")
    await eventually(lambda: page.run("nudge.reach().then((reach) => reach === 'subscribed')"), 30)

    await page.visit(f"{shop}/p/fjord-vase")
    await page.run("ready")
    await page.run("document.querySelector('[data-do=save]').click()")
    await page.run("document.querySelector('[data-do=add]').click()")
    await eventually(lambda: page.run(_SAYS.format("#moments", "The cart reminder")), 30)
    await page.run("nudge.flush()")
    await page.visit("about:blank")

    shown = await town.desktop.sees("Fjord vase is waiting for you", 90.0)
    assert shown.body == "Your cart holds 1 item for €49."
    town.desktop.click(shown)

    async def in_the_cart() -> bool:
        return any(tab.startswith(f"{shop}/cart") for tab in await page.tabs())

    await eventually(in_the_cart, 30)

    async def clicked() -> bool:
        records = await read_to_end(town.kafka, INTERACTIONS)
        return {record.json()["type"] for record in records} == {"displayed", "clicked"}

    await eventually(clicked, 30, every_s=0.5)

    await page.front()
    await _is_told_on_the_page_while_it_is_in_front(town)

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
    assert "on the page in front" in story


_SAYS = "document.querySelector('{}').textContent.includes('{}')"
_CHEAPER = "document.querySelector('[data-product=fjord-vase] [data-cheaper]').click()"
_CARD = "document.querySelector('nudge-message')?.shadowRoot.querySelector('h2').textContent ?? ''"


async def _is_told_on_the_page_while_it_is_in_front(town: Town) -> None:
    """The shop makes cheaper what was saved; its page says so itself, and nothing is pushed."""
    page, shop = town.firefox, town.origin
    await page.visit(f"{shop}/counter")
    await page.run("ready")
    await page.run(_CHEAPER)
    await eventually(lambda: page.run(_SAYS.format("#moments", "Price drop: Fjord vase")), 30)
    await page.visit(f"{shop}/")
    await eventually(lambda: page.run(f"({_CARD}) === 'Fjord vase is now €39'"), 30)
    assert [each.title for each in town.desktop.shown] == ["Fjord vase is waiting for you"]
    messages = await page.run("nudge.inbox.messages()")
    told = [(message["title"], message["channel"]) for message in messages]
    assert told == [("Fjord vase is now €39", "onsite"), ("Fjord vase is waiting for you", "push")]
    await page.visit(f"{shop}/inbox")
    await eventually(lambda: page.run(_SAYS.format("#inbox", "Mark all as read")), 30)
    await page.run("document.querySelector('#inbox button').click()")
    await eventually(lambda: page.run("document.querySelector('[data-count=unread]').hidden"), 30)
