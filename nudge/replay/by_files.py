"""One scenario file's judgement of recorded files, as previews ask for it."""

from collections.abc import Iterator
from pathlib import Path

from nudge.replay.lines import feed_files
from nudge.replay.outcome import Outcome
from nudge.replay.records import Read, tell_bad
from nudge.replay.replayer import Replayer
from nudge.replay.survey import survey
from processors.rule_book import RuleBook
from processors.rules import Rules


def replayer_of(files: list[Path], rules: Rules) -> Replayer:
    """One that judges by these rules alone, and knows what it must before it is told the files."""
    book, known = RuleBook(), survey(files)
    book.add(rules, 0)
    known.steering.steer(book)
    return Replayer(book, assume_reachable=known.assume_reachable)


def outcomes(replayer: Replayer, files: list[Path], until: int | None = None) -> Iterator[Outcome]:
    """What it decides on the files, bit by bit, up to ``until`` (ms); names what is unreadable."""
    read = Read()
    for so_far in feed_files(replayer, files):
        read = so_far
        yield replayer.take()
    tell_bad(read)
    yield replayer.finish(until)
