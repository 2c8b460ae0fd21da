"""Starting from what is stored: holes in the changelog, topics that are not what they were."""

import asyncio
import struct
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete
from faust.types import TP

from nudge import topics
from nudge.local import LocalKafka
from runtime.deployment import admin_client
from runtime.settings import KafkaSettings
from schemas.control import Deployment
from schemas.topics import (
    CAMPAIGNS,
    DEAD_LETTER,
    HANDOFFS,
    LATE,
    MARKS,
    PROFILES_CHANGELOG,
    REGISTRY,
    SHOP_EVENTS,
    Partitioning,
    Topic,
)
from streams.actor import Site
from streams.engine import Engine
from streams.guard import RefusedError, check_deployment, check_offset, deployment_row
from streams.offsets import read_positions
from streams.settings import StreamsSettings
from tests.harness.clusters import PARTITIONS, delete_topics, fresh_cluster, grow
from tests.harness.records import produce, read_to_end
from tests.harness.waiting import eventually
from tests.nudge.commands import nudge
from tests.streams.conftest import apply_scenarios
from tests.streams.shoppers import idle_counts, user_in, view
from tests.streams.tiny import TinyCore
from tests.streams.workers import Workers, workers

pytestmark = pytest.mark.timeout(300)


async def test_a_changelog_that_ends_in_a_compacted_tombstone_is_recovered_to_its_end(
    tmp_path: Path, namespace: str
) -> None:
    """What compaction leaves: the last offset stands for nothing, and no fetch reaches it."""
    user = user_in(0)
    with LocalKafka(data=tmp_path) as broker:
        async with fresh_cluster(broker.bootstrap, namespace) as settings:
            await apply_scenarios(settings)
            with workers(settings) as crew:
                worker = crew.start()
                await produce(settings, SHOP_EVENTS, [view(user, 0)])
                await eventually(lambda: _told(settings, {user: [1]}), 90)
                await eventually(lambda: _idle_ticks(settings, 0), 90)
                assert worker.stop() == 0
            await asyncio.to_thread(broker.stop)
            _cut_last_transaction(tmp_path / "data" / f"{settings.topic(PROFILES_CHANGELOG)}-0")
            await asyncio.to_thread(broker.start)
            with workers(settings) as crew:
                crew.start()
                await produce(settings, SHOP_EVENTS, [view(user, 1)])
                await eventually(lambda: _told(settings, {user: [1, 2]}), 90)


async def test_a_worker_refuses_topics_that_were_made_anew(
    ruled: KafkaSettings, crew: Workers
) -> None:
    await _told_once(ruled, crew)
    await delete_topics(ruled, SHOP_EVENTS)
    await eventually(lambda: _made_anew(ruled), 30)
    again = crew.start()
    assert await asyncio.to_thread(again.process.wait, 90) != 0
    assert "ends at offset 0, but everything up to 1 was processed" in again.log


async def test_a_worker_without_topics_says_how_to_make_them(kafka: str, namespace: str) -> None:
    settings = KafkaSettings(kafka_bootstrap=kafka, namespace=namespace)
    with workers(settings) as crew:
        worker = crew.start()
        assert await asyncio.to_thread(worker.process.wait, 90) != 0
    assert "Run `nudge topics create`" in worker.log


async def test_a_worker_waits_for_a_scenario_file_and_says_so(
    cluster: KafkaSettings,
) -> None:
    user = user_in(0)
    with workers(cluster) as crew:
        worker = crew.start()
        await produce(cluster, SHOP_EVENTS, [view(user, 0)])
        await eventually(lambda: "nudge scenarios apply" in worker.log, 90)
        await apply_scenarios(cluster)
        await eventually(lambda: _told(cluster, {user: [1]}), 90)


async def test_a_group_that_was_set_back_has_nobody_told_twice(
    ruled: KafkaSettings, crew: Workers
) -> None:
    user = await _told_once(ruled, crew)
    await _set_group(ruled, 0)
    again = crew.start()
    await produce(ruled, SHOP_EVENTS, [view(user, 1)])
    await eventually(lambda: _told(ruled, {user: [1, 2]}), 90)
    assert "offset_restored" in again.log


