"""The topics themselves as a replay's input."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from nudge.problem import Problem
from nudge.reading import Span, read, spans
from nudge.replay.records import RANKS, Read, Together
from nudge.replay.replayer import Replayer
from runtime.deployment import read_deployment
from runtime.settings import KafkaSettings
from schemas.adapters import InvalidRecordError


@dataclass(frozen=True, slots=True)
class Stretch:
    """The offsets to be read, and how many records that is at most."""

    spans: dict[TopicPartition, Span]

    @property
    def records(self) -> int:
        return sum(span.end - span.start for span in self.spans.values())


async def stretch_since(
    consumer: AIOKafkaConsumer, settings: KafkaSettings, since: int | None
) -> Stretch:
    """All the topics hold from ``since`` (record time in ms) on; ``None``: everything.

    Raises:
        Problem: there are no topics.
    """
    deployment = await read_deployment(settings)
    if deployment is None:
        raise Problem(
            f"There are no topics under the prefix {settings.namespace!r}.",
            "Run `nudge topics create`, or set NUDGE_NAMESPACE.",
        )
    partitions = [
        TopicPartition(settings.topic(topic), number)
        for topic in RANKS
        for number in range(deployment.partitions)
    ]
    return Stretch(await spans(consumer, partitions, since))


async def feed_topics(
    replayer: Replayer, settings: KafkaSettings, consumer: AIOKafkaConsumer, stretch: Stretch
) -> AsyncIterator[Read]:
    """Tells the replayer what the topics hold, by (record time, rank, partition, offset)."""
    ranks = {settings.topic(topic): rank for topic, rank in RANKS.items()}
    done, together = Read(), Together(replayer)
    async for record in read(consumer, stretch.spans):
        done.records += 1
        try:
            together.add(ranks[record.topic], record)
        except InvalidRecordError as error:
            done.could_not(f"{record.topic}/{record.partition}", record.offset, error)
        if done.records % 5000 == 0:
            yield done
    together.tell()
    yield done
