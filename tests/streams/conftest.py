"""A cluster with the shipped scenario file in force, and workers on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import processors
from runtime.settings import KafkaSettings
from schemas.control import ScenarioVersion, version_key
from schemas.topics import SCENARIOS
from tests.harness.records import Sent, produce
from tests.streams.workers import Workers, workers

SHIPPED = Path(processors.__file__).parent / "scenarios" / "default.yaml"


async def apply_scenarios(settings: KafkaSettings, yaml: str | None = None) -> None:
    """Puts a scenario file in force from the beginning of time."""
    version = ScenarioVersion(
        type="version", version="v1", effective_at=0, yaml=yaml or SHIPPED.read_text()
    )
    await produce(settings, SCENARIOS, [Sent(version_key("v1"), version)])


@pytest.fixture
async def ruled(cluster: KafkaSettings) -> KafkaSettings:
    """``cluster`` with a scenario file in force."""
    await apply_scenarios(cluster)
    return cluster


@pytest.fixture
async def own_ruled(own_cluster: KafkaSettings) -> KafkaSettings:
    """``own_cluster`` with a scenario file in force."""
    await apply_scenarios(own_cluster)
    return own_cluster


@pytest.fixture
async def crew(ruled: KafkaSettings) -> AsyncIterator[Workers]:
    """Starts workers on ``ruled``."""
    with workers(ruled) as made:
        yield made


@pytest.fixture
async def own_crew(own_ruled: KafkaSettings) -> AsyncIterator[Workers]:
    """Starts workers on ``own_ruled``."""
    with workers(own_ruled) as made:
        yield made
