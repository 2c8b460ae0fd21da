"""The services' own commands and health checks, run outside Docker as they run inside."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from nudge.local.places import free_ports
from tests.harness.clusters import fresh_namespace
from tests.harness.waiting import eventually

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
    "services"
]


@pytest.fixture(scope="module")
def environment(
    kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What a container gets, with this machine's addresses; topics, scenarios and keys are made."""
    home = tmp_path_factory.mktemp("container")
    environment = {
        **SERVICES["streams"]["environment"],
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(home),
        "NUDGE_KAFKA_BOOTSTRAP": kafka,
        "NUDGE_REDIS_URL": redis_url,
        "NUDGE_NAMESPACE": fresh_namespace("services"),
        "NUDGE_VAPID_KEYS": str(home / "keys"),
        "NUDGE_VAPID_SUBJECT": "mailto:push@shop.example",
        "NUDGE_TOKEN_SECRET": "x" * 40,
        "NUDGE_HEALTH_HOST": "127.0.0.1",
    }
    one_shot = SERVICES["topics"]
    command = [*one_shot["entrypoint"], *one_shot["command"]]
    shipped = str(ROOT / "processors/scenarios/default.yaml")
    inside = [
        part.replace("$$", "$").replace("/etc/nudge/scenarios.yaml", shipped) for part in command
    ]
    subprocess.run(inside, env=environment, cwd=home, check=True, capture_output=True)
    return environment


@contextmanager
def running(
    name: str, environment: dict[str, str]
) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A service's command as compose gives it, and the address of its ``/readyz``."""
    (port,) = free_ports(1)
    log = Path(environment["HOME"]) / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [BIN / "nudge", *SERVICES[name]["command"]],
            env={**environment, "NUDGE_HEALTH_PORT": str(port)},
            cwd=environment["HOME"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process, f"http://127.0.0.1:{port}/readyz"
        except BaseException:
            print(log.read_text()[-5000:])
            raise
        finally:
            process.kill()
            process.wait()


def healthcheck(url: str, environment: dict[str, str]) -> bool:
    """The image's own, asked at this address."""
    command = re.search(r"^    CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert command
    *ask, _ = json.loads(command[1])
    return not subprocess.run(
        [*ask, url], env=environment, cwd=ROOT, check=False, capture_output=True
    ).returncode


async def healthy(
    process: "subprocess.Popen[bytes]", url: str, environment: dict[str, str]
) -> None:
    await eventually(lambda: healthcheck(url, environment) or process.poll() is not None, 90.0)
    assert process.poll() is None, "it ended while starting"


async def drained(process: "subprocess.Popen[bytes]", name: str) -> None:
    """SIGTERM, as ``docker stop`` sends it."""
    process.send_signal(signal.SIGTERM)
    grace_s = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    await eventually(lambda: process.poll() is not None, grace_s, what="a clean end")
    assert process.returncode == 0


def smoke(environment: dict[str, str], url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", ROOT / "deploy/smoke.sh"],
        env={**environment, "RUN": "env", "HEALTH": url, "PATIENCE_S": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_streams_service_gets_healthy_passes_the_smoke_test_and_drains(
    environment: dict[str, str],
) -> None:
    with running("streams", environment) as (process, url):
        await healthy(process, url, environment)
        answer = await asyncio.to_thread(smoke, environment, url)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert '"not_subscribed"' in answer.stdout
        await drained(process, "streams")


async def test_the_delivery_service_gets_healthy_and_drains(environment: dict[str, str]) -> None:
    with running("delivery", environment) as (process, url):
        await healthy(process, url, environment)
        await drained(process, "delivery")


async def test_the_gateway_service_gets_healthy_and_drains(environment: dict[str, str]) -> None:
    ports = {"NUDGE_GATEWAY_PORT": str(free_ports(1)[0])}
    with running("gateway", {**environment, **ports}) as (process, url):
        await healthy(process, url, environment)
        await drained(process, "gateway")
