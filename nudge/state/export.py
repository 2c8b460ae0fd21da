"""The state of a deployment into files."""

from collections.abc import Callable, Mapping
from pathlib import Path

from aiokafka import TopicPartition

from nudge.kafka import partition_counts, reader
from nudge.problem import Problem
from nudge.reading import read, spans
from nudge.state.files import STATE, Manifest, Part, Row, open_directory, save_manifest, write_rows
from nudge.terminal import note, plain
from nudge.when import now_ms
from runtime.deployment import read_cluster_id, read_deployment
from runtime.settings import KafkaSettings
from schemas.control import DEPLOYMENT_KEY
from schemas.products import FOLD_MARK_KEY
from schemas.topics import PRODUCTS, PROFILES_CHANGELOG, SCENARIOS, USER_INPUTS, Topic
from streams.guard import INPUTS_ROW, stored_inputs

Tell = Callable[[Part, int, int], None]
"""Told of each file that is written, the how manyth it is, and of how many."""


async def export_state(settings: KafkaSettings, directory: Path, tell: Tell) -> Manifest:
    """Writes every partition's newest records; goes on where a run was broken off.

    Raises:
        Problem: Kafka cannot be reached, a topic is missing, or the directory holds another
            deployment's backup, or a complete one.
    """
    deployment = await read_deployment(settings)
    if deployment is None:
        raise Problem("The topics name no deployment.", "Is NUDGE_NAMESPACE right?")
    fresh = Manifest(
        deployment=deployment.id,
        cluster=await read_cluster_id(settings),
        partitions=deployment.partitions,
    )
    manifest = open_directory(directory) or fresh
    if manifest.complete:
        raise Problem(f"{directory} holds a complete backup.", "Name another directory.")
    if manifest.deployment != fresh.deployment:
        raise Problem(f"{directory} holds another deployment's backup.", "Name another directory.")
    counts = await partition_counts(settings, (*STATE, *USER_INPUTS))
    wanted = [(topic, number) for topic in STATE for number in range(counts[topic])]
    for topic, number in wanted:
        if manifest.part(topic, number) is not None:
            continue
        rows = await _newest(settings, topic, number)
        if topic is PROFILES_CHANGELOG:
            await _count_behind(settings, number, rows, manifest.behind)
        part = write_rows(directory, topic, number, rows.values(), now_ms())
        manifest.parts.append(part)
        save_manifest(directory, manifest)
        tell(part, len(manifest.parts), len(wanted))
    manifest.complete = True
    save_manifest(directory, manifest)
    return manifest


async def _newest(settings: KafkaSettings, topic: Topic, number: int) -> dict[bytes, Row]:
    """The newest record of each key, but what only means something where it stands."""
    place = TopicPartition(settings.topic(topic), number)
    newest: dict[bytes, tuple[int, Row | None]] = {}
    async with reader(settings) as consumer:
        stretch = await spans(consumer, [place], None)
        async for record in read(consumer, stretch):
            key = record.key or b""
            if key in newest and newest[key][0] > record.offset:
                continue
            row = None if record.value is None else Row(key, record.value, record.timestamp)
            newest[key] = (record.offset, row)
    left_out = {SCENARIOS: DEPLOYMENT_KEY, PRODUCTS: FOLD_MARK_KEY}.get(topic)
    in_order = sorted(newest.items(), key=lambda found: found[1][0])
    rows = {
        key: row
        for key, (_, row) in in_order
        if row is not None and key.decode(errors="replace") != left_out
    }
    return {key: row for key, row in rows.items() if _is_text(place, row)}


def _is_text(place: TopicPartition, row: Row) -> bool:
    """Whether it can be written down; what nobody can read is named and left out."""
    try:
        row.key.decode(), row.value.decode()
    except UnicodeDecodeError:
        note(plain(f"{place.topic}-{place.partition}: {row.key!r} is no text: left out"))
        return False
    return True


async def _count_behind(
    settings: KafkaSettings, number: int, rows: Mapping[bytes, Row], behind: dict[str, int]
) -> None:
    """Adds what the partition's inputs hold beyond what its state has taken in."""
    row = rows.get(INPUTS_ROW)
    known = stored_inputs(None if row is None else row.value)
    places = {TopicPartition(settings.topic(topic), number): topic for topic in USER_INPUTS}
    async with reader(settings) as consumer:
        found = await spans(consumer, places, None)
    for place, span in found.items():
        taken = known[places[place].name].offset if places[place].name in known else span.start
        if span.end > taken:
            name = places[place].name
            behind[name] = behind.get(name, 0) + span.end - taken
