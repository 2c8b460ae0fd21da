"""The stories of this folder: their wire records, their rules, and what must be decided.

A story is told to the core by ``test_stories.py``. To tell it to a running pipeline, give it a
``prefix`` (its people and products get names of their own) and a ``shift`` in time, publish
:attr:`Story.control` and :attr:`Story.records`, and hold what is decided against
:attr:`Story.expected`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from processors.rule_book import RuleBook
from processors.scenario_file import load, version_of
from schemas.campaigns import CampaignStart, CampaignStop
from schemas.control import Pause, ScenarioVersion, VoucherBatch
from tests.timelines.calendar import Calendar
from tests.timelines.events import Browsers, Scribe, WireRecord, paper_browser
from tests.timelines.expected import Expected, expected

FOLDER = Path(__file__).parent
SHIPPED = FOLDER.parent.parent / "processors" / "scenarios" / "default.yaml"
FIRST_DAY = "2026-06-10"
WATCHED_AFTER = 4 * 3_600_000
"""How long (ms) after its last time a story is watched, where it says no ``until``."""
WEEK_MS = 7 * 86_400_000
SUBSCRIBED_BEFORE = 3_600_000

_KEYS = {
    "story", "about", "day", "scenarios", "settings", "people", "subscribed", "partitions",
    "events", "then", "until",
}  # fmt: skip
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
ALWAYS = (
    "cart_abandoned", "checkout_abandoned", "price_drop", "back_in_stock", "order_confirmed",
    "order_status",
)  # fmt: skip
"""Take part in every story; of the other shipped scenarios those that a story names."""
_SECTIONS = ("shop", "policy", "segments", "copy")
_WRITTEN: dict[str, tuple[Any, str]] = {}
"""Shipped sections by name, and their text."""


Steering = ScenarioVersion | Pause | VoucherBatch | CampaignStart | CampaignStop
"""What ops do in a story."""


@dataclass(frozen=True, slots=True)
class Story:
    """Times in ms; ``until``: the clock has come this far at the end."""

    title: str
    calendar: Calendar
    prefix: str
    partitions: tuple[int, ...]
    control: tuple[Steering, ...]
    records: tuple[WireRecord, ...]
    expected: tuple[Expected, ...]
    until: int

    def book(self) -> RuleBook:
        """The rules and pauses of the story."""
        book = RuleBook()
        for said in self.control:
            if isinstance(said, Pause):
                book.set_pause(said)
            elif isinstance(said, VoucherBatch):
                book.add_vouchers(said)
            elif isinstance(said, CampaignStart | CampaignStop):
                book.add_campaign(said)
            else:
                book.add(_compiled(said.yaml, said.version), said.effective_at)
        return book


@cache
def _compiled(text: str, version: str) -> Any:
    return load(text, "the story's settings", version)


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.yaml"))


def tell(
    path: Path, *, prefix: str = "", shift: int = 0, browsers: Browsers = paper_browser
) -> Iterator[Story]:
    """The stories of a file.

    ``prefix`` goes before every person's, visitor's and product's id; it ends in ``~``.
    ``shift``: how much later (ms) than written it all takes place; whole weeks keep the
    weekdays, and none of the night's hours change unless clocks do.

    Raises:
        ValueError: a story cannot be understood; the message names it.
    """
    # Every scalar is text: YAML would read 10:00 as a number and `on` as true.
    for plain in yaml.load_all(path.read_text(), Loader=_LOADER):
        try:
            yield _Teller(plain, prefix, shift, browsers).story()
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path.name}: {plain.get('story')}: {error}") from error


class _Teller:
    def __init__(
        self, plain: Mapping[str, Any], prefix: str, shift: int, browsers: Browsers
    ) -> None:
        if unknown := set(plain) - _KEYS:
            raise ValueError(f"a story has no {', '.join(sorted(unknown))}")
        self._plain = plain
        self._prefix = prefix
        self._browsers = browsers
        self._file = changed(_with(plain.get("scenarios", ())), plain.get("settings", {}))
        day = date.fromisoformat(plain.get("day", FIRST_DAY).split()[-1])
        self._calendar = Calendar(day, ZoneInfo(self._file["shop"]["timezone"]), shift)

    def story(self) -> Story:
        plain, calendar = self._plain, self._calendar
        then = plain["then"] if plain["then"] != "nothing" else []
        wanted = [expected(said, calendar, self._prefix) for said in then]
        scribe = Scribe(
            version_of(plain["story"]), calendar, self._prefix, plain.get("people", {}), wanted,
            self._browsers,
        )  # fmt: skip
        control: list[Steering] = [self._version(0)]
        records = []
        for said in plain["events"]:
            steering = self._control(said)
            if steering is None:
                records.append(scribe.record(said))
            else:
                control.append(steering)
        begins = min(record.recorded_at for record in records) - SUBSCRIBED_BEFORE
        browsers = [scribe.of_browser(who, who, begins) for who in self._subscribed()]
        last = max([r.recorded_at for r in records] + [one.decided_to for one in wanted])
        until = calendar.at(plain["until"]) if "until" in plain else last + WATCHED_AFTER
        return Story(
            title=plain["story"],
            calendar=calendar,
            prefix=self._prefix,
            partitions=tuple(int(number) for number in plain.get("partitions", ("1", "4"))),
            control=tuple(control),
            records=(*browsers, *records),
            expected=tuple(wanted),
            until=until,
        )

    def _version(self, effective_at: int) -> ScenarioVersion:
        text = written(self._file)
        version = version_of(text)
        return ScenarioVersion(
            type="version", version=version, effective_at=effective_at, yaml=text
        )

    def _control(self, said: Any) -> Steering | None:
        """``TIME shop pauses``, ``TIME shop resumes`` or ``TIME shop applies: settings``."""
        sentence = next(iter(said)) if isinstance(said, dict) else said
        at, rest = self._calendar.take(sentence)
        if isinstance(said, dict):
            if rest.startswith("shop starts "):
                return self._campaign(rest.removeprefix("shop starts "), at, said[sentence])
            if rest != "shop applies":
                raise ValueError(f"{sentence!r} with settings: say `TIME shop applies`")
            self._file = changed(self._file, said[sentence])
            return self._version(at)
        if rest.startswith("shop stops "):
            name = rest.removeprefix("shop stops ")
            return CampaignStop(type="campaign_stop", campaign_id=name, at=at)
        if rest.startswith("shop loads "):
            pool, *codes = rest.removeprefix("shop loads ").split()
            return VoucherBatch(
                type="vouchers", pool=pool, batch=f"{pool}/{at}", effective_at=at,
                codes=tuple(codes), value=1500, currency="PLN", expires_at=at + 20 * WEEK_MS,
            )  # fmt: skip
        if rest in ("shop pauses", "shop resumes"):
            return Pause(type="pause", paused=rest == "shop pauses", at=at)
        return None

    def _campaign(self, name: str, at: int, said: Mapping[str, Any]) -> CampaignStart:
        """A campaign's file; with ``audience`` its messages are spread by that."""
        file = {**said, "id": name}
        for when in ("at", "until"):
            text = file.get(when, "now")
            if text.endswith(" local"):
                file[when] = self._calendar.wall(text.removesuffix(" local")).isoformat()
            elif text != "now":
                file[when] = f"{self._calendar.wall(text).isoformat()}{self._calendar.offset(text)}"
        audience = file.pop("audience", None)
        return CampaignStart(
            type="campaign_start", campaign_id=name, at=at, yaml=_dumped(file),
            audience=None if audience is None else int(audience),
        )  # fmt: skip

    def _subscribed(self) -> list[str]:
        """Who has a browser from the start: everybody named, unless the story says who."""
        if "subscribed" in self._plain:
            said = self._plain["subscribed"]
            return [] if said == "nobody" else list(said)
        named = [said.split() for said in self._plain["events"] if isinstance(said, str)]
        people = [self._calendar.take(" ".join(words))[1].split()[0] for words in named]
        return [who for who in dict.fromkeys(people) if who != "shop"]


