"""A gateway for each test, and browsers that visit it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.settings import KafkaSettings
from tests.gateway.stage import Stage


@pytest.fixture
async def stage(cluster: KafkaSettings, redis_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(cluster, redis_url, tmp_path / "keys") as stage:
        yield stage
