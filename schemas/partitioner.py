"""Which partition a key belongs to: Kafka's default partitioner, the same in every client.

Java's and Kafka's default is murmur2 over the key's bytes. librdkafka (kcat, confluent-kafka,
and what builds on it) defaults to CRC32: set ``partitioner=murmur2_random`` there.
"""

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=4096)
def partition_of(key: str, partitions: int) -> int:
    """The partition (0 to ``partitions`` - 1) of ``key`` in UTF-8."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)
