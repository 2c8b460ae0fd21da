"""What a newcomer does in the first hour, on the real pipeline, by the command line alone."""

import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nudge.pushlab import Browser, PushLab
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from runtime.vapid import load_keys
from schemas.examples import example
from schemas.partitioner import partition_of
from schemas.people import subscription_key
from schemas.topics import SHOP_EVENTS, SUBSCRIPTIONS
from tests.harness.clusters import PARTITIONS
from tests.harness.records import Sent, produce
from tests.harness.waiting import eventually
from tests.nudge.commands import ROOT, nudge
from tests.streams.workers import Workers, workers

QUICK = Path(__file__).with_name("quick.yaml")


class Shop:
    """A deployment that runs: worker, delivery, a push service, and one subscribed shopper each."""

    def __init__(self, settings: KafkaSettings, lab: PushLab, keys: Path) -> None:
        self.settings = settings
        self._lab = lab
        self._keys = keys

    async def subscribe(self, user: str) -> Browser:
        key = load_keys(self._keys).current
        browser = self._lab.subscribe(key.public_key)
        record = browser.subscription(user, now_ms(), key.key_id)
        name = subscription_key(user, browser.subscription_id)
        where = partition_of(user, PARTITIONS)
        await produce(self.settings, SUBSCRIPTIONS, [Sent(name, record, partition=where)])
        return browser

    async def say(self, *words: str) -> str:
        return (await nudge(self.settings, *words)).good().out

    async def decided(self, user: str) -> list[tuple[str, str]]:
        words = ("tap", "decisions", "--user", user, "--from-start", "--json")
        answer = (await nudge(self.settings, *words)).good()
        return [(raw["value"]["outcome"], raw["value"]["reason"]) for raw in answer.json_lines()]


@pytest.fixture
async def shop(cluster: KafkaSettings, redis_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    keys = tmp_path / "keys"
    (await nudge(None, "keys", "create", "--keys", str(keys))).good()
    (await nudge(cluster, "scenarios", "apply", str(QUICK))).good()
    async with PushLab() as lab:
        with workers(cluster) as running:
            _start(running, redis_url, keys)
            yield Shop(cluster, lab, keys)


def _start(running: Workers, redis_url: str, keys: Path) -> None:
    running.start((sys.executable, "-m", "nudge", "worker"))
    running.start(
        (sys.executable, "-m", "nudge", "deliver"),
        NUDGE_REDIS_URL=redis_url,
        NUDGE_VAPID_KEYS=str(keys),
        NUDGE_VAPID_SUBJECT="mailto:ops@shop.example",
        NUDGE_TOKEN_SECRET="only for tests, and long enough for one",
        NUDGE_PUSH_ALLOW_LOOPBACK="true",
    )


PRODUCT = (
    "product_published", "product_id=tea-1", "name=Sencha", "category=tea",
    "url=https://shop.example/t", "price=1990", "currency=PLN",
)  # fmt: skip
BOUGHT_AT_ONCE: tuple[dict[str, Any], ...] = (
    {"type": "add_to_cart", "product_id": "tea-1", "price": 1990, "currency": "PLN"},
    {"type": "purchase", "order_id": "A-1", "value": 1990, "currency": "PLN",
     "items": [{"product_id": "tea-1", "price": 1990}]},
)  # fmt: skip
CART = ("add_to_cart", "product_id=tea-1", "price=1990", "currency=PLN")


async def test_a_cart_left_becomes_a_push_and_one_bought_in_time_a_silence_with_its_reason(
    shop: Shop,
) -> None:
    annas = await shop.subscribe("anna")
    bertas = await shop.subscribe("berta")
    await shop.say("publish", *PRODUCT)
    await shop.say("publish", *CART, "--user", "anna")
    both = "".join(json.dumps({**event, "user_id": "berta"}) + "\n" for event in BOUGHT_AT_ONCE)
    (await nudge(shop.settings, "publish", "-", stdin=both)).good()

    await eventually(lambda: annas.messages, 60, what="a push to anna")
    assert "waiting for you" in str(annas.messages[0].payload["title"])

    async def explained() -> str:
        told = await shop.say("explain", "anna")
        assert "delivered" in told
        return told

    told = await eventually(explained, 30, every_s=0.5)
    words = ("put tea-1 in the cart", "cart_abandoned: sent", "waiting for you", "delivered")
    places = [told.index(word) for word in words]
    assert places == sorted(places)

    assert ("dropped", "purchased") in await shop.decided("berta")
    assert "dropped. The user bought. (purchased)" in await shop.say("explain", "berta")
    assert bertas.messages == []


async def test_the_readmes_first_scenario_thanks_for_an_answer(shop: Shop, tmp_path: Path) -> None:
    browser = await shop.subscribe("me")
    mine = tmp_path / "mine.yaml"
    mine.write_text(_with_the_readmes_parts((ROOT / "nudge" / "demo" / "demo.yaml").read_text()))
    await shop.say("scenarios", "apply", str(mine))
    await shop.say("publish", "survey_answer", "--user", "me", "survey=again", "answer=9")
    await eventually(lambda: browser.messages, 60, what="a push to me")
    assert browser.messages[0].payload["title"] == "Thank you for your answer"


def _with_the_readmes_parts(file: str) -> str:
    """The demo's file with each part where the README says."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (parts,) = re.findall(r"^```yaml\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    for key, part in re.findall(r"^(\w+:\n)((?: .*\n)+)", parts, flags=re.MULTILINE):
        assert file.count(f"\n{key}") == 1
        file = file.replace(f"\n{key}", f"\n{key}{part}")
    assert "answer_thanks" in file
    return file


async def test_a_trial_push_takes_the_real_way_and_waits_while_sending_is_paused(
    shop: Shop,
) -> None:
    browser = await shop.subscribe("anna")
    sent = (await nudge(shop.settings, "send-test", "anna", "--title", "Hello", "--json")).good()
    (result,) = [raw for raw in sent.json_lines() if raw["outcome"] == "delivered"]
    assert result["status"] == 201
    assert browser.messages[0].payload["title"] == "Hello"

    await shop.say("pause", "--reason", "a trial")
    held = (await nudge(shop.settings, "send-test", "anna", "--wait", "4s")).failed()
    assert "Sending is paused" in held.err
    assert "No final result within 4 s" in held.err
    assert len(browser.messages) == 1
    await shop.say("resume")
    await eventually(lambda: len(browser.messages) == 2, 30, what="the push that waited")

    stranger = (await nudge(shop.settings, "send-test", "nobody")).failed()
    assert "no subscription" in stranger.err


async def test_a_mis_keyed_event_is_buried_named_and_raised_again(shop: Shop) -> None:
    cart = example("add_to_cart") | {"occurred_at": now_ms()}
    await produce(shop.settings, SHOP_EVENTS, [Sent("somebody-else", cart)])

    async def buried() -> str:
        listed = await shop.say("dead-letters", "list")
        assert "wrong_key" in listed
        return listed

    assert "'somebody-else'" in await eventually(buried, 60, every_s=0.5)
    await shop.say("dead-letters", "replay", "--go")

    async def decided() -> bool:
        return bool(await shop.decided("anna"))

    await eventually(decided, 30, every_s=0.5, what="a decision on the event raised again")
    assert "No dead letters" in (await nudge(shop.settings, "dead-letters", "list")).good().err