async def test_a_worker_whose_profiles_know_less_than_was_committed_refuses_to_decide(
    ruled: KafkaSettings, crew: Workers
) -> None:
    user = await _told_once(ruled, crew)
    await produce(ruled, SHOP_EVENTS, [view(user, 1)])
    await _set_group(ruled, 2)
    again = crew.start()
    assert await asyncio.to_thread(again.process.wait, 90) != 0
    assert "was processed up to offset 2, but the profiles know of it up to 1 only" in again.log


async def test_input_that_retention_took_unread_is_gone_on_without_only_where_that_is_accepted(
    ruled: KafkaSettings, crew: Workers
) -> None:
    user = await _told_once(ruled, crew)
    await produce(ruled, SHOP_EVENTS, [view(user, 1), view(user, 2)])
    await _delete_before(ruled, 2)
    refused = crew.start()
    assert await asyncio.to_thread(refused.process.wait, 90) != 0
    assert "set NUDGE_ACCEPT_LOST_INPUT=true" in refused.log
    crew.start(NUDGE_ACCEPT_LOST_INPUT="true")
    await eventually(lambda: _told(ruled, {user: [1, 2]}), 90)


async def test_input_that_retention_took_is_missed_although_the_group_is_forgotten_too(
    cluster: KafkaSettings,
) -> None:
    tp = TopicPartition(cluster.topic(SHOP_EVENTS), 0)
    await produce(cluster, SHOP_EVENTS, [view(user_in(0), number) for number in range(5)])
    await _delete_before(cluster, 3)
    with pytest.raises(RefusedError, match="NUDGE_ACCEPT_LOST_INPUT"):
        await read_positions(cluster, "forgotten", [tp], {tp: 1}, accept_lost=False)
    accepted = await read_positions(cluster, "forgotten", [tp], {tp: 1}, accept_lost=True)
    assert accepted.start == accepted.to_restore == {tp: 3}
    nothing_lost = await read_positions(cluster, "forgotten", [tp], {tp: 4}, accept_lost=False)
    assert nothing_lost.start == nothing_lost.to_restore == {tp: 4}
    for nothing_read in ({}, {tp: 3}):
        first = await read_positions(cluster, "forgotten", [tp], nothing_read, accept_lost=False)
        assert first.start == {tp: 3}


@pytest.mark.parametrize(
    "topic", [DEAD_LETTER, MARKS, CAMPAIGNS, HANDOFFS, LATE], ids=lambda one: one.name
)
async def test_a_worker_refuses_to_start_where_a_topic_is_missing_and_names_it(
    ruled: KafkaSettings, crew: Workers, topic: Topic
) -> None:
    await delete_topics(ruled, topic)
    refused = crew.start()
    assert await asyncio.to_thread(refused.process.wait, 90) != 0
    assert f"There is no topic {ruled.topic(topic)}. Run `nudge topics create`." in refused.log


async def test_a_worker_refuses_topics_that_were_given_more_partitions(
    ruled: KafkaSettings, crew: Workers
) -> None:
    grown = [topic for topic in REGISTRY if topic.partitioning is not Partitioning.SINGLE]
    await grow(ruled, 6, *grown)
    refused = crew.start()
    assert await asyncio.to_thread(refused.process.wait, 90) != 0
    assert "The profiles were made with 4 partitions" in refused.log
    assert f"{ruled.topic(SHOP_EVENTS)} has 6, not 4" in refused.log
    said = (await nudge(ruled, "worker")).failed().err
    assert "nudge state import --other-partitions" in " ".join(said.split())


