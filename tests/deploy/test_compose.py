"""What people with Docker run, checked where there is none."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from nudge.envfile import variables
from nudge.local import LocalKafka, LocalRedis
from runtime.metrics import Metric
from runtime.settings import KafkaSettings
from schemas.topics import REGISTRY
from tests.harness.clusters import fresh_namespace

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
OURS = ("topics", "streams", "delivery", "gateway")
"""The services that run our image."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.compose-spec", "docker-compose.yml"),
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
    ],
)
def test_the_file_is_what_its_schema_allows(schema: str, file: str) -> None:
    answer = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", schema, ROOT / file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_variable_is_one_that_settings_know(services: dict[str, dict[str, Any]]) -> None:
    known = set(variables())

    for name in OURS:
        assert set(services[name]["environment"]) <= known
    for file in ("docker-compose.yml", "Dockerfile", ".env.example", ".github/workflows/ci.yml"):
        named = set(re.findall(r"NUDGE_[A-Z0-9_]+", (ROOT / file).read_text()))
        assert named <= known, file


def test_workers_can_be_scaled(services: dict[str, dict[str, Any]]) -> None:
    for name in ("streams", "delivery"):
        assert "container_name" not in services[name]
        assert "ports" not in services[name]
        assert "NUDGE_GROUP_INSTANCE_ID" not in services[name]["environment"]


def test_what_must_outlive_a_container_has_a_volume(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    mounted = {
        volume.split(":")[0]: name
        for name, service in services.items()
        for volume in service.get("volumes", ())
        if not volume.startswith((".", "$"))
    }

    assert set(mounted) == set(compose["volumes"])
    assert mounted["kafka"] == "kafka"
    assert mounted["redis"] == "redis"
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            host = re.sub(r"^\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            assert not host.startswith(".") or (ROOT / host).exists(), f"{name}: {host}"


def test_nothing_is_open_to_the_network_and_everything_is_asked_for_its_health(
    services: dict[str, dict[str, Any]],
) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert "healthcheck" in service or (name in OURS and "HEALTHCHECK" in dockerfile)
    assert re.search(r"^USER [1-9]\d*", dockerfile, re.MULTILINE)


def test_the_image_gets_every_package_and_nothing_else() -> None:
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    pyproject = (ROOT / "pyproject.toml").read_text()
    packages = re.search(r"^packages = \[(.*)\]$", pyproject, re.MULTILINE)
    assert packages
    assert kept == {
        *json.loads(f"[{packages[1]}]"),
        "constraints.txt", "hatch_build.py", "pyproject.toml", "README.md",
    }  # fmt: skip


def test_the_versions_are_the_ones_that_are_tested() -> None:
    compose, dockerfile = (ROOT / "docker-compose.yml").read_text(), ROOT / "Dockerfile"
    pom = (ROOT / "nudge/local/kafka-pom.xml").read_text()
    kafka = re.search(r"apache/kafka:([\d.]+)", compose)
    uv = re.search(r"uv==([\d.]+)", dockerfile.read_text())
    assert kafka
    assert uv
    assert f"<version>{kafka[1]}</version>" in pom
    assert f"UV_VERSION := {uv[1]}\n" in (ROOT / "Makefile").read_text()


def test_the_dashboard_shows_only_metrics_that_exist() -> None:
    dashboard = (ROOT / "deploy/grafana/dashboards/nudge.json").read_text()
    json.loads(dashboard)

    shown = {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"nudge_\w+", dashboard)
    }

    assert shown <= set(Metric)
    assert {Metric.DECISIONS, Metric.LAG, Metric.SENDS, Metric.CLOCK_DELAY_SECONDS} <= shown


def test_the_healthchecks_of_kafka_and_redis_answer(
    services: dict[str, dict[str, Any]], own_kafka: LocalKafka, own_redis: LocalRedis
) -> None:
    command = services["kafka"]["healthcheck"]["test"][1:]
    kafka = [part.replace("19092", str(own_kafka.port)) for part in command]
    ask, *ping = services["redis"]["healthcheck"]["test"][1:]
    redis = [ask, "-p", str(own_redis.port), *ping]

    assert subprocess.run(kafka, check=False).returncode == 0
    assert subprocess.run(redis, check=False, capture_output=True).stdout == b"PONG\n"

    own_kafka.kill()
    assert subprocess.run(kafka, check=False, capture_output=True).returncode != 0


def test_the_one_shot_service_sets_up_topics_scenarios_and_keys_and_can_be_repeated(
    services: dict[str, dict[str, Any]], kafka: str, tmp_path: Path
) -> None:
    service = services["topics"]
    command = [*service["entrypoint"], *(line.replace("$$", "$") for line in service["command"])]
    shipped = str(ROOT / "processors/scenarios/default.yaml")
    namespace = fresh_namespace("compose")
    environment = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "NUDGE_KAFKA_BOOTSTRAP": kafka,
        "NUDGE_NAMESPACE": namespace,
        "NUDGE_VAPID_KEYS": str(tmp_path / "keys"),
    }
    inside = [part.replace("/etc/nudge/scenarios.yaml", shipped) for part in command]

    runs = [
        subprocess.run(
            inside, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        for _ in range(2)
    ]

    for run in runs:
        assert run.returncode == 0, shlex.join(inside) + run.stdout + run.stderr
    settings = KafkaSettings(namespace=namespace)
    assert all(settings.topic(topic) in runs[0].stdout for topic in REGISTRY)
    assert "created" not in runs[1].stdout
    assert len(list((tmp_path / "keys").glob("*.pem"))) == 1
