"""The push service of the benchmarks: another process, and the browsers that subscribed at it."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from runtime.vapid import VapidKey
from schemas.people import Subscription, subscription_id_of

_START_S = 30.0


@dataclass(frozen=True, slots=True)
class Device:
    """A subscription at the push service."""

    user: str
    endpoint: str
    p256dh: str
    auth: str

    @property
    def subscription_id(self) -> str:
        return subscription_id_of(self.endpoint, self.p256dh, self.auth)

    def record(self, key: VapidKey, at: int) -> Subscription:
        """What stands of it in ``push.subscriptions``; ``at`` in ms."""
        return Subscription(
            subscription_id=self.subscription_id,
            user_id=self.user,
            endpoint=self.endpoint,
            p256dh=self.p256dh,
            auth=self.auth,
            created_at=at,
            last_seen_at=at,
            key_id=key.key_id,
        )


class PushService:
    """Asked and told over HTTP (``nudge.pushlab``)."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def subscribe(self, key: VapidKey, users: list[str]) -> list[Device]:
        """A browser for each user."""
        body = {"application_server_key": key.public_key, "count": len(users)}
        async with self._session.post("/api/subscriptions", json=body) as answer:
            made: list[dict[str, Any]] = await answer.json()
        return [
            Device(user, one["endpoint"], one["keys"]["p256dh"], one["keys"]["auth"])
            for user, one in zip(users, made, strict=True)
        ]

    async def accepted(self) -> int:
        """How many pushes it has taken."""
        async with self._session.get("/api/counts") as answer:
            return int((await answer.json())["accepted"])

    async def messages(self, after: int) -> list[dict[str, Any]]:
        """What it has taken past number ``after``: at most a thousand, waits 1 s for the first."""
        async with self._session.get(
            "/api/messages", params={"after": str(after), "wait": "1"}
        ) as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found


@asynccontextmanager
async def push_service(*, decrypt: bool = False) -> AsyncIterator[PushService]:
    """One in a process of its own, on this process's core. It checks headers and VAPID.

    Args:
        decrypt: whether it decrypts, too, and shows what it found.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nudge.pushlab", *([] if decrypt else ["--blind"]),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), _START_S)).decode()
        match = re.search(r"http://\S+", line)
        assert match, f"the push service said {line!r}"
        async with aiohttp.ClientSession(match[0]) as session:
            yield PushService(session)
    finally:
        process.terminate()
        await process.wait()
