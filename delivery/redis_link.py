"""The way to Redis: bounded in time, tried until it answers, and aware of restarts.

Nothing is sent without Redis, so there is no error to hand on: whoever asks waits, and readiness
says why.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from runtime.settings import RedisSettings

T = TypeVar("T")
log = structlog.get_logger(__name__)
_RUN_ID = re.compile(r"run_id:([0-9a-f]+)")
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class RedisRestartedError(RedisConnectionError):
    """This is another Redis than before, or the same one started anew: it may have forgotten."""


class RedisLink:
    """One Redis. ``call`` returns only with an answer.

    Args:
        timeout_s: an answer that takes longer counts as none.
    """

    def __init__(self, settings: RedisSettings, timeout_s: float) -> None:
        self.run_id = ""
        """Changes when Redis restarts or another takes its place; empty before the first answer,
        and where the server does not tell."""
        self.trouble: str | None = "no answer yet"
        """Why Redis does not serve; ``None`` while it does."""
        self._restart_listeners: list[Callable[[], None]] = []
        self._client: Redis = Redis.from_url(
            settings.redis_url.get_secret_value(),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._connected,
            **settings.redis_options(),
        )

    def on_restart(self, listener: Callable[[], None]) -> None:
        """Calls ``listener`` before anything is sent to a Redis that was started anew."""
        self._restart_listeners.append(listener)

    async def call(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """Runs ``command`` until it succeeds. It must be one that may run twice."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                answer = await command(self._client)
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                if self.trouble is not None:
                    log.info("redis_answers")
                    self.trouble = None
                return answer

    async def memory_warning(self) -> str | None:
        """What is wrong with how Redis drops keys; ``None`` when it drops none that we need."""
        info: dict[str, Any] = await self.call(_memory)
        policy = info.get("maxmemory_policy")
        if not info.get("maxmemory") or policy in (None, "noeviction"):
            return None
        return (
            f"Redis may evict keys (maxmemory-policy {policy}): a push could be sent twice."
            " Cure: CONFIG SET maxmemory-policy noeviction"
        )

    async def close(self) -> None:
        await self._client.aclose()

    def _failed(self, error: BaseException) -> None:
        if self.trouble is None or self.trouble == "no answer yet":
            log.warning("redis_does_not_answer", error=f"{type(error).__name__}: {error}")
        self.trouble = f"{type(error).__name__}: {error}"

    async def _connected(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        try:
            await connection.send_command("INFO", "server")
            info = await connection.read_response()
        except ResponseError:
            info = b""  # a server that hides it: only a missing epoch will tell of a flush
        text = info.decode(errors="replace") if isinstance(info, bytes) else str(info)
        match = _RUN_ID.search(text)
        run_id = match[1] if match else ""
        before, self.run_id = self.run_id, run_id
        if before and before != run_id:
            for listener in self._restart_listeners:
                listener()
            # What is about to be sent was built for the Redis before.
            raise RedisRestartedError("Redis was started anew")


async def _memory(client: Redis) -> dict[str, Any]:
    try:
        return dict(await client.info("memory"))
    except ResponseError:
        return {}
