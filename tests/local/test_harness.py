"""The ground that every other test stands on."""

from redis.asyncio import Redis

from runtime.settings import KafkaSettings, RedisSettings
from schemas.partitioner import partition_of
from schemas.topics import DECISIONS, SHOP_EVENTS
from tests.harness.records import Sent, produce, producer, read_to_end
from tests.harness.waiting import eventually

MINUTE = 60_000


async def test_a_shoppers_events_stay_in_order_in_the_partition_of_her_key(
    cluster: KafkaSettings,
) -> None:
    at = 1_795_000_000_000
    sent = [Sent("ada", {"n": n}, at=at + n * MINUTE) for n in range(50)]
    await produce(cluster, SHOP_EVENTS, sent)

    read = await read_to_end(cluster, SHOP_EVENTS)

    assert [record.json()["n"] for record in read] == list(range(50))
    assert {record.partition for record in read} == {partition_of("ada", 4)}
    assert [record.at for record in read] == [at + n * MINUTE for n in range(50)]


async def test_an_analyst_never_sees_what_was_not_committed(cluster: KafkaSettings) -> None:
    topic = cluster.topic(DECISIONS)
    async with producer(cluster, transactional_id=cluster.group("t")) as client:
        async with client.transaction():
            await client.send_and_wait(topic, b"{}", key=b"kept")
        await client.begin_transaction()
        await client.send_and_wait(topic, b"{}", key=b"aborted")

        assert [r.key for r in await read_to_end(cluster, DECISIONS)] == ["kept"]

        await client.abort_transaction()

    async def committed() -> bool:
        return [r.key for r in await read_to_end(cluster, DECISIONS)] == ["kept"]

    await eventually(committed)
    everything = await read_to_end(cluster, DECISIONS, isolation="read_uncommitted")
    assert {record.key for record in everything} == {"kept", "aborted"}


async def test_redis_is_there_and_holds_nothing_of_a_test_before_it(
    redis: Redis, redis_config: RedisSettings
) -> None:
    assert await redis.ping()
    assert [key async for key in redis.scan_iter(redis_config.redis_key("*"))] == []
