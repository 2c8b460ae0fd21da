"""What a replay must know of its files before it begins."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nudge.reading import topic_behind
from nudge.replay.replayer import Replayer
from nudge.replay.steering import Steering, is_steering
from nudge.replay.tapped import UNREADABLE, decode_tapped
from processors.rule_book import RuleBook
from processors.rules import Rules
from schemas.topics import CAMPAIGNS, SCENARIOS, SUBSCRIPTIONS

_BLOCK = 1 << 16
_FEW_PARTITIONS = 4
_BROWSERS = f'{SUBSCRIPTIONS.name}"'.encode()
_STEERING = tuple(f'{topic.name}"'.encode() for topic in (CAMPAIGNS, SCENARIOS))


@dataclass(slots=True)
class Survey:
    """``lines``: how many there are, by which the progress is measured."""

    lines: int = 0
    names_browsers: bool = False
    """Whether there are subscriptions, so that only who has one is reachable."""
    steering: Steering = field(default_factory=Steering)

    @property
    def assume_reachable(self) -> bool:
        return not self.names_browsers


def survey(files: list[Path]) -> Survey:
    """Looks through the files, at a fraction of what their replay takes."""
    found = Survey()
    for path in files:
        for block in _blocks(path):
            found.lines += block.count(b"\n")
            marks = _STEERING if found.names_browsers else (_BROWSERS, *_STEERING)
            if any(mark in block for mark in marks):
                for line in block.split(b"\n"):
                    if any(mark in line for mark in marks):
                        _look(line, found)
    return found


def replayer_of(files: list[Path], rules: Rules) -> Replayer:
    """One that judges by these rules alone, and knows what it must before it is told the files."""
    book, known = RuleBook(), survey(files)
    book.add(rules, 0)
    known.steering.steer(book)
    return Replayer(book, partitions=_FEW_PARTITIONS, assume_reachable=known.assume_reachable)


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces that end where a line does."""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block + stream.readline()


def _look(line: bytes, found: Survey) -> None:
    try:
        record = decode_tapped(line)
    except UNREADABLE:
        return
    topic = topic_behind(record.topic)
    if topic is SUBSCRIPTIONS:
        found.names_browsers = True
    elif is_steering(topic):
        found.steering.take(topic, record)
