"""How a partition begins where what is stored is not what it should be."""

import time

import pytest
from redis.asyncio import Redis

import delivery.side_reader
from delivery.epochs import Epochs
from delivery.redis_link import RedisLink
from nudge.local import LocalRedis
from runtime.metrics import REGISTRY, Metric
from schemas.push import ResultOutcome
from schemas.topics import RESULTS
from tests.delivery.stage import Stage
from tests.harness.clusters import PARTITIONS
from tests.harness.waiting import eventually


async def test_results_that_nobody_can_read_do_not_keep_the_ledger_from_being_rebuilt(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop = await stage.subscribe("ada")
    async with stage.worker():
        before = await stage.emit("ada", laptop)
        await stage.ends(before, ResultOutcome.DELIVERED)
        for strange in (b"garbage", None, b"{}", b"[]", b'{"job_id": "\xff"}'):
            await stage.send(RESULTS, "ada", strange)
        own_redis.flush()
        after = await stage.emit("ada", laptop)
        await stage.ends(after, ResultOutcome.DELIVERED)
    assert stage.posts(before) == stage.posts(after) == 1


async def test_a_redis_that_knows_other_topics_leaves_no_doubt_about_new_ones(
    own_stage: Stage, own_redis: LocalRedis
) -> None:
    stage = own_stage
    laptop = await stage.subscribe("ada")
    link = RedisLink(stage.settings(), 2.0)
    epochs = Epochs(link, stage.settings())
    for partition in range(PARTITIONS):
        assert await epochs.adopt(partition) is None
        announced = await epochs.announce_rebuild(partition)
        assert await epochs.begin(partition, announced, doubt_until=2_000_000)
    await link.close()
    for _ in ("the first start", "another"):
        async with stage.worker():
            job = await stage.emit("ada", laptop)
            await stage.ends(job, ResultOutcome.DELIVERED)


async def test_a_worker_that_does_not_know_what_was_taken_back_says_that_it_is_not_ready(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = await stage.subscribe("ada")
    async with stage.worker() as worker:
        await stage.ends(await stage.emit("ada", laptop), ResultOutcome.DELIVERED)

        async def is_ready() -> bool:
            return (await worker.statuses())["kafka"].ok

        await eventually(is_ready)
        monkeypatch.setattr(delivery.side_reader, "FRESH_FOR_S", 0.0)
        status = (await worker.statuses())["kafka"]
        assert not status.ok
        assert "withdrawals of partitions [0, 1, 2, 3] are not known" in status.detail


async def test_the_epoch_that_is_shown_is_none_where_none_is_held(own_stage: Stage) -> None:
    began = time.time()
    async with own_stage.worker():
        laptop = await own_stage.subscribe("ada")
        await own_stage.ends(await own_stage.emit("ada", laptop), ResultOutcome.DELIVERED)
        shown = REGISTRY.get_sample_value(Metric.REDIS_EPOCH)
        assert shown is not None
        assert shown >= int(began)
    assert REGISTRY.get_sample_value(Metric.REDIS_EPOCH) == 0


async def test_a_redis_that_may_evict_is_warned_of(
    own_stage: Stage, own_redis: LocalRedis, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Redis.from_url(own_redis.url) as client:
        await client.config_set("maxmemory", "100mb")
        await client.config_set("maxmemory-policy", "allkeys-lru")
    said = ""

    def warned() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "maxmemory-policy noeviction" in said

    async with own_stage.worker():
        await eventually(warned)
