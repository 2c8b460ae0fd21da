"""Refuses to start on topics that do not fit together."""

from runtime.deployment import partition_counts
from runtime.settings import KafkaSettings
from schemas.topics import JOBS, RESULTS, SUBSCRIPTIONS, WITHDRAWALS


class TopicsError(Exception):
    """Topics are missing, or differ in their partitions; the message says how to cure that."""


async def check_topics(settings: KafkaSettings) -> int:
    """The number of partitions that jobs and all that is read beside them share.

    Raises:
        TopicsError: a topic is missing, or has another number of partitions than the jobs.
        KafkaError: the cluster cannot be reached.
    """
    names = [settings.topic(topic) for topic in (JOBS, WITHDRAWALS, SUBSCRIPTIONS, RESULTS)]
    counts = await partition_counts(settings)
    if missing := [name for name in names if not counts.get(name)]:
        raise TopicsError(f"no topic {', '.join(missing)}. Cure: nudge topics create")
    if len({counts[name] for name in names}) > 1:
        shown = ", ".join(f"{name} {counts[name]}" for name in names)
        raise TopicsError(
            f"these topics must have the same number of partitions: {shown}."
            " Cure: a new namespace, and nudge topics create"
        )
    return counts[names[0]]
