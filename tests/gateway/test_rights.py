"""A person's rights: what is held about them, and to be forgotten, over a worker that runs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from delivery.ledger import Ledger
from delivery.redis_link import RedisLink
from delivery.subscriptions import SubscriptionStore
from gateway.person.footprint import Footprint
from gateway.person.held import gather, newest_rows
from gateway.person.reading import read
from processors.rows import decode
from runtime.settings import KafkaSettings, RedisSettings
from schemas.partitioner import partition_of
from schemas.people import Subscription
from schemas.topics import PROFILES_CHANGELOG, SHOP_EVENTS, SUBSCRIPTIONS
from tests.gateway.stage import PAGE_KEY, SERVER_KEY, Answer, Page, Stage, event, identity, now_ms
from tests.gateway.test_messages import decide, job
from tests.harness.clusters import PARTITIONS
from tests.harness.records import Sent, produce
from tests.harness.waiting import eventually
from tests.nudge.commands import nudge
from tests.streams.conftest import apply_scenarios
from tests.streams.test_real_core import REAL
from tests.streams.workers import Workers, workers

pytestmark = pytest.mark.timeout(300)

EXPORT, ERASURE = "/v1/rights/export", "/v1/rights/erasure"


@pytest.fixture
async def crew(cluster: KafkaSettings) -> AsyncIterator[Workers]:
    await apply_scenarios(cluster)
    with workers(cluster) as made:
        made.start(REAL)
        yield made


async def rows(stage: Stage, *ids: str) -> dict[str, Any]:
    found = newest_rows(await read(stage.kafka, ids, lambda _, __: None, (PROFILES_CHANGELOG,)))
    return {name: decode(row) for name, row in found.items()}


async def asks(stage: Stage, path: str, user: str | None, key: str = SERVER_KEY) -> Answer:
    headers = {"Authorization": f"Bearer {key}"}
    if user is not None:
        headers["X-Nudge-Identity"] = identity(user)
    return await stage.ask("POST", path, headers)


async def deliver_subscriptions(stage: Stage, names: RedisSettings, *ids: str) -> None:
    """What a delivery worker writes to Redis of their subscriptions, and of one push."""
    link = RedisLink(names, 5.0)
    found = (await read(stage.kafka, ids, lambda _, __: None, (SUBSCRIPTIONS,)))[SUBSCRIPTIONS]
    store = SubscriptionStore(link, names)
    await store.apply(0, found, None, 1)
    await Ledger(link, names, lambda _: None).remember([("j-1", "d" * 32)], 60_000)
    await link.close()


async def logs_in(page: Page, user: str) -> None:
    page.identity = identity(user)
    login = event("login", user_id=user, anonymous_id=page.anonymous_id)
    assert (await page.send(login)).status == 202


async def test_the_mark_of_a_click_is_theirs_though_its_job_is_forgotten(
    stage: Stage, redis: Redis, redis_config: RedisSettings
) -> None:
    page = await stage.page()
    page.identity = identity("ann")
    device = (await page.subscribe(stage.lab.subscribe())).json()["subscription_id"]
    await redis.set(redis_config.redis_key("subscriptions", "owner", device), "1 ann")
    report = {
        "type": "clicked", "job_id": "long-ago", "scenario": "s", "subscription_id": device,
        "token": stage.settings.interaction_tokens().make("long-ago", device),
        "occurred_at": now_ms(),
    }  # fmt: skip
    assert (await stage.post("/v1/interactions", report)).status == 202
    held = await gather(stage.kafka, redis, redis_config, "ann", lambda _, __: None)
    mark = redis_config.redis_key("gateway", "seen", f"long-ago\t{device}\tclicked")
    assert held.redis[mark] == "!"


async def test_the_claim_of_an_endpoint_is_theirs_though_its_topic_is_compacted(
    stage: Stage, redis: Redis, redis_config: RedisSettings
) -> None:
    browser, left = stage.lab.subscribe(), set()
    for user in ("ann", "bob"):
        page = await stage.page()
        page.identity = identity(user)
        assert (await page.subscribe(browser)).status == 200
        assert (await page.subscribe(stage.lab.subscribe())).status == 200
    footprint = Footprint(redis, redis_config)
    await footprint.delete(await footprint.find(["ann", page.anonymous_id], {}, []))
    async for key in redis.scan_iter(f"*{redis_config.namespace}*"):
        left.add(key.decode().partition(":endpoint:")[0])
        if b":endpoint:" in key:
            assert b" bob" in (await redis.get(key) or b"")
    assert not any("ann" in key for key in left)


def neighbour(user: str) -> str:
    """Somebody else of the same partition."""
    home = partition_of(user, PARTITIONS)
    return next(n for i in range(99) if partition_of(n := f"neighbour-{i}", PARTITIONS) == home)


async def test_a_user_is_told_everything_then_forgotten_and_nothing_brings_them_back(
    stage: Stage, crew: Workers, redis: Redis, redis_config: RedisSettings
) -> None:
    page, other, browser = await stage.page(), neighbour("ann"), stage.lab.subscribe()
    visitor = page.anonymous_id
    seen_before = event(anonymous_id=visitor)
    assert (await page.send(seen_before)).status == 202
    assert (await page.subscribe(browser)).status == 200
    await eventually(lambda: rows(stage, visitor), 60.0)
    await logs_in(page, "ann")
    went_on = await a_browser_that_went_on_by_itself(stage)
    browsers = sorted([visitor, went_on])
    cart = event("add_to_cart", product_id="lamp", price=4_999, currency="PLN")
    await stage.as_server(cart | {"user_id": "ann"}, cart | {"user_id": other, "event_id": "e-o"})
    await page.subscribe(browser)
    await eventually(lambda: knows_all(stage, browsers, other), 60.0)
    await decide(stage.kafka, job("ann", "j-1"), job(other, "j-2"))
    await eventually(lambda: redis.exists(redis_config.redis_key("gateway", "inbox", other)), 20.0)
    await deliver_subscriptions(stage, redis_config, "ann")

    assert (await asks(stage, EXPORT, "ann", PAGE_KEY)).status == 403
    assert (await asks(stage, EXPORT, None)).status == 401
    answer = await asks(stage, EXPORT, "ann")
    assert answer.status == 200, answer
    told = answer.json()
    assert told["anonymous_ids"] == browsers
    assert told["profile"]["cart"][0]["product_id"] == "lamp"
    events = {record["value"]["event_id"] for record in told["records"]["shop.events"]}
    assert {seen_before["event_id"], cart["event_id"]} <= events
    assert "e-o" not in events
    assert [s["endpoint"] for s in told["subscriptions"]] == [browser.endpoint]
    inbox = told["redis"][redis_config.redis_key("gateway", "inbox", "ann")]
    assert inbox["j-1"]["title"] == "About j-1"

    env: Any = {"NUDGE_REDIS_URL": redis_config.redis_url.get_secret_value()}
    plan = (await nudge(stage.kafka, "erase", "ann", "--dry-run", "--json", **env)).good().json()
    assert plan["profiles"] == sorted(["ann", *browsers])
    assert {"ledger", "inbox", "owner"} <= {
        key.split(":")[-2].split("\t")[0] for key in plan["redis"]
    }
    assert "shop.events" in {each["topic"] for each in plan["stays"]}
    refused = (await nudge(stage.kafka, "erase", "ann", **env)).failed(2)
    assert "Add --yes" in refused.err
    assert (await rows(stage, "ann"))["ann"].cart

    await subscribe_a_tablet(stage)
    done = (await nudge(stage.kafka, "erase", "ann", "--yes", "--json", **env)).good().json()
    assert (done["already"], done["anonymous_ids"]) == (False, browsers)
    assert done["subscriptions"] == len(plan["subscriptions"]) + 1 == 2, "whoever ended them"
    assert await redis.get(redis_config.redis_key("subscriptions", "count")) == b"0"
    await eventually(lambda: is_forgotten(stage, *browsers), 30.0)
    left = [key.decode() async for key in redis.scan_iter(f"*{redis_config.namespace}*")]
    assert not [key for key in left if "ann" in key or visitor in key or "j-1" in key]
    assert redis_config.redis_key("gateway", "inbox", other) in left
    assert await alive(stage, "ann", visitor) == []

    late = {"user_id": "ann", "occurred_at": done["erased_at"] - 1}
    await stage.as_server(event(**late), event(user_id=other, product_id="sentinel"))
    await eventually(lambda: has_seen(stage, other, "sentinel"), 30.0)
    await eventually(lambda: is_forgotten(stage, *browsers), 30.0)

    before = done["erased_at"] - 1
    await decide(stage.kafka, job("ann", "j-3", created_at=before), job(other, "j-4"))
    inboxes = [redis_config.redis_key("gateway", "inbox", user) for user in ("ann", other)]
    await eventually(lambda: redis.hexists(inboxes[1], "j-4"), 20.0)
    assert not await redis.exists(inboxes[0]), "a copy that was behind has filled it again"

    again = await asks(stage, ERASURE, "ann")
    assert again.status == 200, again
    assert again.json()["already"] is True
    assert again.json()["erased_at"] == done["erased_at"]


async def a_browser_that_went_on_by_itself(stage: Stage) -> str:
    """Ann logged in there, and out again; what was looked at since is of whoever sits there."""
    page = await stage.page()
    name = page.anonymous_id
    assert (await page.send(event(anonymous_id=name))).status == 202
    await logs_in(page, "ann")
    await eventually(lambda: moved(stage, name, "ann"), 60.0)
    await stage.as_server(event("logout", user_id="ann", anonymous_id=name))
    await eventually(lambda: moved(stage, name, None), 60.0)
    page.identity = None
    assert (await page.send(event(anonymous_id=name, product_id="by-itself"))).status == 202
    await eventually(lambda: has_seen(stage, name, "by-itself"), 30.0)
    return name


async def subscribe_a_tablet(stage: Stage) -> None:
    """Known to Ann alone: no browser's own id goes with it, so that the worker ends it."""
    fields = {"subscription_id": "tablet", "user_id": "ann", "endpoint": "https://push.example/t",
              "p256dh": "p", "auth": "a", "created_at": 1, "last_seen_at": 1}  # fmt: skip
    tablet = Sent("ann/tablet", Subscription.model_validate(fields),
                  partition=partition_of("ann", PARTITIONS))  # fmt: skip
    await produce(stage.kafka, SUBSCRIPTIONS, [tablet])

    async def is_known() -> bool:
        return len((await rows(stage, "ann"))["ann"].devices) == 2

    await eventually(is_known, 30.0)


