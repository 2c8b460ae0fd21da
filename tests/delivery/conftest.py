"""A stage for each test of delivery, and one with a Redis that may be broken."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nudge.local import LocalRedis
from runtime.settings import KafkaSettings
from tests.delivery.stage import Stage


@pytest.fixture
async def stage(cluster: KafkaSettings, redis_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(cluster, redis_url, tmp_path / "keys") as stage:
        yield stage


@pytest.fixture
async def own_stage(
    cluster: KafkaSettings, own_redis: LocalRedis, tmp_path: Path
) -> AsyncIterator[Stage]:
    """A stage on ``own_redis``: kill it, flush it, stop it."""
    async with Stage(cluster, own_redis.url, tmp_path / "keys") as stage:
        yield stage
