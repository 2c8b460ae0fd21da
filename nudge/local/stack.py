"""Kafka and Redis together, for the demo."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from rich.console import Console

from nudge.local.errors import LocalStackError
from nudge.local.kafka import LocalKafka
from nudge.local.redis import LocalRedis, answers
from nudge.terminal import plain_lines
from runtime.settings import KafkaSettings, RedisSettings, without_password

_APART = "demo"


class LocalStack:
    """Starts both, says what it does, stops both.

    Args:
        data: a directory that keeps Kafka's log and Redis's file from one start to the next;
            ``None``: they are removed at the end.
        console: where progress goes; ``None``: nowhere.
        redis: settings; a Redis whose URL was set there on purpose is used instead of a new one.
    """

    def __init__(
        self,
        *,
        data: Path | None = None,
        console: Console | None = None,
        redis: RedisSettings | None = None,
    ) -> None:
        self._console = console
        interactive = console is not None and console.is_terminal and sys.stdin.isatty()
        self._own_url = _url_set_on_purpose(redis or RedisSettings())
        self.kafka = LocalKafka(data=data / "kafka" if data else None, brief=True, say=self._say)
        self.redis = (
            None
            if self._own_url
            else LocalRedis(
                data=data / "redis" if data else None, interactive=interactive, say=self._say
            )
        )

    @property
    def bootstrap(self) -> str:
        """Kafka's ``host:port``."""
        return self.kafka.bootstrap

    @property
    def redis_url(self) -> str:
        if self.redis is None:
            assert self._own_url
            return self._own_url
        return self.redis.url

    @property
    def namespace(self) -> str:
        """A Redis that was there before may hold a shop's keys: ours stand apart then."""
        return _APART if self._own_url else ""

    def kafka_settings(self, namespace: str = "") -> KafkaSettings:
        """Settings that reach this Kafka, whatever the environment says."""
        return KafkaSettings(
            kafka_bootstrap=self.bootstrap, kafka_security="PLAINTEXT", namespace=namespace
        )

    def redis_settings(self, namespace: str = "") -> RedisSettings:
        """Settings that reach this Redis, whatever the environment says."""
        return RedisSettings.model_validate({"redis_url": self.redis_url, "namespace": namespace})

    def environment(self) -> dict[str, str]:
        """``NUDGE_…`` variables for processes that shall use this stack."""
        return {
            "NUDGE_KAFKA_BOOTSTRAP": self.bootstrap,
            "NUDGE_KAFKA_SECURITY": "PLAINTEXT",
            "NUDGE_REDIS_URL": self.redis_url,
            "NUDGE_NAMESPACE": self.namespace,
        }

    def start(self) -> Self:
        """Redis, then Kafka; each is ready when this returns.

        Raises:
            LocalStackError: one of them cannot be started; the other is stopped again.
        """
        try:
            if self.redis is None:
                self._check_given_redis()
            else:
                with self._step("Redis is ready", lambda: self.redis_address):
                    self.redis.start()
            with self._step("Kafka is ready", lambda: self.bootstrap):
                self.kafka.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stops what :meth:`start` started."""
        self.kafka.stop()
        if self.redis is not None:
            self.redis.stop()

    @property
    def redis_address(self) -> str:
        """The URL without user and password, for people."""
        return without_password(self.redis_url)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _check_given_redis(self) -> None:
        assert self._own_url
        if not answers(self._own_url):
            raise LocalStackError(
                f"NUDGE_REDIS_URL says {self.redis_address}, and no Redis answers there."
                " Start it, or unset the variable to have one started here."
            )
        self._say(
            f"using the Redis of NUDGE_REDIS_URL, {self.redis_address}, in a namespace of its own"
            f" ({_APART})"
        )

    def _say(self, line: str) -> None:
        if self._console is not None:
            self._console.print(f"[dim]·[/dim] {plain_lines(line, '  ')}", highlight=False)

    @contextmanager
    def _step(self, done: str, where: Callable[[], str]) -> Iterator[None]:
        started = time.monotonic()
        yield
        if self._console is not None:
            took = time.monotonic() - started
            self._console.print(
                f"[green]✓[/green] {done} on {where()} ({took:.1f} s)", highlight=False
            )


def _url_set_on_purpose(redis: RedisSettings) -> str | None:
    return redis.redis_url.get_secret_value() if "redis_url" in redis.model_fields_set else None
