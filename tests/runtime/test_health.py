"""What ops and orchestrators ask a process."""

import asyncio
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from nudge.local.places import free_ports
from runtime.health import Check, HealthServer, Status
from runtime.metrics import Metric, counter
from runtime.probe import probe
from runtime.settings import ObservabilitySettings

_kafka = Status(True, "3 partitions")


async def _never() -> Status:
    await asyncio.Event().wait()
    return Status(True, "unreachable")


def _broken() -> Status:
    raise ConnectionError("redis is away")


async def _redis() -> Status:
    return Status(True, "pong")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


def server(checks: dict[str, Check]) -> tuple[HealthServer, str]:
    (port,) = free_ports(1)
    settings = ObservabilitySettings.model_validate({"health_port": port})
    return HealthServer(settings, checks), f"http://127.0.0.1:{port}"


async def test_a_process_is_ready_when_every_check_is(session: aiohttp.ClientSession) -> None:
    health, url = server({"kafka": lambda: _kafka, "redis": _redis})
    async with health, session.get(f"{url}/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {
            "ready": True,
            "checks": {
                "kafka": {"ok": True, "detail": "3 partitions"},
                "redis": {"ok": True, "detail": "pong"},
            },
        }


async def test_one_check_that_fails_or_hangs_is_named_and_the_process_stays_alive(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.health.CHECK_DEADLINE_S", 0.1)
    health, url = server({"kafka": lambda: _kafka, "redis": _broken, "disk": _never})
    async with health:
        async with session.get(f"{url}/readyz") as answer:
            assert answer.status == 503
            checks = (await answer.json())["checks"]
        async with session.get(f"{url}/healthz") as answer:
            assert answer.status == 200

    assert checks["kafka"]["ok"]
    assert checks["redis"] == {"ok": False, "detail": "ConnectionError: redis is away"}
    assert not checks["disk"]["ok"]
    assert "no answer" in checks["disk"]["detail"]


async def test_prometheus_reads_the_metrics(session: aiohttp.ClientSession) -> None:
    counter(Metric.EVENTS).labels(topic="shop.events").inc(7)
    health, url = server({"redis": _broken})
    async with health, session.get(f"{url}/metrics") as answer:
        text = await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain; version=")

    assert 'nudge_events_total{topic="shop.events"}' in text
    assert 'nudge_ready{check="redis"} 0.0' in text, "though nobody asks for /readyz"


async def test_without_a_port_nothing_is_served() -> None:
    async with HealthServer(ObservabilitySettings(), {}) as health:
        assert health._runner is None


async def test_the_probe_of_a_container_says_what_is_wrong() -> None:
    ready, ready_url = server({"kafka": lambda: _kafka})
    unready, unready_url = server({"redis": _broken})
    async with ready, unready:
        assert await asyncio.to_thread(probe, f"{ready_url}/readyz") is None
        assert "redis is away" in str(await asyncio.to_thread(probe, f"{unready_url}/readyz"))

        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "runtime.probe", f"{unready_url}/readyz",
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await process.communicate()

    assert process.returncode == 1
    assert b"503" in said
    assert "refused" in str(await asyncio.to_thread(probe, ready_url))
