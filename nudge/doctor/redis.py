"""Redis: there, new enough, and told to forget nothing."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from nudge.doctor.finding import Finding, fail, ok, warn
from runtime.settings import RedisSettings, without_password

_DEADLINE_S = 3.0
_OLDEST = (6, 0)
_SAVES = ("rdb_last_bgsave_status", "aof_last_write_status")
_NEARLY_FULL = 0.9


async def check_redis(settings: RedisSettings) -> AsyncIterator[Finding]:
    """Whether delivery can rely on it."""
    url = settings.redis_url.get_secret_value()
    where = without_password(url)
    client = Redis.from_url(
        url,
        socket_connect_timeout=_DEADLINE_S,
        socket_timeout=_DEADLINE_S,
        retry=Retry(NoBackoff(), 0),
        **settings.redis_options(),
    )
    try:
        facts = await client.info()
    except (RedisError, OSError, TimeoutError) as error:
        yield fail(
            "redis",
            f"Redis does not serve at {where}: {error}. No push is sent without it.",
            "Start it, or set NUDGE_REDIS_URL (redis://…, rediss://… for TLS).",
        )
        return
    finally:
        await client.aclose()
    for finding in judge_redis(where, facts):
        yield finding


def judge_redis(where: str, facts: Mapping[str, Any]) -> list[Finding]:
    """What the server's answer to INFO means for delivery."""
    version = str(facts.get("redis_version", "0"))
    found = [*_whether_it_writes(facts), *_whether_it_keeps(facts)]
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        found.append(warn("redis", f"Redis {version} is older than 6.0.", "Use a newer one."))
    return [*found, ok("redis", f"Redis {version} answers at {where}.")]


def _whether_it_writes(facts: Mapping[str, Any]) -> Iterator[Finding]:
    if facts.get("role") == "slave":
        yield fail("redis", "This Redis is a replica: it takes no writes, so nothing is sent.",
                   "Set NUDGE_REDIS_URL to the primary.")  # fmt: skip
    if facts.get("cluster_enabled"):
        yield fail("redis", "This Redis is a cluster; delivery's steps need all keys on one"
                   " server.", "Use one Redis with cluster-enabled no.")  # fmt: skip
    failed = [name for name in _SAVES if facts.get(name, "ok") != "ok"]
    if failed:
        yield fail("redis", f"Redis could not write its file ({', '.join(failed)}): it takes no"
                   " writes while that lasts.", "Look into its log: a full disk, rights, or no"
                   " memory for the fork (vm.overcommit_memory = 1).")  # fmt: skip
    limit, used = int(facts.get("maxmemory", 0)), int(facts.get("used_memory", 0))
    if limit and used > limit * _NEARLY_FULL:
        report = fail if used >= limit else warn
        yield report("redis", f"{used / limit:.0%} of maxmemory is used; when it is full, nothing"
                     " is sent.", "Raise maxmemory, or give it a machine with more.")  # fmt: skip


def _whether_it_keeps(facts: Mapping[str, Any]) -> Iterator[Finding]:
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and facts.get("maxmemory"):
        yield fail(
            "redis",
            f"maxmemory-policy is {policy}: Redis would throw away which pushes were sent.",
            "CONFIG SET maxmemory-policy noeviction (and in redis.conf).",
        )
    if not facts.get("aof_enabled", 1):
        yield warn(
            "redis",
            "Redis keeps no file of every write (AOF): a restart loses inboxes, and delivery waits"
            " until it has read all subscriptions and results again.",
            "CONFIG SET appendonly yes (and in redis.conf).",
        )
