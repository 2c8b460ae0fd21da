"""``nudge bench replay``: records a second of core that a dry run reads and judges.

The same history from a file of events, where everybody counts as reachable; from a file as
``nudge tap`` writes it, where one user in ten has a browser; and from the topics, where the same
one has. From each also by two scenario files, with ``--compare``, which leaves out who has none:
every record counts once, though it is judged twice; and with ``--everybody``. Whole processes are
measured, from their start to their end. Beside them the events' lines are only read, by the
contract's models.
"""

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from pathlib import Path

from msgspec import Raw

from nudge import topics
from nudge.bench.mix import Mix, Traffic, Wire
from nudge.bench.play import Say, publish
from nudge.bench.process import MEASURED_CORE, keep_to_other_core
from nudge.bench.rate import Rate
from nudge.bench.rules import daytime_file
from nudge.local import LocalKafka
from nudge.local.places import fresh_directory
from nudge.problem import Problem
from nudge.replay.tapped import Tapped
from nudge.tapping import record_json
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from schemas.adapters import EVENT_CLASSES, parse_catalog_event, parse_shop_event, to_json


class DryRun(StrEnum):
    """What is measured."""

    FILE = "a file, all reachable"
    TAPPED = "a tapped file, one in ten"
    TOPICS = "topics, one in ten"
    FILE_COMPARED = "a file, --compare"
    TAPPED_COMPARED = "a tapped file, --compare"
    TOPICS_COMPARED = "topics, --compare"
    TAPPED_COMPARED_EVERYBODY = "a tapped file, --compare --everybody"
    TOPICS_COMPARED_EVERYBODY = "topics, --compare --everybody"
    READ = "the first file, read by pydantic only"


@dataclass(slots=True)
class DryRunResult:
    mix: Mix
    rates: dict[DryRun, Rate] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        rates = {run.name.lower(): round(rate.per_core_second) for run, rate in self.rates.items()}
        return {"events": self.mix.events, "users": self.mix.users, **rates}


def run(mix: Mix, say: Say) -> DryRunResult:
    """Makes the history and judges it.

    Raises:
        Problem: this machine has one core, or a replay failed.
        LocalStackError: Kafka cannot be started.
    """
    keep_to_other_core()
    place = fresh_directory("bench")
    start = now_ms() - mix.duration_ms  # older records a broker would soon delete
    rules, others = place / "scenarios.yaml", place / "others.yaml"
    text = daytime_file(start)
    rules.write_text(text, encoding="utf-8")
    others.write_text(text.replace("wait: 20m", "wait: 30m"), encoding="utf-8")
    history = place / "history.jsonl"
    result = DryRunResult(mix)
    rates = result.rates
    judged = ["--scenarios", str(rules), "--out", "none"]
    compared, everybody = [*judged, "--compare", str(others)], "--everybody"
    say(f"writing {mix.events:,} events")
    lines = write_history(history, mix, start)
    say("judging the file")
    rates[DryRun.FILE] = _replay([str(history), *judged], lines)
    rates[DryRun.FILE_COMPARED] = _replay([str(history), *compared], lines)
    rates[DryRun.READ] = read_only(history, lines)
    records = write_tapped(history, mix, start)
    say("judging the file that says who is reachable")
    tapped = [str(history), "--partitions", str(topics.LOCAL_PARTITIONS)]
    rates[DryRun.TAPPED] = _replay([*tapped, *judged], records)
    rates[DryRun.TAPPED_COMPARED] = _replay([*tapped, *compared], records)
    rates[DryRun.TAPPED_COMPARED_EVERYBODY] = _replay([*tapped, *compared, everybody], records)
    kafka = LocalKafka(heap_mb=1024, say=say)
    kafka.start()
    try:
        settings = KafkaSettings(kafka_bootstrap=kafka.bootstrap)
        asyncio.run(_publish(settings, mix, start))
        say("judging the topics")
        own = {"NUDGE_KAFKA_BOOTSTRAP": kafka.bootstrap}
        there = ["--from-topics"]
        rates[DryRun.TOPICS] = _replay([*there, *judged], records, own)
        rates[DryRun.TOPICS_COMPARED] = _replay([*there, *compared], records, own)
        rates[DryRun.TOPICS_COMPARED_EVERYBODY] = _replay(
            [*there, *compared, everybody], records, own
        )
    finally:
        kafka.stop()
    return result


def _history(mix: Mix, start: int, *, browsers: bool) -> Iterator[Wire]:
    traffic = Traffic(mix, start)
    subscriptions = traffic.subscriptions() if browsers else ()
    return chain(traffic.shelves(), subscriptions, traffic.records())


def write_history(path: Path, mix: Mix, start: int) -> int:
    """Each record's value in a line; how many there are."""
    lines = 0
    with path.open("wb") as file:
        for wire in _history(mix, start, browsers=False):
            file.writelines((wire.value, b"\n"))
            lines += 1
    return lines


def write_tapped(path: Path, mix: Mix, start: int) -> int:
    """Each record in a line as ``nudge tap`` writes it, browsers among them; how many there are."""
    ends: Counter[tuple[str, int]] = Counter()
    with path.open("wb") as file:
        for wire in _history(mix, start, browsers=True):
            name, number = wire.topic.name, wire.partition(topics.LOCAL_PARTITIONS)
            record = Tapped(name, number, ends[name, number], wire.at, wire.key, Raw(wire.value))
            ends[name, number] += 1
            file.writelines((to_json(record_json(record)), b"\n"))
    return ends.total()


async def _publish(settings: KafkaSettings, mix: Mix, start: int) -> None:
    await topics.create(settings, partitions=topics.LOCAL_PARTITIONS, replication=1)
    await publish(settings, _history(mix, start, browsers=True))


def _replay(arguments: list[str], records: int, own: Mapping[str, str] | None = None) -> Rate:
    command = ["taskset", "-c", str(MEASURED_CORE), sys.executable, "-m", "nudge", "replay"]
    began, before = time.monotonic(), _children_seconds()
    done = subprocess.run(  # noqa: S603 - our own command line
        [*command, *arguments], env={**os.environ, **(own or {})},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, text=True,
    )  # fmt: skip
    if done.returncode:
        raise Problem("The replay failed.", done.stderr.strip().splitlines()[-1])
    if f"{records} records" not in done.stderr:
        raise Problem(f"The replay read another number than {records} records.", done.stderr)
    return Rate(records, time.monotonic() - began, _children_seconds() - before)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_only(path: Path, lines: int) -> Rate:
    """Every line by the contract's models.

    Raises:
        InvalidRecordError: one of them does not keep to it.
    """
    shop = tuple(f'{{"type":"{kind}"'.encode() for kind in EVENT_CLASSES)
    began, core_began = time.monotonic(), time.process_time()
    with path.open("rb") as file:
        for line in file:
            (parse_shop_event if line.startswith(shop) else parse_catalog_event)(line)
    return Rate(lines, time.monotonic() - began, time.process_time() - core_began)
