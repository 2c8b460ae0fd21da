"""The local Kafka and Redis: what they survive, and what they say when they cannot start."""

import asyncio
import sys
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError
from rich.console import Console

from nudge import topics
from nudge.local import LocalKafka, LocalRedis, LocalStack, LocalStackError, docker
from nudge.local import kafka_jars as jars
from nudge.local import redis as local_redis
from nudge.local.kafka import broker_properties, has_broker
from nudge.local.places import free_ports, fresh_directory, local_root
from runtime.deployment import read_cluster_id
from runtime.settings import KafkaSettings, RedisSettings
from schemas.topics import SHOP_EVENTS
from tests.harness.clusters import kafka_settings
from tests.harness.records import Sent, produce, read_to_end
from tests.harness.waiting import eventually


async def test_a_broker_that_was_killed_comes_back_with_every_event(
    own_kafka: LocalKafka, own_cluster: KafkaSettings
) -> None:
    await produce(own_cluster, SHOP_EVENTS, [Sent("ada", {"n": n}) for n in range(10)])
    bootstrap = own_kafka.bootstrap

    own_kafka.kill()
    assert not has_broker("127.0.0.1", own_kafka.port)
    own_kafka.start()

    assert own_kafka.bootstrap == bootstrap
    read = await read_to_end(own_cluster, SHOP_EVENTS)
    assert [record.json()["n"] for record in read] == list(range(10))


async def test_a_kept_data_directory_serves_the_next_start_on_other_ports(tmp_path: Path) -> None:
    with LocalKafka(data=tmp_path) as first:
        before = kafka_settings(first.bootstrap, "kept")
        await topics.create(before, partitions=1, replication=1)
        await produce(before, SHOP_EVENTS, [Sent("ada", {"n": 1})])

    with LocalKafka(data=tmp_path) as second:
        after = kafka_settings(second.bootstrap, "kept")
        read = await read_to_end(after, SHOP_EVENTS)

    assert after.kafka_bootstrap != before.kafka_bootstrap
    assert [record.key for record in read] == ["ada"]


async def test_a_storage_formatted_from_what_was_kept_is_a_cluster_of_its_own(
    own_kafka: LocalKafka, kafka: str
) -> None:
    kept = local_root() / f"kafka-{jars.KAFKA_VERSION}" / "bootstrap.checkpoint"
    assert own_kafka.in_docker or kept.is_file()
    ids = {await read_cluster_id(kafka_settings(each, "")) for each in (own_kafka.bootstrap, kafka)}
    assert len(ids) == 2


async def test_redis_keeps_what_was_written_over_a_kill_and_loses_it_by_a_flush(
    own_redis: LocalRedis,
) -> None:
    async def ledger() -> bytes | str | None:
        async with Redis.from_url(own_redis.url) as client:
            return await client.get("nudge:ledger")

    async with Redis.from_url(own_redis.url) as client:
        await client.set("nudge:ledger", "1")

    own_redis.restart()
    assert await ledger() == b"1"

    own_redis.kill()
    assert not own_redis.answers()
    own_redis.start()
    assert await ledger() == b"1"

    own_redis.flush()
    assert await ledger() is None


async def test_a_paused_redis_answers_nothing_until_it_is_resumed(own_redis: LocalRedis) -> None:
    own_redis.pause()
    async with Redis.from_url(own_redis.url, socket_timeout=0.3, retry=None) as client:
        with pytest.raises(RedisTimeoutError):
            await client.ping()
    own_redis.resume()
    async with Redis.from_url(own_redis.url) as client:
        assert await client.ping()


async def test_no_server_outlives_a_starter_that_was_killed(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c",
        "import sys, time; from pathlib import Path; from nudge.local import LocalRedis\n"
        "LocalRedis(data=Path(sys.argv[1]), port=int(sys.argv[2])).start(); time.sleep(600)",
        str(tmp_path), str(port),
    )  # fmt: skip
    url = f"redis://127.0.0.1:{port}/0"
    try:
        await eventually(lambda: local_redis.answers(url))
    finally:
        starter.kill()
        await starter.wait()

    await eventually(lambda: not local_redis.answers(url))


