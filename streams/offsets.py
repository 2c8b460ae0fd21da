"""Where the partitions of a new generation go on, held against what the inputs hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition

from runtime.deployment import admin_client
from runtime.settings import KafkaSettings
from streams.consumers import plain_consumer
from streams.guard import check_offset, check_state


@dataclass(frozen=True, slots=True)
class Positions:
    """The next offset to read by partition of a topic.

    ``to_restore``: those that the group has forgotten (Kafka drops the offsets of a group that
    was empty for ``offsets.retention.minutes``) or has set back, and the state still knows.
    """

    start: Mapping[TopicPartition, int]
    to_restore: Mapping[TopicPartition, int]


async def read_positions(
    settings: KafkaSettings,
    group: str,
    partitions: Iterable[TopicPartition],
    stored: Mapping[TopicPartition, int],
    *,
    accept_lost: bool,
) -> Positions:
    """
    Args:
        stored: the next offset as the partitions' own state has it.

    Raises:
        RefusedError: an offset lies beyond an input's end, or before its beginning, or the state
            does not hold all that the group has committed.
        KafkaError: the cluster cannot be reached.
    """
    wanted = list(partitions)
    async with admin_client(settings) as admin:
        answered = await admin.list_consumer_group_offsets(group, partitions=wanted)
    async with plain_consumer(settings, "read_uncommitted") as consumer:
        beginnings = await consumer.beginning_offsets(wanted)
        ends = await consumer.end_offsets(wanted)
    start: dict[TopicPartition, int] = {}
    to_restore: dict[TopicPartition, int] = {}
    for tp in wanted:
        begins = beginnings[tp]
        committed = answered[tp].offset if tp in answered else -1
        reached = max(committed, stored.get(tp, -1))
        if tp in stored:
            check_state(tp, max(stored[tp], begins), committed)
        if reached >= 0:
            check_offset(tp, reached, begins, ends[tp], accept_lost=accept_lost)
        start[tp] = max(reached, begins)
        if reached >= 0 and start[tp] > max(committed, 0):
            to_restore[tp] = start[tp]
    return Positions(start, to_restore)
