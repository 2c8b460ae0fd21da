"""The topics themselves as a replay's input."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from aiokafka import AIOKafkaConsumer, TopicPartition

from nudge.kafka import reader
from nudge.problem import Problem
from nudge.reading import Span, key_of, read, spans
from nudge.replay.reach import MARKS, Reach
from nudge.replay.records import RANKS, Read, Together, tell_as_it_stood
from nudge.replay.several import Listener
from nudge.terminal import Progress
from processors.inputs import SUBSCRIPTION_RANK
from runtime.deployment import read_deployment
from runtime.settings import KafkaSettings
from schemas.adapters import InvalidRecordError
from schemas.topics import SHOP_EVENTS, SUBSCRIPTIONS


@dataclass(frozen=True, slots=True)
class Stretch:
    """The offsets to be read, and how many records that is at most.

    ``begins`` (ms): what is older is how things stood then. ``only``: the users who are judged;
    ``None``: everybody.
    """

    spans: dict[TopicPartition, Span]
    begins: int = 0
    only: frozenset[str] | None = None

    @property
    def records(self) -> int:
        return sum(span.end - span.start for span in self.spans.values())


async def stretch_since(
    consumer: AIOKafkaConsumer, settings: KafkaSettings, since: int | None
) -> Stretch:
    """All the topics hold from ``since`` (record time in ms) on; ``None``: everything.

    Subscriptions are read from their beginning: who subscribed long ago is reachable still.

    Raises:
        Problem: there are no topics.
    """
    deployment = await read_deployment(settings)
    if deployment is None:
        raise Problem(
            f"There are no topics under the prefix {settings.namespace!r}.",
            "Run `nudge topics create`, or set NUDGE_NAMESPACE.",
        )
    found: dict[TopicPartition, Span] = {}
    for topic in RANKS:
        partitions = [
            TopicPartition(settings.topic(topic), number) for number in range(deployment.partitions)
        ]
        begins = None if topic is SUBSCRIPTIONS else since
        found |= await spans(consumer, partitions, begins)
    return Stretch(found, begins=since or 0)


async def with_reach(settings: KafkaSettings, stretch: Stretch) -> Stretch:
    """The same stretch, of which those alone are judged who have a browser in it."""
    events, browsers = settings.topic(SHOP_EVENTS), settings.topic(SUBSCRIPTIONS)
    looked_at = {tp: span for tp, span in stretch.spans.items() if tp.topic in (events, browsers)}
    reach, records = Reach(), Stretch(looked_at).records
    async with reader(settings) as consumer:
        with Progress("who has a browser", records) as progress:
            progress.at(0)
            done = 0
            async for record in read(consumer, looked_at):
                done += 1
                if record.topic == browsers:
                    reach.subscribed(key_of(record))
                elif record.value and any(mark in record.value for mark in MARKS):
                    reach.note(record.value)
                if done % 5000 == 0:
                    progress.at(done)
    return replace(stretch, only=reach.users())


async def feed_topics(
    listener: Listener, settings: KafkaSettings, consumer: AIOKafkaConsumer, stretch: Stretch
) -> AsyncIterator[Read]:
    """Tells the listener what the topics hold, by (record time, rank, partition, offset)."""
    ranks = {settings.topic(topic): rank for topic, rank in RANKS.items()}
    done, together = Read(), Together(listener)
    async for record in read(consumer, stretch.spans):
        done.records += 1
        rank, stood = ranks[record.topic], record.timestamp < stretch.begins
        try:
            if stood and rank == SUBSCRIPTION_RANK:
                tell_as_it_stood(listener, record, stretch.begins)
            else:
                done.oldest = done.oldest or record.timestamp
                together.add(rank, record)
        except InvalidRecordError as error:
            done.could_not(f"{record.topic}/{record.partition}", record.offset, error)
        if done.records % 5000 == 0:
            yield done
    together.tell()
    yield done
