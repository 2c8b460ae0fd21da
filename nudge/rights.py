"""What the commands about a person's rights share: the way to Kafka and Redis, and words."""

from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.person.held import Held, gather
from nudge.kafka import kafka_settings, load
from nudge.terminal import Progress
from nudge.topics import describe
from runtime.settings import KafkaSettings, RedisSettings
from schemas.topics import Cleanup

_REDIS_DEADLINE_S = 5.0
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Ways:
    """Open ways to everything that holds something about people."""

    kafka: KafkaSettings
    names: RedisSettings
    redis: Redis


@asynccontextmanager
async def ways() -> AsyncIterator[Ways]:
    """
    Raises:
        Problem: a variable is wrong.
        RedisError: Redis does not answer.
    """
    kafka, names = kafka_settings(), load(RedisSettings)
    redis = Redis.from_url(
        names.redis_url.get_secret_value(),
        socket_timeout=_REDIS_DEADLINE_S,
        socket_connect_timeout=_REDIS_DEADLINE_S,
        retry=Retry(NoBackoff(), 0),
        **names.redis_options(),
    )
    async with redis:
        await redis.get(names.redis_key("nothing"))
        yield Ways(kafka, names, redis)


async def find(ways: Ways, user: str) -> Held:
    """Everything that is held about the user, with progress on standard error.

    Raises:
        TopicGoneError: a topic does not exist.
        KafkaError, RedisError: one of them does not serve.
    """
    with ExitStack() as stack:
        bars: list[Progress] = []

        def tell(done: int, total: int) -> None:
            if done == 0:
                # The user's own partitions first, then those of their browsers.
                bars.append(stack.enter_context(Progress("looking through", total)))
            bars[-1].at(done)

        return await gather(ways.kafka, ways.redis, ways.names, user, tell)


@dataclass(frozen=True, slots=True)
class Remains:
    """Records of the person on a topic that nothing but its retention empties.

    ``until``: when Kafka deletes the last of them, epoch ms; ``None``: never.
    """

    topic: str
    count: int
    until: int | None

    def words(self) -> str:
        when = "for ever: retention.ms is -1" if self.until is None else f"until {_day(self.until)}"
        return f"{self.topic}: {self.count}, {when}"


async def remains(kafka: KafkaSettings, held: Held) -> list[Remains]:
    """What erasure leaves on append-only topics, and for how long.

    Kafka deletes whole segments, each some time (``segment.ms``) after its last record at the
    latest, which is counted in.

    Raises:
        KafkaError: the cluster cannot be reached.
    """
    found = []
    for state in await describe(kafka):
        records = held.records.get(state.topic, [])
        if state.topic.cleanup is not Cleanup.DELETE or not records:
            continue
        kept = int(state.config.get("retention.ms", state.topic.retention_ms))
        rolled = int(state.config.get("segment.ms", 7 * _DAY_MS))
        newest = max(int(record.timestamp) for record in records)
        until = None if kept < 0 else newest + kept + rolled
        found.append(Remains(state.topic.name, len(records), until))
    return found


def in_words(parts: Iterable[tuple[int, str]]) -> str:
    """``3 subscriptions, 1 key``, without what there is none of."""
    said = [f"{count:,} {name}{'' if count == 1 else 's'}" for count, name in parts if count]
    return ", ".join(said) or "nothing"


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")
