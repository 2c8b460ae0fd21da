"""The topics' records as tables, for a report."""

from pathlib import Path

from nudge.export.files import Format
from nudge.export.taking import Wanted, take_files
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


async def read_topics(settings: KafkaSettings, directory: Path) -> int:
    """Writes tables of all there is, whatever the period: who bought or agreed before it, and who
    a visitor turned out to be, stands before it.

    Returns:
        how many records could not be read.

    Raises:
        Problem: Kafka cannot be reached, or a topic does not exist.
    """
    paths = {topic: directory / f"{topic.name}.{Format.PARQUET}" for topic in _COUNTED}
    return (await take_files(settings, Wanted(_COUNTED), paths, Format.PARQUET)).unreadable
