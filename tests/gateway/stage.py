"""A running gateway on a real Kafka and a real Redis, and those who call it."""

import asyncio
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Self

import aiohttp
import jwt
import orjson

from gateway.server import Gateway
from gateway.settings import GatewaySettings
from nudge.pushlab import Browser, PushLab
from runtime.settings import KafkaSettings
from runtime.vapid import VapidKey, create_key
from schemas.topics import Topic
from tests.harness.records import Read, read_to_end
from tests.harness.waiting import eventually

ORIGIN = "https://shop.example"
PAGE_KEY = "page-key-for-tests"
SERVER_KEY = "server-key-for-tests-that-is-long-enough"
SHOP_SECRET = "the shops own secret and long enough for HS256"
TOKEN_SECRET = "only for tests, and long enough for one"
_numbers = count(1)


def now_ms() -> int:
    return int(time.time() * 1000)


def identity(user: str, *, secret: str = SHOP_SECRET, **claims: Any) -> str:
    """What the shop's server signs for a user who is logged in."""
    now = int(time.time())
    usual = {"sub": user, "iat": now, "exp": now + 3600, "aud": "nudge"}
    return jwt.encode({**usual, **claims}, secret, algorithm="HS256")


def event(type_: str = "view_item", **fields: Any) -> dict[str, Any]:
    """A wire event; ``view_item`` of a tea where nothing else is said."""
    own = {"product_id": "tea-1"} if type_ == "view_item" else {}
    head = {"type": type_, "event_id": f"e-{next(_numbers)}", "occurred_at": now_ms()}
    return {**head, **own, **fields}


class Answer:
    """A response, read whole."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return orjson.loads(self.body)

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:500].decode(errors='replace')}"


class Page:
    """A browser on the shop's page: its visitor, and who is logged in there."""

    def __init__(self, stage: "Stage", anonymous_id: str, visitor: str) -> None:
        self.stage = stage
        self.anonymous_id = anonymous_id
        self.visitor = visitor
        self.identity: str | None = None

    async def send(self, *events: dict[str, Any], **more: Any) -> Answer:
        body = {**self.credentials(), "events": list(events), **more}
        return await self.stage.post("/v1/events", body)

    async def subscribe(self, browser: Browser, **more: Any) -> Answer:
        subscription = {"endpoint": browser.endpoint, "keys": browser.keys()}
        body = {**self.credentials(), "subscription": subscription, **more}
        return await self.stage.post("/v1/subscriptions", body)

    async def unsubscribe(self, subscription_id: str) -> Answer:
        headers = {"Authorization": f"Bearer {PAGE_KEY}", "X-Nudge-Visitor": self.visitor}
        if self.identity:
            headers["X-Nudge-Identity"] = self.identity
        return await self.stage.ask("DELETE", f"/v1/subscriptions/{subscription_id}", headers)

    def credentials(self) -> dict[str, Any]:
        logged_in = {"identity": self.identity} if self.identity else {}
        return {"key": PAGE_KEY, "visitor": self.visitor, **logged_in}


class Stage:
    """One test's gateway. Use as an async context manager."""

    def __init__(self, kafka: KafkaSettings, redis_url: str, keys: Path, **overrides: Any) -> None:
        self.kafka = kafka
        self.keys = keys
        self.key: VapidKey = create_key(keys, another=True)
        self.lab = PushLab()
        self.values: dict[str, Any] = {
            "kafka_bootstrap": kafka.kafka_bootstrap,
            "namespace": kafka.namespace,
            "redis_url": redis_url,
            "vapid_keys": str(keys),
            "vapid_subject": "mailto:ops@shop.example",
            "token_secret": TOKEN_SECRET,
            "push_allow_loopback": True,
            "gateway_port": 0,
            "gateway_origins": ORIGIN,
            "gateway_public_keys": PAGE_KEY,
            "gateway_server_keys": SERVER_KEY,
            "gateway_identity_secrets": SHOP_SECRET,
            "gateway_burst": 10_000,
        } | overrides
        self.settings = GatewaySettings.model_validate(self.values)

    async def __aenter__(self) -> Self:
        await self.lab.start()
        self.gateway = Gateway(self.settings)
        self._running = asyncio.create_task(self.gateway.run(handle_signals=False))
        await eventually(lambda: self.gateway.port or self._running.done())
        if self._running.done():
            self._running.result()
        self.url = f"http://127.0.0.1:{self.gateway.port}"
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        self.gateway.stop()
        await self._running
        await self.lab.stop()

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        async with self.http.request(
            method, self.url + path, headers=headers, data=data
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """As a page posts: ``text/plain``, so that the browser does not ask first."""
        given = {"Content-Type": "text/plain", "Origin": ORIGIN} if headers is None else headers
        return await self.ask("POST", path, given, orjson.dumps(body))

    async def as_server(self, *events: dict[str, Any]) -> Answer:
        """As the shop's own server posts."""
        headers = {"Authorization": f"Bearer {SERVER_KEY}"}
        return await self.post("/v1/events", {"events": list(events)}, headers)

    async def page(self) -> Page:
        """A browser that comes for the first time."""
        answer = await self.post("/v1/visitors", {"key": PAGE_KEY})
        assert answer.status == 201, answer
        found = answer.json()
        return Page(self, found["anonymous_id"], found["visitor"])

    async def read(self, topic: Topic) -> list[Read]:
        """Everything in the topic."""
        return await read_to_end(self.kafka, topic)