async def moved(stage: Stage, name: str, to: str | None) -> bool:
    row = (await rows(stage, name)).get(name)
    return row is not None and row.alias_to == to


async def knows_all(stage: Stage, browsers: list[str], other: str) -> bool:
    found = await rows(stage, "ann", other)
    ann = found.get("ann")
    if ann is None or other not in found:
        return False
    return sorted(ann.aliases) == browsers and bool(ann.cart) and bool(ann.devices)


async def has_seen(stage: Stage, user: str, product: str) -> bool:
    return product in [i.product_id for i in (await rows(stage, user))[user].viewed]


async def is_forgotten(stage: Stage, *browsers: str) -> bool:
    for row in (await rows(stage, "ann", *browsers)).values():
        held = (row.cart, row.viewed, row.devices, row.aliases, row.orders, row.days, row.alias_to)
        assert not any(held)
    return True


async def alive(stage: Stage, *ids: str) -> list[str]:
    found = (await read(stage.kafka, ids, lambda _, __: None, (SUBSCRIPTIONS,)))[SUBSCRIPTIONS]
    newest = {record.key.decode(): record.value for record in found}
    return [key for key, value in newest.items() if value is not None]


async def test_without_a_worker_the_request_waits_in_kafka_and_says_so(stage: Stage) -> None:
    await stage.as_server(event(user_id="ann"))
    env: Any = {"NUDGE_REDIS_URL": stage.settings.redis_url.get_secret_value()}
    words = ("erase", "ann", "--yes", "--wait", "2s")
    answer = (await nudge(stage.kafka, *words, **env)).failed()
    assert "run this again to finish" in answer.err
    types = [record.json()["type"] for record in await stage.read(SHOP_EVENTS)]
    assert types == ["view_item", "erasure_requested"]


