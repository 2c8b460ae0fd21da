"""Runs a replay as it was asked for: over files or topics, with progress, by one or two rules."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from aiokafka import AIOKafkaConsumer

from nudge.campaigns import known_campaigns
from nudge.comparison import Tally
from nudge.controls import read_controls
from nudge.kafka import kafka_settings
from nudge.replay.lines import feed_files
from nudge.replay.records import BadLine, Read
from nudge.replay.replayer import Outcome, Replayer
from nudge.replay.steering import steer
from nudge.replay.survey import Survey, survey
from nudge.replay.topics import Stretch, feed_topics, stretch_since, with_reach
from nudge.terminal import Progress, note, plain
from nudge.when import rfc3339
from processors.rule_book import RuleBook
from schemas.adapters import dump
from schemas.control import VoucherBatch

WARM_UP_MS = 30 * 86_400_000
_BAD_LINES_SHOWN = 10

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

    Every book judges the same records: what comes into the topics meanwhile is left out.
    """
    runs: list[Run] = []
    known = survey(plan.files, reach=plan.reachable)
    compares = len(plan.books) > 1 and write is None
    if compares and not plan.reachable and (known.names_browsers or not plan.files):
        note("[dim]--reachable compares the same messages in a fraction of the time.[/dim]")
    stretch: Stretch | None = None
    for book in plan.books:
        for batch in plan.vouchers:
            book.add_vouchers(batch)
        if runs:
            runs[-1].replayer = None
        run = Run(plan, book, None if runs else write)
        with _collector_kept_off():
            if plan.files:
                run.over_files(known)
            else:
                stretch = asyncio.run(run.over_topics(stretch))
        runs.append(run)
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

    ``replayer`` is kept, of the last book: a process that ends need not free all it remembers.
    """

    def __init__(self, plan: Plan, book: RuleBook, write: Write | None) -> None:
        rules = book.at(0)
        self.tally = Tally(rules.version, ZoneInfo(rules.shop.timezone))
        self.replayer: Replayer | None = None
        self._plan = plan
        self._book = book
        self._write = write
        self._late = 0
        self._began = time.monotonic()

    def _replayer(
        self, partitions: int, only: frozenset[str] | None, *, assume_reachable: bool
    ) -> Replayer:
        self.replayer = replayer = Replayer(
            self._book,
            partitions=partitions,
            grace_ms=self._plan.grace_ms,
            assume_reachable=assume_reachable,
            only=only,
        )
        for text in self._plan.campaigns:
            replayer.plan(text)
        return replayer

    def _give(self, outcome: Outcome) -> None:
        since = self._plan.since or 0
        self._late += len(outcome.late)
        for decision in outcome.decisions:
            if decision.decided_at >= since:
                self.tally.add(decision)
                if self._write is not None:
                    self._write(dump(decision))
        for job in outcome.jobs:
            if job.created_at >= since:
                self.tally.add_job(job)

    def over_files(self, known: Survey) -> None:
        known.steering.steer(self._book)
        only = known.reach.users() if self._plan.reachable and known.names_browsers else None
        replayer = self._replayer(
            self._plan.partitions, only, assume_reachable=known.assume_reachable
        )
        read = Read()
        with Progress(f"replay {self.tally.version}", known.lines) as progress:
            progress.at(0)
            for so_far in feed_files(replayer, self._plan.files):
                read = so_far
                progress.at(read.records)
                if replayer.ready():
                    self._give(replayer.take())
        self._give(replayer.finish(self._plan.until))
        self._report(read, replayer.of_others)
        if known.names_browsers:
            note("Reachable: who has a subscription in the history.")
        else:
            note("Everybody counted as reachable: the history holds no subscriptions.")
        if read.passed_over:
            note(f"{read.passed_over} records of topics that a replay does not read: passed over.")

    async def over_topics(self, stretch: Stretch | None) -> Stretch:
        """Answers what it read: ``stretch``, or without one all that the topics hold now."""
        settings = kafka_settings()
        since = self._plan.since
        controls, campaigns = await read_controls(settings), await known_campaigns(settings)
        for refused in steer(self._book, campaigns.values(), controls.vouchers.values()):
            note(plain(f"left out, as workers do: {refused}"))
        consumer = AIOKafkaConsumer(
            **settings.client_options(), enable_auto_commit=False, isolation_level="read_committed"
        )
        await consumer.start()
        try:
            warm = None if since is None else since - WARM_UP_MS
            if stretch is None:
                stretch = await stretch_since(consumer, settings, warm)
                if self._plan.reachable:
                    stretch = await with_reach(settings, stretch)
            partitions = 1 + max((tp.partition for tp in stretch.spans), default=0)
            replayer = self._replayer(partitions, stretch.only, assume_reachable=False)
            read = Read()
            with Progress(f"replay {self.tally.version}", stretch.records) as progress:
                progress.at(0)
                async for read in feed_topics(replayer, settings, consumer, stretch):
                    progress.at(read.records)
                    if replayer.ready():
                        self._give(replayer.take())
            self._give(replayer.finish(self._plan.until))
            if since is not None and read.oldest > since - WARM_UP_MS + 86_400_000:
                note(
                    "The topics begin at "
                    f"{rfc3339(read.oldest)}: profiles had less than 30 days to warm up."
                )
            self._report(read, replayer.of_others)
            return stretch
        finally:
            await consumer.stop()

    def _report(self, read: Read, of_others: int) -> None:
        self.tally.of_others = of_others
        decided = sum(self.tally.kinds.values())
        speed = read.records / max(time.monotonic() - self._began, 1e-3)
        note(
            f"{read.records} records, {decided} final decisions,"
            f" {self._late} late, {len(read.bad)} unreadable [dim]({speed:,.0f}/s)[/dim]"
        )
        if of_others:
            note(f"{of_others} records were of users without a browser: not judged.")
        for bad in read.bad[:_BAD_LINES_SHOWN]:
            note(_bad_words(bad))
        if len(read.bad) > _BAD_LINES_SHOWN:
            note(f"… and {len(read.bad) - _BAD_LINES_SHOWN} more")


def _bad_words(bad: BadLine) -> str:
    return plain(f"{bad.source}:{bad.line}: {bad.message}")
