"""Records of the internal topics that workers read whole, held to their contract once.

Only Nudge writes them; a stranger's record there must not end every worker. There is no dead
letter, since every worker meets it at every start: it is passed over, named and counted.
"""

from typing import Any

import msgspec
import structlog
from pydantic import TypeAdapter

from processors.catalogue import facts_of
from runtime.metrics import Metric, counter
from schemas.adapters import InvalidRecordError, adapter_of, parse
from schemas.control import PartitionMark
from schemas.decisions import DeadLetterReason
from schemas.products import FoldMark
from schemas.structs import read_content, read_product
from schemas.topics import Topic
from streams.decode import record_key

log = structlog.get_logger(__name__)

_FOLD_MARK: TypeAdapter[FoldMark] = adapter_of(FoldMark)
_PARTITION_MARK: TypeAdapter[PartitionMark] = adapter_of(PartitionMark)


def read_fold_mark(record: Any) -> FoldMark:
    """
    Raises:
        InvalidRecordError: it is none.
    """
    return parse(_FOLD_MARK, record.value)


def read_partition_mark(record: Any, partitions: int) -> PartitionMark:
    """
    Raises:
        InvalidRecordError: it is none, or of a partition that there is not.
    """
    mark = parse(_PARTITION_MARK, record.value)
    if mark.partition >= partitions:
        raise InvalidRecordError(
            DeadLetterReason.INVALID, f"partition {mark.partition} of {partitions}"
        )
    return mark


def product_key(record: Any) -> str:
    """The key of a row of ``nudge-products`` whose value, where it has one, can be read.

    Raises:
        InvalidRecordError: the key is no text, or the value is neither a product nor content.
    """
    key, value = record_key(record), record.value
    if value is not None:
        try:
            # As rules see it, and as the catalogue agent goes on from it.
            (read_content if facts_of(value).content_id else read_product)(value)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise InvalidRecordError(DeadLetterReason.INVALID, str(error)) from None
    return key


def pass_over(topic: Topic, record: Any, error: InvalidRecordError) -> None:
    """Names and counts a record that is as if it were not there."""
    log.error(
        "record_not_readable",
        topic=topic.name,
        partition=record.partition,
        offset=record.offset,
        error=str(error),
    )
    counter(Metric.DEAD_LETTERS).labels(topic.name, error.reason).inc()
