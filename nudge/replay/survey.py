"""What a replay must know of its files before it begins."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nudge.event_input import open_input
from nudge.reading import topic_behind
from nudge.replay.reach import MARKS, Reach
from nudge.replay.steering import Steering, is_steering
from nudge.replay.tapped import UNREADABLE, decode_tapped
from schemas.topics import CAMPAIGNS, SCENARIOS, SHOP_EVENTS, SUBSCRIPTIONS

_BLOCK = 1 << 16
_BROWSERS = f'{SUBSCRIPTIONS.name}"'.encode()
_STEERING = tuple(f'{topic.name}"'.encode() for topic in (CAMPAIGNS, SCENARIOS))


@dataclass(slots=True)
class Survey:
    """``lines``: how many there are, by which the progress is measured."""

    lines: int = 0
    steering: Steering = field(default_factory=Steering)
    reach: Reach = field(default_factory=Reach)
    """Who is reachable: all of them only where that was asked for."""

    @property
    def names_browsers(self) -> bool:
        """Whether there are subscriptions, so that only who has one is reachable."""
        return self.reach.anybody

    @property
    def assume_reachable(self) -> bool:
        return not self.names_browsers


def survey(files: list[Path], *, reach: bool = False) -> Survey:
    """Looks through the files, at a fraction of what their replay takes.

    ``reach``: also who is reachable.
    """
    found = Survey()
    for path in files:
        for block in _blocks(path):
            found.lines += block.count(b"\n")
            if reach:
                marks = (_BROWSERS, *_STEERING, *MARKS)
            else:  # one subscription tells as much as all
                marks = _STEERING if found.names_browsers else (_BROWSERS, *_STEERING)
            for line in _lines_with(marks, block):
                _look(line, found)
    return found


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces that end where a line does."""
    with open_input(path) as stream:
        while block := stream.read(_BLOCK):
            yield block + stream.readline()


def _lines_with(marks: Iterable[bytes], block: bytes) -> Iterator[bytes]:
    """The lines that hold any of the marks, in their order."""
    ends: dict[int, int] = {}
    for mark in marks:
        at = block.find(mark)
        while at >= 0:
            start, end = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at)
            ends[start] = end = end if end >= 0 else len(block)
            at = block.find(mark, end)
    for start in sorted(ends):
        yield block[start : ends[start]]


def _look(line: bytes, found: Survey) -> None:
    try:
        record = decode_tapped(line)
    except UNREADABLE:
        found.reach.note(line)
        return
    topic = topic_behind(record.topic)
    if topic is SUBSCRIPTIONS:
        found.reach.subscribed(record.said_key or "")
    elif topic is SHOP_EVENTS:
        found.reach.note(bytes(record.said_value))
    elif is_steering(topic):
        found.steering.take(topic, record)