async def test_a_worker_at_work_ends_where_its_topics_are_given_more_partitions() -> None:
    async def nothing(*_: object) -> None: ...

    engine = Engine(
        StreamsSettings(), "nudge", TinyCore, crash=nothing, pressure=lambda *_: None,
        rejoin=nothing, generation_now=lambda: 1,
    )  # fmt: skip
    engine._site = cast(Site, SimpleNamespace(partitions=4))
    with pytest.raises(RefusedError, match="made with 4 partitions: there is one of number 5"):
        await engine.begin_generation(1, frozenset({TP("shop.events", 5)}))


def test_state_of_another_cluster_is_refused_as_a_mirror_of_its_topics_would_bring_it() -> None:
    deployment = Deployment(type="deployment", id="d-1", partitions=4, created_at=1)
    here = deployment_row("here", deployment)
    check_deployment(0, here, here)
    with pytest.raises(RefusedError, match=r"cluster there \(now here\).*made anew or copied"):
        check_deployment(0, deployment_row("there", deployment), here)


def test_offsets_before_the_beginning_and_past_the_end_are_refused_with_the_cure() -> None:
    tp = TopicPartition("shop.events", 0)
    check_offset(tp, 5, 5, 5, accept_lost=False)
    with pytest.raises(RefusedError, match="made anew or lost records"):
        check_offset(tp, 6, 0, 5, accept_lost=False)
    with pytest.raises(RefusedError, match="NUDGE_ACCEPT_LOST_INPUT"):
        check_offset(tp, 4, 5, 9, accept_lost=False)
    check_offset(tp, 4, 5, 9, accept_lost=True)


async def _told_once(settings: KafkaSettings, crew: Workers) -> str:
    """A user whom a worker has told once; it has stopped since."""
    user = user_in(0)
    worker = crew.start()
    await produce(settings, SHOP_EVENTS, [view(user, 0)])
    await eventually(lambda: _told(settings, {user: [1]}), 90)
    assert worker.stop() == 0
    return user


async def _set_group(settings: KafkaSettings, offset: int) -> None:
    """As ``kafka-consumer-groups --reset-offsets`` does it, once the last worker has left."""
    tp = TopicPartition(settings.topic(SHOP_EVENTS), 0)
    async with AIOKafkaConsumer(
        **settings.client_options(), group_id=settings.group("nudge"), enable_auto_commit=False
    ) as consumer:
        consumer.assign([tp])
        await consumer.commit({tp: offset})


async def _delete_before(settings: KafkaSettings, offset: int) -> None:
    """As retention does it."""
    tp = TopicPartition(settings.topic(SHOP_EVENTS), 0)
    async with admin_client(settings) as admin:
        await admin.delete_records({tp: RecordsToDelete(before_offset=offset)})


async def _made_anew(settings: KafkaSettings) -> bool:
    created = await topics.create(settings, partitions=PARTITIONS, replication=1)
    return settings.topic(SHOP_EVENTS) in created.topics


async def _told(settings: KafkaSettings, expected: dict[str, list[int]]) -> bool:
    assert await idle_counts(settings) == expected
    return True


async def _idle_ticks(settings: KafkaSettings, partition: int) -> bool:
    """Whether the changelog ends in rows of the clock alone: of two steps, each with two."""
    records = [
        r for r in await read_to_end(settings, PROFILES_CHANGELOG) if r.partition == partition
    ]
    return Counter(r.key for r in records[-4:]) == {"\x00tiny": 2, "\x00engine/heard": 2}


def _cut_last_transaction(partition: Path) -> None:
    """Removes the last two batches, rows and marker, and leaves their offsets behind."""
    segment = partition / f"{0:020}.log"
    raw = segment.read_bytes()
    starts, at = [], 0
    while at < len(raw):
        starts.append(at)
        at += 12 + struct.unpack_from(">i", raw, at + 8)[0]
    (base,) = struct.unpack_from(">q", raw, starts[-1])
    (delta,) = struct.unpack_from(">i", raw, starts[-1] + 23)
    segment.write_bytes(raw[: starts[-2]])
    for index in partition.glob(f"{0:020}.*index"):
        index.unlink()
    # An empty active segment: compaction never touches that one.
    (partition / f"{base + delta + 1:020}.log").touch()
