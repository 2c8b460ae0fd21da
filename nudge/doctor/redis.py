"""Redis: there, new enough, and told to forget nothing."""

from collections.abc import AsyncIterator

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from nudge.doctor.finding import Finding, fail, ok, warn
from runtime.settings import RedisSettings

_DEADLINE_S = 3.0
_OLDEST = (6, 0)


async def check_redis(settings: RedisSettings) -> AsyncIterator[Finding]:
    """Whether delivery can rely on it."""
    url = settings.redis_url.get_secret_value()
    where = url.rpartition("@")[2].removeprefix("redis://").removeprefix("rediss://")
    client = Redis.from_url(
        url,
        socket_connect_timeout=_DEADLINE_S,
        socket_timeout=_DEADLINE_S,
        retry=Retry(NoBackoff(), 0),
        **settings.redis_options(),
    )
    try:
        facts = await client.info()
        policy = (await client.config_get("maxmemory-policy")).get("maxmemory-policy", "")
    except (RedisError, OSError, TimeoutError) as error:
        yield fail(
            "redis",
            f"Redis does not serve at {where}: {error}. No push is sent without it.",
            "Start it, or set NUDGE_REDIS_URL (redis://…, rediss://… for TLS).",
        )
        return
    finally:
        await client.aclose()
    for finding in judge_redis(where, facts, str(policy)):
        yield finding


def judge_redis(where: str, facts: dict[str, object], policy: str) -> list[Finding]:
    """What the server's own answers mean for delivery."""
    version = str(facts.get("redis_version", "0"))
    found = []
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        found.append(warn("redis", f"Redis {version} is older than 6.0.", "Use a newer one."))
    if policy not in ("", "noeviction") and facts.get("maxmemory"):
        found.append(
            fail(
                "redis",
                f"maxmemory-policy is {policy}: Redis would throw away which pushes were sent.",
                "CONFIG SET maxmemory-policy noeviction (and in redis.conf).",
            )
        )
    return [*found, ok("redis", f"Redis {version} serves at {where}.")]
