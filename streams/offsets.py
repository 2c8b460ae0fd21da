"""Where the partitions of a new generation go on, held against what the inputs hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from runtime.settings import KafkaSettings
from streams.guard import check_offset


@dataclass(frozen=True, slots=True)
class Positions:
    """The next offset to read by partition of a topic; ``None``: wherever the input begins.

    ``to_restore``: those that the group has forgotten (Kafka drops the offsets of a group that
    was empty for ``offsets.retention.minutes``) and the state still knows.
    """

    start: Mapping[TopicPartition, int | None]
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
        RefusedError: an offset lies beyond an input's end, or before its beginning.
        KafkaError: the cluster cannot be reached.
    """
    wanted = list(partitions)
    admin = AIOKafkaAdminClient(**settings.client_options())
    consumer = AIOKafkaConsumer(**settings.client_options())
    await admin.start()
    await consumer.start()
    try:
        answered = await admin.list_consumer_group_offsets(group, partitions=wanted)
        beginnings = await consumer.beginning_offsets(wanted)
        ends = await consumer.end_offsets(wanted)
    finally:
        await consumer.stop()
        await admin.close()
    start: dict[TopicPartition, int | None] = {}
    to_restore: dict[TopicPartition, int] = {}
    for tp in wanted:
        committed = answered[tp].offset if tp in answered else -1
        if committed < 0 and tp in stored:
            committed = to_restore[tp] = stored[tp]
        start[tp] = None if committed < 0 else committed
        if committed >= 0:
            check_offset(tp, committed, beginnings[tp], ends[tp], accept_lost=accept_lost)
            if committed < beginnings[tp]:
                start[tp] = to_restore[tp] = beginnings[tp]
    return Positions(start, to_restore)
