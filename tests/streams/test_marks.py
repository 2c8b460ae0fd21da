"""Marks: how far a worker's partitions are, told to all others."""

import asyncio
from itertools import count

from structlog.testing import capture_logs

from runtime.settings import KafkaSettings
from schemas.topics import MARKS
from streams.marks import MarksWriter
from tests.harness.clusters import configure
from tests.harness.records import read_to_end
from tests.harness.waiting import eventually


async def test_marks_go_on_after_one_that_kafka_refused_and_the_log_tells_of_it_once(
    cluster: KafkaSettings,
) -> None:
    clock = count(1)
    writer = MarksWriter(cluster, lambda: {0: next(clock)}, every_ms=50)

    async def told() -> int:
        marks = [record.json()["until"] for record in await read_to_end(cluster, MARKS)]
        return marks[-1] if marks else 0

    with capture_logs() as said:
        running = asyncio.create_task(writer.run())
        try:
            await eventually(told)
            await configure(cluster, MARKS, max_message_bytes="1")
            await eventually(lambda: said)
            refused = next(clock)
            await configure(cluster, MARKS)

            async def goes_on() -> bool:
                return await told() > refused

            await eventually(goes_on)
        finally:
            running.cancel()
            await asyncio.wait([running])
    assert [line["event"] for line in said] == ["marks_not_written"]
