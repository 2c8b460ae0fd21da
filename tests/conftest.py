"""Fixtures that every test may ask for: a real Kafka and a real Redis, started when first asked.

``kafka`` and ``redis_url`` are one for the whole run; ``cluster`` is a namespace on it with all
topics, one a test. ``own_kafka`` and ``own_redis`` belong to one test, which may break them.
"""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from nudge.local import LocalKafka, LocalRedis
from runtime.settings import KafkaSettings, RedisSettings
from tests.harness.clusters import fresh_cluster, fresh_namespace, redis_settings

for _name in [name for name in os.environ if name.startswith("NUDGE_")]:
    # A developer's settings must not reach the tests.
    del os.environ[_name]


WAITING_ROOMS = ("streams", "oracle", "delivery", "browsers", "gateway", "nudge")
"""Their tests wait for real parts: begun first, they leave no process idle at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        room = item.path.relative_to(item.config.rootpath).parts[1]
        return WAITING_ROOMS.index(room) if room in WAITING_ROOMS else len(WAITING_ROOMS)

    items.sort(key=place)


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """``host:port`` of the run's broker. Do not restart it: ask for ``own_kafka``."""
    with LocalKafka() as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The run's Redis. Do not flush it: ask for ``own_redis``."""
    with LocalRedis() as server:
        yield server.url


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    """A namespace that no other test of the run has."""
    return fresh_namespace(request.node.name)


@pytest.fixture
async def cluster(kafka: str, namespace: str) -> AsyncIterator[KafkaSettings]:
    """The run's broker with all topics of the registry for this test alone, P = 4."""
    async with fresh_cluster(kafka, namespace) as settings:
        yield settings


@pytest.fixture
def redis_config(redis_url: str, namespace: str) -> RedisSettings:
    """The run's Redis under this test's namespace: build keys with ``redis_key``."""
    return redis_settings(redis_url, namespace)


@pytest.fixture
async def redis(redis_config: RedisSettings) -> AsyncIterator[Redis]:
    """A client for ``redis_config``; answers are bytes."""
    async with Redis.from_url(redis_config.redis_url.get_secret_value()) as client:
        yield client


@pytest.fixture
def own_kafka() -> Iterator[LocalKafka]:
    """A broker for this test alone: ``restart()``, ``kill()`` then ``start()``, ``pause()``."""
    with LocalKafka() as broker:
        yield broker


@pytest.fixture
async def own_cluster(own_kafka: LocalKafka, namespace: str) -> AsyncIterator[KafkaSettings]:
    """All topics on ``own_kafka``. The test leaves the broker running."""
    async with fresh_cluster(own_kafka.bootstrap, namespace) as settings:
        yield settings


@pytest.fixture
def own_redis() -> Iterator[LocalRedis]:
    """A Redis for this test alone: ``flush()``, ``kill()`` then ``start()``, ``pause()``."""
    with LocalRedis() as server:
        yield server
