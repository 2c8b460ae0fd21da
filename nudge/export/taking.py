"""Topics into files: what was recorded in a stretch of time, a table a topic."""

import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import ConsumerRecord

from nudge.export.files import Format, RowWriter, TableFile, stream_writer
from nudge.export.tables import TABLES
from nudge.kafka import reader
from nudge.problem import usage_problem
from nudge.tapping import records_of
from nudge.terminal import note
from runtime.settings import KafkaSettings
from schemas.adapters import InvalidRecordError
from schemas.topics import Cleanup, Topic

_SAY_EVERY = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: recorded from ``since`` until ``until`` (ms), of everybody or one user.

    Of several topics, those that hold how things stand (subscriptions, campaigns) are taken from
    their beginning: what the others tell is about browsers that may have come long before.
    """

    topics: Sequence[Topic]
    user: str | None = None
    since: int = 0
    until: int | None = None
    limit: int | None = None

    def stretches(self) -> Iterator[tuple[list[Topic], int]]:
        """Topics, and from when on (ms)."""
        several = len(self.topics) > 1
        standing = [one for one in self.topics if several and one.cleanup is Cleanup.COMPACT]
        yield [one for one in self.topics if one not in standing], self.since
        if standing:
            yield standing, 0


@dataclass(slots=True)
class Taken:
    """How many rows of each topic, and how many records could not be read."""

    rows: dict[Topic, int] = field(default_factory=dict)
    unreadable: int = 0


def tables_of(topics: Sequence[Topic], *, several: bool) -> list[Topic]:
    """The topics that have a table.

    Raises:
        Problem: the one that was named has none.
    """
    found = [topic for topic in topics if topic in TABLES]
    if not found or (not several and len(found) < len(topics)):
        names = ", ".join(topic.name.rpartition(".")[2] for topic in TABLES)
        without = " and ".join(topic.name for topic in topics if topic not in TABLES)
        raise usage_problem(f"{without} has no table.", f"These have: {names}. --json shows it.")
    return found


def paths_for(topics: Sequence[Topic], out: Path, format_: Format) -> dict[Topic, Path]:
    """A file a topic: ``out`` itself for one, ``out/<topic>.<format>`` for several.

    Raises:
        Problem: there is no such directory, or ``out`` is a file where it cannot be one.
    """
    if len(topics) > 1 or out.is_dir():
        if out.exists() and not out.is_dir():
            raise usage_problem(f"{out} is a file.", "Several topics go into a directory.")
        out.mkdir(parents=True, exist_ok=True)
        return {topic: out / f"{topic.name}.{format_}" for topic in topics}
    if not out.parent.is_dir():
        raise usage_problem(f"There is no directory {out.parent}.", "Make it, or name another.")
    return {topics[0]: out}


async def take_files(
    settings: KafkaSettings, wanted: Wanted, paths: Mapping[Topic, Path], format_: Format
) -> Taken:
    """Writes each topic's records to its file.

    Raises:
        Problem: Kafka cannot be reached, or a topic does not exist.
    """
    with ExitStack() as stack:
        files = {
            topic: stack.enter_context(TableFile(path, format_, TABLES[topic].columns))
            for topic, path in paths.items()
        }
        taken = await _take(settings, wanted, files)
    taken.rows = {topic: file.rows for topic, file in files.items()}
    return taken


async def take_to_stdout(settings: KafkaSettings, wanted: Wanted, format_: Format) -> Taken:
    """Writes one topic's records to standard output.

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
    """
    (topic,) = wanted.topics
    writer = stream_writer(sys.stdout.buffer, format_, TABLES[topic].columns)
    taken = await _take(settings, wanted, {topic: writer})
    writer.finish()
    return taken


async def _take(
    settings: KafkaSettings, wanted: Wanted, writers: Mapping[Topic, RowWriter | TableFile]
) -> Taken:
    by_name = {settings.topic(topic): topic for topic in wanted.topics}
    taken, rows = Taken(), 0
    async for record in _records(settings, wanted):
        topic = by_name[record.topic]
        try:
            row = TABLES[topic].row(record)
        except InvalidRecordError:
            taken.unreadable += 1
            continue
        writers[topic].write(row)
        rows += 1
        if rows % _SAY_EVERY == 0:
            note(f"[dim]{rows:,} rows[/dim]")
        if rows == wanted.limit:
            break
    return taken


async def _records(settings: KafkaSettings, wanted: Wanted) -> AsyncIterator[ConsumerRecord]:
    for topics, since in wanted.stretches():
        async with reader(settings) as consumer:
            async for record in records_of(
                consumer, settings, topics, wanted.user, since, follow=False, until=wanted.until
            ):
                yield record
