"""Runs a replay as it was asked for: over files or topics, with progress, by one or two rules."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from nudge.campaigns import known_campaigns
from nudge.comparison import Tally
from nudge.controls import read_controls
from nudge.kafka import kafka_settings, reader
from nudge.replay.lines import feed_files
from nudge.replay.outcome import Outcome
from nudge.replay.records import Read, tell_bad
from nudge.replay.replayer import Replayer
from nudge.replay.several import Several
from nudge.replay.steering import steer
from nudge.replay.survey import Survey, survey
from nudge.replay.topics import feed_topics, stretch_since, with_reach
from nudge.terminal import Progress, note, plain
from nudge.when import rfc3339
from processors.rule_book import RuleBook
from schemas.adapters import dump
from schemas.control import VoucherBatch

WARM_UP_MS = 30 * 86_400_000

Write = Callable[[bytes], None]
"""What is done with a decision's line."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``books``: the rules, and those to compare with. Times in ms; no ``files``: the topics."""

    files: list[Path]
    books: list[RuleBook]
    until: int | None
    since: int | None
    partitions: int
    grace_ms: int
    vouchers: list[VoucherBatch] = field(default_factory=list)
    """Codes beside those of the topics."""
    campaigns: list[str] = field(default_factory=list)
    """Files of campaigns that start at their times, beside those of the topics."""
    reachable: bool = False
    """Only who has a browser at some time of the history is judged."""


def run_plan(plan: Plan, write: Write | None) -> list["Run"]:
    """Writes the first book's decisions; answers a run a book.

    The history is read once: every book judges the same records.
    """
    known = survey(plan.files, reach=plan.reachable)
    runs = [Run(plan, book, None if number else write) for number, book in enumerate(plan.books)]
    with _collector_kept_off():
        if plan.files:
            _over_files(plan, runs, known)
        else:
            asyncio.run(_over_topics(plan, runs))
    return runs


@contextmanager
def _collector_kept_off() -> Iterator[None]:
    """Nothing that a replay makes refers to itself: to look for that takes a tenth of its time."""
    gc.unfreeze()
    gc.collect()  # what a replay before this one has left
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # or the first look would be at all that was made meanwhile
        gc.enable()


class Run:
    """One book's judgement of the history: ``tally`` is what it came to.

    ``replayer`` is kept: a process that ends need not free all it remembers.
    """

    replayer: Replayer

    def __init__(self, plan: Plan, book: RuleBook, write: Write | None) -> None:
        rules = book.at(0)
        self.tally = Tally(rules.version, ZoneInfo(rules.shop.timezone))
        self.book = book
        self.late = 0
        self._plan = plan
        self._write = write
        for batch in plan.vouchers:
            book.add_vouchers(batch)

    def begin(
        self, partitions: int, only: frozenset[str] | None, *, assume_reachable: bool
    ) -> Replayer:
        self.replayer = Replayer(
            self.book,
            partitions=partitions,
            grace_ms=self._plan.grace_ms,
            assume_reachable=assume_reachable,
            only=only,
        )
        for text in self._plan.campaigns:
            self.replayer.plan(text)
        return self.replayer

    def take(self) -> None:
        """Tallies and writes what has been decided, once that is worth it."""
        if self.replayer.ready():
            self._give(self.replayer.take())

    def finish(self) -> None:
        self._give(self.replayer.finish(self._plan.until))
        self.tally.of_others = self.replayer.of_others

    def _give(self, outcome: Outcome) -> None:
        since = self._plan.since or 0
        self.late += len(outcome.late)
        for decision in outcome.decisions:
            if decision.decided_at >= since:
                self.tally.add(decision)
                if self._write is not None:
                    self._write(dump(decision))
        for job in outcome.jobs:
            if job.created_at >= since:
                self.tally.add_job(job)


class _Reading:
    """The history on its way to all runs: its progress, and what is said of it at the end."""

    def __init__(
        self, runs: list[Run], partitions: int, only: frozenset[str] | None, *, assume: bool
    ) -> None:
        self._runs = runs
        replayers = [run.begin(partitions, only, assume_reachable=assume) for run in runs]
        self.listener = replayers[0] if len(replayers) == 1 else Several(replayers)
        self.name = "replay " + " and ".join(run.tally.version for run in runs)
        self._began = time.monotonic()

    def take(self) -> None:
        for run in self._runs:
            run.take()

    def finish(self, read: Read) -> None:
        """Tells the runs that this was all, and the reader of the terminal what it came to."""
        for run in self._runs:
            run.finish()
        for name, begins in self._runs[0].replayer.to_come:
            said = f"{name} begins at {rfc3339(begins)}, after the history has ended"
            note(plain(f"{said}: --until moves the clock on."))
        counted, unreadable = f"{read.records} records", f"{len(read.bad)} unreadable"
        speed = f"{read.records / max(time.monotonic() - self._began, 1e-3):,.0f}/s"
        if len(self._runs) == 1:
            note(f"{counted}, {_came_to(*self._runs)}, {unreadable} [dim]({speed})[/dim]")
        else:
            note(
                f"{counted}, {unreadable} [dim]({speed}, each judged {len(self._runs)} times)[/dim]"
            )
            for run in self._runs:
                note(f"{run.tally.version}: {_came_to(run)}")
        if of_others := self._runs[0].tally.of_others:
            note(
                f"{of_others} records were of users without a browser: not judged"
                " [dim](--everybody judges them too)[/dim]."
            )
        tell_bad(read)


def _came_to(run: Run) -> str:
    return f"{sum(run.tally.kinds.values())} final decisions, {run.late} late"


def _over_files(plan: Plan, runs: list[Run], known: Survey) -> None:
    for run in runs:
        known.steering.steer(run.book)
    only = known.reach.users() if plan.reachable and known.names_browsers else None
    reading = _Reading(runs, plan.partitions, only, assume=known.assume_reachable)
    read = Read()
    with Progress(reading.name, known.lines) as progress:
        progress.at(0)
        for read in feed_files(reading.listener, plan.files):
            progress.at(read.records)
            reading.take()
    reading.finish(read)
    if known.names_browsers:
        note("Reachable: who has a subscription in the history.")
    else:
        note("Everybody counted as reachable: the history holds no subscriptions.")
    if read.passed_over:
        note(f"{read.passed_over} records of topics that a replay does not read: passed over.")


async def _over_topics(plan: Plan, runs: list[Run]) -> None:
    """What comes into the topics meanwhile is left out."""
    settings = kafka_settings()
    controls, campaigns = await read_controls(settings), await known_campaigns(settings)
    for run in runs:
        refused = steer(run.book, campaigns.values(), controls.vouchers.values())
    for words in refused:
        note(plain(f"left out, as workers do: {words}"))
    async with reader(settings) as consumer:
        warm = None if plan.since is None else plan.since - WARM_UP_MS
        stretch = await stretch_since(consumer, settings, warm)
        if plan.reachable:
            stretch = await with_reach(settings, stretch)
        partitions = 1 + max((tp.partition for tp in stretch.spans), default=0)
        reading = _Reading(runs, partitions, stretch.only, assume=False)
        read = Read()
        with Progress(reading.name, stretch.records) as progress:
            progress.at(0)
            async for read in feed_topics(reading.listener, settings, consumer, stretch):
                progress.at(read.records)
                reading.take()
        reading.finish(read)
        if plan.since is not None and read.oldest > plan.since - WARM_UP_MS + 86_400_000:
            note(
                "The topics begin at "
                f"{rfc3339(read.oldest)}: profiles had less than 30 days to warm up."
            )
