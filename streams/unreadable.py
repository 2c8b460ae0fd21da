"""Record batches that cannot be read: where they begin and end, so that they can be passed.

aiokafka raises on a checksum that does not match, a codec that it does not know and whatever a
decompressor says, without telling which offsets are concerned.
"""

import struct
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import TopicPartition, errors
from aiokafka.protocol.fetch import FetchRequest

from schemas.decisions import DeadLetterReason

_HEADER = struct.Struct(">qiibIhi")
"""Record batch v2: base offset, length, leader epoch, magic, CRC, attributes, last offset delta."""
_LARGEST = 1_048_576


@dataclass(frozen=True, slots=True)
class Broken:
    """What lies at a position: offsets ``first`` to ``after`` - 1, the batch's bytes, and why.

    An empty ``header`` says that nothing lies there up to ``after``, the last stable offset.
    """

    first: int
    after: int
    header: bytes
    reason: DeadLetterReason = DeadLetterReason.CORRUPT
    error: str = ""

    @property
    def offset(self) -> int:
        """Of the first: it stands in a queue among records."""
        return self.first

    def because(self, error: Exception) -> "Broken":
        unknown = isinstance(error, errors.UnsupportedCodecError)
        reason = DeadLetterReason.UNKNOWN_CODEC if unknown else DeadLetterReason.CORRUPT
        return replace(self, reason=reason, error=f"{type(error).__name__}: {error}"[:900])


async def at_position(fetcher: Any, tp: TopicPartition, position: int) -> Broken | None:
    """Asks the broker for this partition alone; ``None`` where it does not answer now."""
    node = fetcher._client.cluster.leader_for_partition(tp)
    if node is None or node == -1:
        return None
    request = FetchRequest(
        100, 1, _LARGEST, fetcher._isolation_level,
        [(tp.topic, [(tp.partition, position, _LARGEST)])], rack_id="",
    )  # fmt: skip
    try:
        response = await fetcher._client.send(node, request)
    except errors.KafkaError:
        return None
    ((_, ((_, code, _, *rest),)),) = response.topics
    if code:
        return None
    stable, raw = rest[0], bytes(rest[-1] or b"")
    if not raw:
        return Broken(position, max(stable, position), b"")
    if len(raw) < _HEADER.size:
        return None
    base, length, _, magic, _, _, last_delta = _HEADER.unpack_from(raw)
    # Before v2 (magic 2) a batch had no such header; there the offset is the last record's.
    last = base + last_delta if magic >= 2 else base
    return Broken(position, max(last + 1, position + 1), raw[: length + 12])
