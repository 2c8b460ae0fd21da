"""Keys go where Kafka's own clients put them."""

import pytest
from aiokafka.partitioner import murmur2

from schemas.partitioner import partition_of


@pytest.mark.parametrize(
    ("key", "hash_"),
    [
        # From Kafka's own UtilsTest.testMurmur2.
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_murmur2_is_the_one_that_java_has(key: str, hash_: int) -> None:
    assert murmur2(key.encode()) & 0xFFFFFFFF == hash_ & 0xFFFFFFFF
    assert partition_of(key, 24) == (hash_ & 0x7FFFFFFF) % 24


def test_a_name_beyond_ascii_goes_by_its_utf_8() -> None:
    assert partition_of("zażółć", 7) == (murmur2("zażółć".encode()) & 0x7FFFFFFF) % 7