async def test_rights_are_asked_for_with_both_proofs_and_not_without_end(stage: Stage) -> None:
    now = now_ms() // 1000
    expired = identity("ann", iat=now - 7_200, exp=now - 10)
    headers = {"Authorization": f"Bearer {SERVER_KEY}", "X-Nudge-Identity": expired}
    for path in (EXPORT, ERASURE):
        answer = await stage.ask("POST", path, headers)
        assert (answer.status, answer.json()["code"]) == (401, "expired")
        assert (await asks(stage, path, "ann", PAGE_KEY)).status == 403
        assert (await asks(stage, path, None)).status == 401
        assert (await stage.ask("POST", path)).status == 401
    answers = [await asks(stage, EXPORT, "ann") for _ in range(6)]
    assert [answer.status for answer in answers].count(429) == 1
    assert answers[-1].headers["Retry-After"]
    assert (await asks(stage, EXPORT, "bob")).json()["profile"] is None
    assert await stage.read(SHOP_EVENTS) == []


async def test_an_export_never_overwrites_and_is_nobody_elses_to_read(
    stage: Stage, tmp_path: Path
) -> None:
    await stage.as_server(event(user_id="ann", occurred_at=now_ms()))
    env: Any = {"NUDGE_REDIS_URL": stage.settings.redis_url.get_secret_value()}
    out = tmp_path / "ann.json"
    (await nudge(stage.kafka, "export", "ann", "--out", str(out), **env)).good()
    assert out.stat().st_mode & 0o777 == 0o600
    assert orjson.loads(out.read_bytes())["user_id"] == "ann"
    assert (
        "exists"
        in (await nudge(stage.kafka, "export", "ann", "--out", str(out), **env)).failed().err
    )
    assert "Nothing is held" in (await nudge(stage.kafka, "export", "nobody", **env)).failed().err
