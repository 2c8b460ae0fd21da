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

_COUNTED = (SHOP_EVENTS, DECISIONS, RESULTS, INTERACTIONS, ATTRIBUTIONS, SUBSCRIPTIONS)


async def read_topics(settings: KafkaSettings, period: Period, directory: Path) -> int:
    """Writes tables from the preceding period on; of subscriptions, all there are.

    Returns:
        how many records could not be read.

    Raises:
        Problem: Kafka cannot be reached, or a topic does not exist.
    """
    paths = {topic: directory / f"{topic.name}.{Format.PARQUET}" for topic in _COUNTED}
    wanted = Wanted(_COUNTED, since=max(period.before, 0))
    return (await take_files(settings, wanted, paths, Format.PARQUET)).unreadable
