"""A backup: a directory with a manifest, and a file of JSON lines for each partition.

A line is ``{"k": key, "v": value, "t": the record's time in ms}``; files are compressed (gzip).
The manifest is written anew after each file, and says at last that the backup is complete.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import orjson
from pydantic import BaseModel, Field, ValidationError

from nudge.problem import Problem
from schemas.topics import MARKS, REGISTRY, Cleanup, Topic

STATE: tuple[Topic, ...] = tuple(
    topic for topic in REGISTRY if topic.cleanup is Cleanup.COMPACT and topic is not MARKS
)
"""The topics that are the state; everything else is input, or said once. Marks are made anew."""
MANIFEST = "state.json"
_FAST = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a compacted topic; ``at`` in epoch ms."""

    key: bytes
    value: bytes
    at: int


class Part(BaseModel):
    """One file: what it must hold. ``sha256``: of its uncompressed lines."""

    topic: str
    partition: int
    records: int
    sha256: str
    written_at: int

    @property
    def file(self) -> str:
        return _file_of(self.topic, self.partition)


def _file_of(topic: str, partition: int) -> str:
    return f"{topic}-{partition}.jsonl.gz"


class Manifest(BaseModel):
    """What a backup holds. ``behind``: input records that nobody had worked off, by topic."""

    format: Literal["nudge state 1"] = "nudge state 1"
    deployment: str
    cluster: str
    partitions: int
    complete: bool = False
    parts: list[Part] = []
    behind: Annotated[dict[str, int], Field(description="not in the backup")] = {}

    def part(self, topic: Topic, partition: int) -> Part | None:
        """The file of a partition, where it was written."""
        for part in self.parts:
            if (part.topic, part.partition) == (topic.name, partition):
                return part
        return None


def load_manifest(directory: Path) -> Manifest | None:
    """
    Raises:
        Problem: it is none of ours.
    """
    path = directory / MANIFEST
    if not path.exists():
        return None
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Problem(f"{path} is no manifest of a backup: {error}") from None


def open_directory(directory: Path) -> Manifest | None:
    """Makes the directory where it is missing; answers what was begun in it.

    Raises:
        Problem: its manifest is none of ours.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return load_manifest(directory)


def save_manifest(directory: Path, manifest: Manifest) -> None:
    """Replaces the manifest in one step."""
    fresh = directory / f"{MANIFEST}.part"
    _write(fresh, manifest.model_dump_json(indent=2).encode())
    fresh.replace(directory / MANIFEST)


def write_rows(directory: Path, topic: Topic, partition: int, rows: Iterable[Row], at: int) -> Part:
    """Writes a partition's file, whole or not at all; ``at``: now (ms)."""
    digest, count = hashlib.sha256(), 0
    file_name = _file_of(topic.name, partition)
    fresh = directory / f"{file_name}.part"
    with _open(fresh) as raw, gzip.GzipFile("", "wb", _FAST, raw, mtime=0) as file:
        for row in rows:
            line = orjson.dumps({"k": row.key.decode(), "v": row.value.decode(), "t": row.at})
            digest.update(line + b"\n")
            file.write(line + b"\n")
            count += 1
    fresh.replace(directory / file_name)
    return Part(
        topic=topic.name,
        partition=partition,
        records=count,
        sha256=digest.hexdigest(),
        written_at=at,
    )


def read_rows(directory: Path, part: Part) -> Iterator[Row]:
    """The rows of a file, in their order.

    Raises:
        Problem: it is missing, damaged, or another than the manifest speaks of.
    """
    path, digest, count = directory / part.file, hashlib.sha256(), 0
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                digest.update(line)
                count += 1
                found = orjson.loads(line)
                yield Row(found["k"].encode(), found["v"].encode(), found["t"])
    except (EOFError, OSError, zlib.error, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Problem(f"{path} is damaged: {error}", "Take another copy of the backup.") from None
    if (count, digest.hexdigest()) != (part.records, part.sha256):
        raise Problem(
            f"{path} holds {count:,} records, or other ones than the {part.records:,} that were"
            " written.",
            "Take another copy of the backup.",
        )


def _open(path: Path) -> BinaryIO:
    # It is about people: readable by nobody else from the first byte on.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "wb")


def _write(path: Path, content: bytes) -> None:
    with _open(path) as file:
        file.write(content)