@cache
def shipped() -> Any:
    """The shipped scenario file as plain data, every scalar a text."""
    return yaml.load(SHIPPED.read_text(), Loader=_LOADER)


def _with(others: Iterable[str]) -> dict[str, Any]:
    """The shipped file with the scenarios that take part."""
    file, wanted = shipped(), (*ALWAYS, *others)
    scenarios = {name: file["scenarios"][name] for name in wanted}
    return {**file, "policy": {**file["policy"], "holdout": "0"}, "scenarios": scenarios}


def first_text() -> str:
    """The same file's own text, those scenarios alone, nobody in the holdout or tired."""
    text = re.sub(r"^(  (?:holdout|fatigue_after)): \d+", r"\1: 0", SHIPPED.read_text(), flags=re.M)
    head, scenarios, copies = re.split(r"^(?=scenarios:|copy:)", text, flags=re.M)
    first, *blocks = re.split(r"^(?=  \w+:\n)", scenarios, flags=re.M)
    kept = [block for block in blocks if block.strip().partition(":")[0] in ALWAYS]
    return "".join((head, first, *kept, copies))


def first_file(**settings: Any) -> str:
    """The shipped file with those scenarios alone that take part in every story, no holdout.

    ``settings`` as a story has them.
    """
    return written(changed(_with(()), settings))


def written(file: Mapping[str, Any]) -> str:
    """A scenario file's text."""
    return "".join(_section(name, section) for name, section in file.items())


def _section(name: str, section: Any) -> str:
    """A section's text. One that a story leaves as it is shipped is written once for all."""
    if section is not shipped().get(name):
        return _dumped({name: section})
    known = _WRITTEN.get(name)
    if known is None or known[0] is not section:
        known = _WRITTEN[name] = (section, _dumped({name: section}))
    return known[1]


def _dumped(plain: Mapping[str, Any]) -> str:
    return str(yaml.dump(plain, Dumper=_DUMPER, allow_unicode=True, sort_keys=False))


def changed(file: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario file with a story's settings in it: a scenario's by its name, or a section's.

    ``removed`` takes a key out; a list takes the place of the one before.
    """
    by_section: dict[str, Any] = {"scenarios": {}}
    for name, value in settings.items():
        place = by_section if name in _SECTIONS else by_section["scenarios"]
        place[name] = value
    return _merged(file, by_section)


def _merged(file: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(file)
    for name, value in settings.items():
        if value == "removed":
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merged(merged[name], value)
        else:
            merged[name] = value
    return merged