def test_the_stack_says_what_it_starts_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    with LocalStack(console=Console(file=sys.stdout, width=200)) as stack:
        said = capsys.readouterr().out
        assert f"Kafka is ready on {stack.bootstrap}" in said
        assert f"Redis is ready on {stack.redis_url}" in said
        assert stack.environment()["NUDGE_KAFKA_BOOTSTRAP"] == stack.kafka.bootstrap


def test_a_redis_named_in_the_settings_is_used_and_its_password_not_shown(
    own_redis: LocalRedis, capsys: pytest.CaptureFixture[str]
) -> None:
    given = RedisSettings.model_validate({"redis_url": own_redis.url.replace("//", "//me:sesame@")})

    stack = LocalStack(redis=given, console=Console(file=sys.stdout, width=200))

    assert stack.redis is None
    assert stack.redis_url == given.redis_url.get_secret_value()
    assert stack.redis_address == own_redis.url
    assert stack.environment()["NUDGE_NAMESPACE"] == "demo", "a shop's keys may lie there"


def test_what_a_broker_writes_is_quoted_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    stack = LocalStack(console=Console(file=sys.stdout, width=200))
    stack._say("no [/var/lib/kafka/data] in [kafka.jar:?]")
    assert "no [/var/lib/kafka/data] in [kafka.jar:?]" in capsys.readouterr().out


def test_what_others_put_beside_our_directories_is_left_alone() -> None:
    ours = fresh_directory("test")
    beside = ours.parent / "DS_Store"
    beside.touch()
    try:
        fresh_directory("test")
        assert beside.exists()
    finally:
        beside.unlink()


def test_a_redis_named_in_the_settings_that_is_away_is_an_error_with_its_cure() -> None:
    (port,) = free_ports(1)
    given = RedisSettings.model_validate({"redis_url": f"redis://127.0.0.1:{port}/0"})

    with pytest.raises(LocalStackError, match=r"no Redis answers there\. Start it, or unset"):
        LocalStack(redis=given).start()


def test_without_java_the_error_names_both_cures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(LocalStackError, match="Start Docker, or install Java 17"):
        LocalKafka(use_docker=False).start()


def test_a_java_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.22\" 2024-01-16' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LocalStackError, match=r"17 or newer, .*java is 11"):
        jars.java_command()


@pytest.mark.parametrize(
    ("banner", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ("no banner", None),
    ],
)
def test_java_versions_are_read_from_any_vendors_banner(banner: str, major: int | None) -> None:
    assert jars._major_version(banner) == major


def test_a_failed_fetch_of_the_jars_says_why_and_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho 'Could not transfer artifact'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(jars, "local_root", lambda: tmp_path)

    with pytest.raises(LocalStackError, match=r"(?s)Maven Central.*Could not transfer artifact"):
        jars.kafka_jars(lambda _: None)
    assert not (tmp_path / f"kafka-{jars.KAFKA_VERSION}").exists()


def test_without_redis_docker_or_root_the_error_names_the_cures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(docker, "docker_answers", lambda: False)

    with pytest.raises(LocalStackError, match="NUDGE_REDIS_URL"):
        LocalRedis().start()


def test_a_server_that_dies_at_start_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").write_text("not a directory")

    with pytest.raises(LocalStackError, match="Redis ended while starting"):
        LocalRedis(data=tmp_path).start()


def test_another_servers_port_is_not_mistaken_for_our_own(own_redis: LocalRedis) -> None:
    with pytest.raises(LocalStackError, match=f"port {own_redis.port} .* in use"):
        LocalRedis(port=own_redis.port).__enter__()


def test_the_container_gets_the_settings_that_the_jars_get() -> None:
    settings = broker_properties(20001, 20002, "/var/lib/kafka/data", listen="")

    command = docker.run_command(
        "apache/kafka:4.1.1", name="nudge-k", port=20001, container_port=20001,
        volume=("nudge-k", "/var/lib/kafka/data"), environment={"KAFKA_NODE_ID": "1"},
    )  # fmt: skip

    assert settings["listeners"].startswith("PLAINTEXT://:20001,")
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"
    assert command[:3] == ["docker", "run", "--rm"]
    assert "127.0.0.1:20001:20001" in command
    assert command[-1] == "apache/kafka:4.1.1"


def test_what_is_downloaded_lives_in_the_clone() -> None:
    assert local_root() == Path(__file__).parents[2] / ".local"
