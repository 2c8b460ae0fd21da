"""The pages that listen: which tabs are connected to this copy, and what reaches them.

Copies tell each other through one Redis channel what has changed for whom, by id. A copy that has
a tab of that user looks the message up and hands it on; nothing is kept here for tabs that come
later: those read the inbox.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from enum import StrEnum
from time import monotonic

import orjson
import structlog
from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.inbox import Inbox
from gateway.settings import GatewaySettings
from runtime.metrics import Metric, gauge

log = structlog.get_logger(__name__)
_QUEUE = 100
_POLL_S = 1.0
_RETRY_S = 1.0
_SILENCE_S = 5.0
"""Nothing was heard for so long, not even what was asked for: nobody is there any more."""


class News(StrEnum):
    """What a tab is told, and the name of the server-sent event."""

    MESSAGE = "message"
    GONE = "gone"
    READ = "read"


class Change(BaseModel):
    """What copies tell each other."""

    owner: str
    news: News
    job_ids: list[str]


class Tab:
    """One connected page. ``None`` in its queue ends it."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self._queue: asyncio.Queue[tuple[News, bytes] | None] = asyncio.Queue(_QUEUE)

    async def next(self, timeout_s: float) -> tuple[News, bytes] | None:
        """What comes next, as JSON.

        Raises:
            TimeoutError: nothing came.
        """
        async with asyncio.timeout(timeout_s):
            return await self._queue.get()

    def tell(self, news: News, content: bytes) -> None:
        try:
            self._queue.put_nowait((news, content))
        except asyncio.QueueFull:
            # It does not read: it will come again, and find what it missed in the inbox.
            self.end()

    def end(self) -> None:
        while self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)


class Tabs:
    """This copy's tabs.

    Args:
        redis: for telling others; another connection listens.
    """

    def __init__(self, redis: Redis, settings: GatewaySettings, inbox: Inbox) -> None:
        self._redis = redis
        self._settings = settings
        self._inbox = inbox
        self._channel = settings.redis_key("gateway", "news")
        self._tabs: dict[str, OrderedDict[Tab, None]] = {}
        self._count = 0
        self._closed = False
        self._gauge = gauge(Metric.GATEWAY_TABS)

    @property
    def closed(self) -> bool:
        """Whether this copy is about to stop."""
        return self._closed

    @property
    def has_room(self) -> bool:
        """Whether this copy takes another tab."""
        return not self._closed and self._count < self._settings.gateway_tabs

    def connect(self, owner: str) -> Tab:
        """A new tab of the user.

        Of more than a user may have, the oldest goes: it may be one that nobody sees any more.
        """
        own = self._tabs.setdefault(owner, OrderedDict())
        if len(own) >= self._settings.gateway_tabs_per_user:
            oldest = next(iter(own))
            oldest.end()
            self._forget(oldest)
        tab = Tab(owner)
        self._tabs.setdefault(owner, own)[tab] = None
        self._count += 1
        self._gauge.set(self._count)
        if self._closed:
            tab.end()
        return tab

    def disconnect(self, tab: Tab) -> None:
        self._forget(tab)

    def _forget(self, tab: Tab) -> None:
        own = self._tabs.get(tab.owner)
        if own is None or tab not in own:
            return
        del own[tab]
        if not own:
            del self._tabs[tab.owner]
        self._count -= 1
        self._gauge.set(self._count)

    def close(self) -> None:
        """Ends every tab's stream: the copy stops, or lost touch with the others."""
        self._closed = True
        self._end_all()

    def _end_all(self) -> None:
        for tab in [tab for own in self._tabs.values() for tab in own]:
            tab.end()

    async def announce(self, changes: list[Change]) -> None:
        """Tells every copy, this one included.

        Raises:
            RedisError: Redis does not answer.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            for change in changes:
                pipe.publish(self._channel, change.model_dump_json())
            await pipe.execute()

    async def listen(self) -> None:
        """Hands on what copies announce, for ever."""
        while True:
            with suppress(RedisError, OSError):
                await self._follow()
            # What was announced meanwhile is lost: tabs come again and read their inbox.
            log.warning("news_lost_touch", channel=self._channel)
            self._end_all()
            await asyncio.sleep(_RETRY_S)

    async def _follow(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(self._channel)
            heard_at = monotonic()
            while monotonic() - heard_at < _SILENCE_S:
                said = await channel.get_message(timeout=_POLL_S)
                if said is None:
                    # redis-py's own health check asks too, but does not wait for an answer.
                    await channel.ping()
                    continue
                heard_at = monotonic()
                if said["type"] == "message":
                    await self._hand_on(said["data"])

    async def _hand_on(self, raw: bytes) -> None:
        try:
            change = Change.model_validate_json(raw)
        except ValidationError:
            return  # another release's
        if change.owner not in self._tabs:
            return
        for content in await self._contents(change):
            for tab in list(self._tabs.get(change.owner, ())):
                tab.tell(change.news, content)

    async def _contents(self, change: Change) -> list[bytes]:
        if change.news is not News.MESSAGE:
            return [orjson.dumps({"job_ids": change.job_ids})]
        found = [await self._inbox.one(change.owner, number) for number in change.job_ids]
        return [m.model_dump_json(exclude_none=True).encode() for m in found if m is not None]
