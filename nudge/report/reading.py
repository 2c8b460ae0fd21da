"""The topics' records as tables, as much of them as a report counts over."""

from pathlib import Path

from nudge.export.files import Format
from nudge.export.taking import Wanted, take_files
from nudge.report.data import Period
from runtime.settings import KafkaSettings
from schemas.topics import (
    ATTRIBUTIONS,
    DECISIONS,
    INTERACTIONS,
    RESULTS,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
)


async def read_topics(settings: KafkaSettings, period: Period, directory: Path) -> None:
    """Writes tables from the preceding period on; of subscriptions, all there are.

    Raises:
        Problem: Kafka cannot be reached, or a topic does not exist.
    """
    for topics, since in (
        ((SHOP_EVENTS, DECISIONS, RESULTS, INTERACTIONS, ATTRIBUTIONS), period.before),
        ((SUBSCRIPTIONS,), 0),
    ):
        paths = {topic: directory / f"{topic.name}.{Format.PARQUET}" for topic in topics}
        await take_files(settings, Wanted(topics, since=max(since, 0)), paths, Format.PARQUET)
