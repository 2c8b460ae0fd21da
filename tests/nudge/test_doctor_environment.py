"""``nudge doctor`` on what this machine was told: settings, keys, and whether Redis will do."""

from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from nudge.doctor.environment import check_variables, known_variables
from nudge.doctor.finding import Level
from nudge.doctor.redis import judge_redis
from nudge.local import LocalRedis
from runtime.vapid import create_key
from tests.nudge.commands import ROOT, nudge
from tests.nudge.test_doctor import findings


@pytest.mark.parametrize(
    "wrong",
    [
        {"NUDGE_REDIS_URL": "foo"},
        {"NUDGE_REDIS_URL": "redis://:hunter2@localhost:abc/0"},
        {"NUDGE_KAFKA_BOOTSTRAP": "localhost:abc"},
        {"NUDGE_KAFKA_BOOTSTRAP": "localhost:9092,:9092"},
        {"NUDGE_KAFKA_SECURITY": "SSL", "NUDGE_KAFKA_CA_FILE": "/nowhere/ca.pem"},
        {"NUDGE_KAFKA_SECURITY": "SSL", "NUDGE_KAFKA_CA_FILE": __file__},
        {"NUDGE_REDIS_URL": "rediss://localhost", "NUDGE_REDIS_CA_FILE": "/nowhere/ca.pem"},
    ],
)
async def test_a_setting_that_nothing_can_be_reached_by_is_named(
    wrong: dict[str, Any], tmp_path: Path
) -> None:
    nowhere: dict[str, Any] = {"NUDGE_KAFKA_BOOTSTRAP": "127.0.0.1:1", "NUDGE_REDIS_URL": "redis://127.0.0.1:1",
               "NUDGE_VAPID_KEYS": str(tmp_path)} | wrong  # fmt: skip
    *_, name = wrong
    found = await findings(None, 1, **nowhere)
    failed = [one["said"] for one in found["settings"] if one["level"] == Level.FAIL]
    assert name in str(failed) or "no usable PEM" in str(failed)
    assert "hunter2" not in str(found)
    command = ("erase", "anna", "--yes") if "REDIS" in name else ("topics", "check")
    said = (await nudge(None, *command, **nowhere)).failed().err
    assert name in said or "no usable PEM" in said


async def test_a_key_that_others_may_read_is_a_failure(tmp_path: Path) -> None:
    create_key(tmp_path / "keys")
    (file,) = (tmp_path / "keys").glob("*.pem")
    file.chmod(0o640)
    found = await findings(
        None, 1, NUDGE_KAFKA_BOOTSTRAP="127.0.0.1:1", NUDGE_VAPID_KEYS=str(tmp_path / "keys")
    )
    assert f"chmod 600 {file}" in [finding["cure"] for finding in found["keys"]]


def test_every_variable_of_the_example_environment_is_known() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {
        line.lstrip("# ").partition("=")[0] for line in lines if "NUDGE_" in line and "=" in line
    }
    settings = {name for name in named if name.startswith("NUDGE_") and name.isupper()}
    assert settings
    levels = {finding.level for finding in check_variables(dict.fromkeys(settings, ".env"))}
    assert levels == {Level.OK}, settings - known_variables()


@pytest.mark.parametrize(
    ("facts", "levels"),
    [
        ({}, ["ok"]),
        ({"redis_version": "5.0.7"}, ["warn", "ok"]),
        ({"maxmemory": 100, "maxmemory_policy": "allkeys-lru"}, ["fail", "ok"]),
        ({"maxmemory": 0, "maxmemory_policy": "allkeys-lru"}, ["ok"]),
        ({"role": "slave"}, ["fail", "ok"]),
        ({"cluster_enabled": 1}, ["fail", "ok"]),
        ({"aof_enabled": 0}, ["warn", "ok"]),
        ({"rdb_last_bgsave_status": "err"}, ["fail", "ok"]),
        ({"aof_last_write_status": "err"}, ["fail", "ok"]),
        ({"maxmemory": 100, "used_memory": 89}, ["ok"]),
        ({"maxmemory": 100, "used_memory": 95}, ["warn", "ok"]),
        ({"maxmemory": 100, "used_memory": 100}, ["fail", "ok"]),
        ({"maxmemory": 0, "used_memory": 100}, ["ok"]),
    ],
)
def test_a_redis_that_forgets_or_takes_nothing_is_no_ledger(
    facts: dict[str, Any], levels: list[str]
) -> None:
    found = judge_redis("here", {"redis_version": "7.2.4"} | facts)
    assert [finding.level for finding in found] == levels


async def test_a_replica_without_a_file_is_called_so(own_redis: LocalRedis, tmp_path: Path) -> None:
    async def looked_at() -> list[tuple[str, str]]:
        found = await findings(
            None, 1,
            NUDGE_KAFKA_BOOTSTRAP="127.0.0.1:1",
            NUDGE_REDIS_URL=own_redis.url,
            NUDGE_VAPID_KEYS=str(tmp_path),
        )  # fmt: skip
        return [(one["level"], one["said"]) for one in found["redis"]]

    assert [level for level, _ in await looked_at()] == ["ok"]
    async with Redis.from_url(own_redis.url) as client:
        await client.config_set("appendonly", "no")
        await client.replicaof("127.0.0.1", "1")
    (replica, no_file, _) = await looked_at()
    assert (replica[0], "is a replica" in replica[1]) == ("fail", True)
    assert (no_file[0], "AOF" in no_file[1]) == ("warn", True)
