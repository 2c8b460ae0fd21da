"""What copies tell each other through Redis, and what becomes of it where Redis is lost."""

import asyncio

from redis.asyncio import Redis

from gateway.inbox import Inbox
from gateway.settings import GatewaySettings
from gateway.tabs import Change, News, Tab, Tabs
from nudge.local import LocalRedis
from tests.delivery.proxy import Wire
from tests.gateway.stage import TOKEN_SECRET
from tests.harness.waiting import eventually

CHANGE = Change(owner="ada", news=News.READ, job_ids=["j-1"])


async def test_a_copy_whose_redis_is_gone_without_a_word_ends_its_streams_and_asks_anew(
    own_redis: LocalRedis,
) -> None:
    settings = GatewaySettings(vapid_subject="mailto:x@shop.example", token_secret=TOKEN_SECRET)

    def tabs_of(redis: Redis) -> Tabs:
        return Tabs(redis, settings, Inbox(redis, settings, settings.interaction_tokens()))

    async with (
        Wire(own_redis.port) as wire,
        Redis.from_url(wire.url) as far,
        Redis.from_url(own_redis.url) as near,
    ):
        copy, other = tabs_of(far), tabs_of(near)
        listening = asyncio.create_task(copy.listen())

        async def told(tab: Tab) -> bool:
            await other.announce([CHANGE])
            try:
                return await tab.next(0.2) is not None
            except TimeoutError:
                return False

        try:
            before = copy.connect("ada")
            await eventually(lambda: told(before))
            wire.answers.clear()
            async with asyncio.timeout(20):
                while await before.next(20) is not None:
                    pass
            wire.answers.set()
            after = copy.connect("ada")
            await eventually(lambda: told(after))
        finally:
            listening.cancel()
            await asyncio.wait([listening])
