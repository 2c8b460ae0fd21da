"""``nudge dead-letters``: listed with reasons, sent again once the cause is gone, once."""

import asyncio
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from nudge.kafka import transaction, writer
from nudge.problem import Problem
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from schemas.decisions import DeadLetter, DeadLetterReason
from schemas.examples import example
from schemas.partitioner import partition_of
from schemas.topics import DEAD_LETTER, JOBS, SHOP_EVENTS, Topic
from tests.harness.clusters import PARTITIONS
from tests.harness.records import Sent, produce, read_to_end
from tests.nudge.commands import nudge


async def bury(
    settings: KafkaSettings,
    key: str | None,
    value: bytes,
    reason: DeadLetterReason,
    *,
    topic: Topic = SHOP_EVENTS,
    headers: tuple[tuple[str, bytes], ...] = (),
    at: int | None = None,
) -> None:
    """A dead letter as workers write it; ``at``: by their clock (ms)."""
    letter = DeadLetter(
        reason=reason, error=f"what was wrong: {reason}", topic=topic.name, partition=1,
        offset=7, timestamp=1,
    )  # fmt: skip
    sent = Sent(key, value, at, partition=1, headers=(*letter.headers(), *headers))
    await produce(settings, DEAD_LETTER, [sent])


def wire(type_: str, **fields: Any) -> bytes:
    return orjson.dumps(example(type_) | fields)


async def test_what_is_good_now_is_sent_again_once_under_its_right_key(
    cluster: KafkaSettings,
) -> None:
    await bury(cluster, "stranger", wire("search"), DeadLetterReason.WRONG_KEY)
    await bury(cluster, "anna", b"{oops", DeadLetterReason.BAD_JSON)
    await bury(cluster, "anna", wire("search", query=None), DeadLetterReason.INVALID)
    await bury(cluster, "anna", b"{}", DeadLetterReason.REJECTED, topic=JOBS)

    listed = (await nudge(cluster, "dead-letters", "list")).good()
    assert "wrong_key" in listed.out
    assert "1 bad_json: The value is not JSON." in listed.err

    dry = (await nudge(cluster, "dead-letters", "replay")).good()
    assert "1 can be sent again, 3 stay" in dry.out
    assert "still no JSON" in dry.out
    assert "still invalid: query" in dry.out
    assert await read_to_end(cluster, SHOP_EVENTS) == []

    went = (await nudge(cluster, "dead-letters", "replay", "--go")).good()
    assert "1 sent again, 3 stay" in went.out
    again = (await nudge(cluster, "dead-letters", "replay", "--go")).good()
    assert "0 can be sent again, 3 stay" in again.out
    (event,) = await read_to_end(cluster, SHOP_EVENTS)
    assert (event.key, event.partition) == ("anna", partition_of("anna", PARTITIONS))
    left = (await nudge(cluster, "dead-letters", "list", "--json")).good().json_lines()
    assert sorted(letter["reason"] for letter in left) == ["bad_json", "invalid", "rejected"]


async def test_a_letter_without_a_key_is_sent_again_under_its_own(cluster: KafkaSettings) -> None:
    await bury(cluster, None, wire("search", user_id="anna"), DeadLetterReason.NO_KEY)
    went = (await nudge(cluster, "dead-letters", "replay", "--go")).good()
    assert "1 sent again, 0 stay" in went.out
    (event,) = await read_to_end(cluster, SHOP_EVENTS)
    assert event.key == "anna"
    assert "No dead letters" in (await nudge(cluster, "dead-letters", "list")).good().err


async def test_two_replays_at_once_send_nothing_twice(cluster: KafkaSettings) -> None:
    for number in range(20):
        await bury(cluster, "x", wire("search", event_id=f"e{number}"), DeadLetterReason.WRONG_KEY)
    words = ("dead-letters", "replay", "--go")
    answers = await asyncio.gather(nudge(cluster, *words), nudge(cluster, *words))
    for answer in answers:
        assert "took over" in answer.err or answer.good()
    (await nudge(cluster, *words)).good()
    ids = [record.json()["event_id"] for record in await read_to_end(cluster, SHOP_EVENTS)]
    assert sorted(ids) == sorted(f"e{number}" for number in range(20))


@pytest.mark.parametrize("heard_before", [False, True])
async def test_whoever_still_sends_when_another_begins_is_told_so(
    cluster: KafkaSettings, heard_before: bool
) -> None:
    topic = cluster.topic(SHOP_EVENTS)

    async def send_while_another_begins(producer: AIOKafkaProducer) -> None:
        async with transaction(producer):
            async with writer(cluster, transactional_id="same"):
                pass
            if heard_before:
                with pytest.raises(KafkaError):
                    await producer.send_and_wait(topic, b"{}", key=b"anna")
            await producer.send_and_wait(topic, b"{}", key=b"anna")

    async with writer(cluster, transactional_id="same") as producer:
        with pytest.raises(Problem, match="Another run of this took over"):
            await send_while_another_begins(producer)
    assert await read_to_end(cluster, SHOP_EVENTS) == []


async def test_a_letter_stays_sent_although_the_clocks_of_two_machines_differ(
    cluster: KafkaSettings,
) -> None:
    await bury(cluster, "x", wire("search"), DeadLetterReason.WRONG_KEY, at=now_ms() + 60_000)
    (await nudge(cluster, "dead-letters", "replay", "--go")).good()
    assert "No dead letters" in (await nudge(cluster, "dead-letters", "list")).good().err


async def test_letters_are_chosen_by_reason_and_topic(cluster: KafkaSettings) -> None:
    await bury(cluster, "anna", b"{oops", DeadLetterReason.BAD_JSON)
    await bury(cluster, "anna", wire("search"), DeadLetterReason.WRONG_PARTITION)
    words = ("dead-letters", "list", "--json")
    (one,) = (await nudge(cluster, *words, "--reason", "bad_json")).good().json_lines()
    assert one["value"] == "{oops"
    assert len((await nudge(cluster, *words, "--topic", "events")).good().json_lines()) == 2
    assert (await nudge(cluster, *words, "--topic", "catalog")).good().json_lines() == []
    unknown = (await nudge(cluster, *words, "--topic", "event")).failed(2).err
    assert "There is no topic 'event'." in unknown
    assert "Did you mean events" in unknown
    assert "wrong_key" in (await nudge(None, *words, "--reason", "wrong")).failed(2).err


async def test_history_stays_history_when_it_is_sent_again(cluster: KafkaSettings) -> None:
    historical = (("nudge-historical", b"1"),)
    await bury(cluster, "x", wire("search"), DeadLetterReason.WRONG_KEY, headers=historical)
    (await nudge(cluster, "dead-letters", "replay", "--go")).good()
    (event,) = await read_to_end(cluster, SHOP_EVENTS)
    assert event.headers["nudge-historical"] == b"1"
