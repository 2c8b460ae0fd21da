"""A campaign's file: YAML in, :class:`processors.campaigns.Campaign` out, or every mistake."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError

from processors.config import (
    EVERYBODY,
    HOUR,
    Clock,
    Config,
    CopyVariant,
    LinkName,
    ScenarioConfig,
    VoucherSetting,
)
from processors.copy import Copy
from processors.copy_checks import Told, slips, unsaid
from processors.copy_names import HOLDS, of
from processors.durations import Duration
from processors.localtime import QuietHours
from processors.rules import Rules
from processors.template import CopyError
from processors.yaml_file import RefusedFileError, YamlFile
from schemas.push import Urgency

_MINUTES = tuple(time(minute // 60, minute % 60) for minute in range(24 * 60))
"""Of a day, as walls show it."""


class CampaignFileError(RefusedFileError):
    """A campaign's file was refused whole."""


class CampaignKind(StrEnum):
    CAMPAIGN = "campaign"
    FLASH_SALE = "flash_sale"
    RECURRING = "recurring"


@dataclass(frozen=True, slots=True)
class When:
    """``wall``: with an offset one instant, without each user's own. ``None``: at the start."""

    wall: datetime | None

    @property
    def is_local(self) -> bool:
        return self.wall is not None and self.wall.tzinfo is None


def _when(value: Any) -> Any:
    if isinstance(value, When):
        return value
    if value == "now":
        return When(None)
    if isinstance(value, str) and "T" in value.replace(" ", "T"):
        try:
            wall = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if datetime.min.year < wall.year < datetime.max.year:  # in every timezone
                return When(wall)
    raise ValueError(
        "write now, a time like 2026-11-27T10:00 (each user's own), or one with its offset:"
        " 2026-11-27T10:00+01:00"
    )


Time = Annotated[When, BeforeValidator(_when), PlainSerializer(str)]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _days(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


class Schedule(Config):
    """When a recurring campaign speaks: a time of day, on all days or some."""

    every: Literal["day", "week", "month"]
    on: Annotated[tuple[str | int, ...], BeforeValidator(_days)] = ()
    """Of a week: ``Mon`` …; of a month: 1 to 31."""
    at: Clock
    local: bool = False
    """At that time where the user is; else where the shop is."""

    def falls_on(self, day: date) -> bool:
        if self.every == "week":
            return _DAYS[day.weekday()] in self.on
        return self.every == "day" or str(day.day) in {str(number) for number in self.on}


class Window(Config):
    start: Annotated[Clock, Field(alias="from")]
    end: Annotated[Clock, Field(alias="to")]


class CampaignFile(Config):
    """The whole file."""

    id: LinkName
    kind: CampaignKind = CampaignKind.CAMPAIGN
    segment: str
    at: Time | None = None
    until: Time | None = None
    """The end: nothing is sent from then on."""
    schedule: Schedule | None = None
    window: Window | None = None
    """The user's hours in which it may speak."""
    pace: Annotated[int, Field(ge=1, le=60_000)] = 6000
    """Messages a minute, over all workers."""
    ttl: Duration = 4 * HOUR
    urgency: Urgency = Urgency.NORMAL
    voucher: VoucherSetting = None
    remind_before: Duration = 2 * HOUR
    """Of a flash sale: how long before its end it speaks again."""
    copies: Annotated[
        dict[str, Annotated[tuple[CopyVariant, ...], Field(min_length=1)]],
        Field(alias="copy", min_length=1),
    ]
    last_call: dict[str, Annotated[tuple[CopyVariant, ...], Field(min_length=1)]] = {}
    """What a flash sale says then; without it, the same."""

    def settings(self) -> ScenarioConfig:
        """What it has in common with every scenario."""
        segment = None if self.segment == EVERYBODY else self.segment
        return ScenarioConfig().model_copy(
            update={"ttl": self.ttl, "urgency": self.urgency, "voucher": self.voucher,
                    "segment": segment}
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """A file that was found good. ``copies``: what it says, and last what it says at the end."""

    file: CampaignFile
    copies: tuple[Copy, Copy]


def read(text: str, source: str, rules: Rules | None = None) -> Said:
    """A campaign's file; with ``rules`` it is held against their segments and their shop too.

    Raises:
        CampaignFileError: anything is wrong with it.
    """
    return _Loader(text, source).read(rules)


class _Loader(YamlFile):
    refusal = CampaignFileError
    beginning = "start from the example in docs/campaigns.md"

    def read(self, rules: Rules | None) -> Said:
        plain = self.parse()
        try:
            file = CampaignFile.model_validate(plain)
        except ValidationError as error:
            self.explain(error, (), CampaignFile)
            raise self.refused() from None
        self._check_times(file)
        if rules is not None:
            self._check_segment(file, rules)
            self._check_window(file, rules)
        told = None if rules is None else _told(file, rules)
        first = self._copy("copy", file.copies, told)
        last = self._copy("last_call", file.last_call, told) if file.last_call else first
        if self.problems or first is None or last is None:
            raise self.refused()
        return Said(file, (first, last))

    def _check_times(self, file: CampaignFile) -> None:
        kind = file.kind
        if kind is CampaignKind.RECURRING:
            self._check_schedule(file)
        elif file.at is None:
            self.refuse(("at",), "is missing", "write now, or a time like 2026-11-27T10:00")
        elif file.schedule is not None:
            self.refuse(("schedule",), f"a {kind} has none", "kind: recurring has one")
        if kind is CampaignKind.FLASH_SALE and file.until is None:
            self.refuse(("until",), "is missing", "say when the sale ends")
        if file.until is not None and file.until.wall is None:
            self.refuse(("until",), "it would end at once", "write a time to come")
        if file.at is not None and file.until is not None:
            self._check_end(file, file.at, file.until)
        if file.window is not None and file.window.start == file.window.end:
            self.refuse(("window",), "it never opens", "write two different times")
        if file.last_call and kind is not CampaignKind.FLASH_SALE:
            self.refuse(("last_call",), f"a {kind} speaks once", "kind: flash_sale has one")

    def _check_schedule(self, file: CampaignFile) -> None:
        schedule = file.schedule
        if schedule is None:
            cure = 'like {every: week, on: [Mon], at: "10:00"}'
            self.refuse(("schedule",), "is missing", cure)
            return
        if file.at is not None:
            self.refuse(("at",), "a recurring campaign has a schedule instead", "take it out")
        possible = {
            "day": set[str](),
            "week": set(_DAYS),
            "month": {str(number) for number in range(1, 32)},
        }[schedule.every]
        said = {str(day) for day in schedule.on}
        cures = {"day": "take it out", "week": f"of {', '.join(_DAYS)}", "month": "of 1 to 31"}
        if said - possible or (possible and not said):
            self.refuse(("schedule", "on"), "names no such days", cures[schedule.every])

    def _check_end(self, file: CampaignFile, at: When, until: When) -> None:
        if at.wall is None or until.wall is None:
            return
        if at.is_local != until.is_local:
            cure = "give both an offset, or neither"
            self.refuse(("until",), "one time is the user's own, the other is not", cure)
        elif until.wall <= at.wall:
            self.refuse(("until",), "it ends before it begins", "write a later time")
        elif file.kind is CampaignKind.FLASH_SALE and (
            until.wall - timedelta(milliseconds=file.remind_before) <= at.wall
        ):
            cure = "make it shorter than the sale"
            self.refuse(("remind_before",), "the sale is over sooner", cure)

    def _check_window(self, file: CampaignFile, rules: Rules) -> None:
        if file.window is None:
            return
        closed, quiet = QuietHours(file.window.end, file.window.start), rules.quiet_hours
        if all(closed.hold(wall) or quiet.hold(wall) for wall in _MINUTES):
            cure = f"open it between {quiet.end:%H:%M} and {quiet.start:%H:%M}"
            self.refuse(("window",), "it lies in the quiet hours: nobody would hear it", cure)

    def _check_segment(self, file: CampaignFile, rules: Rules) -> None:
        if file.segment != EVERYBODY and file.segment not in rules.segments:
            near = get_close_matches(file.segment, rules.segments, n=1)
            known = ", ".join((EVERYBODY, *rules.segments))
            cure = f"did you mean {near[0]!r}?" if near else f"known: {known}"
            self.refuse(("segment",), f"there is no segment {file.segment!r}", cure)

    def _copy(
        self, name: str, by_locale: Mapping[str, tuple[CopyVariant, ...]], told: Told | None
    ) -> Copy | None:
        try:
            copy = Copy(by_locale, next(iter(by_locale)))
        except CopyError as error:
            self.refuse((name, *error.path), str(error), "see docs/scenario-file.md")
            return None
        if told is None or told.shop is None:
            return copy
        before = len(self.problems)
        self.refuse_all(slips(by_locale, told), (name,))
        if len(self.problems) == before:
            self.refuse_all(unsaid(copy, told.shop, told.tz), (name,))
        return copy


def _told(file: CampaignFile, rules: Rules) -> Told:
    """What its copy is given."""
    own = {"campaign": HOLDS["campaign"] - ({"until"} if file.until is None else set())}
    spoken = own if file.voucher is None else {**own, **of("voucher")}
    return Told(rules.shop_data, rules.shop.timezone, spoken, file.id, (file.id,))


_SCENARIO = re.compile(r"^(campaign|flash_sale|recurring)/(.+)$")


def scenario_name(kind: CampaignKind, campaign_id: str) -> str:
    """The name that decisions have it by: no scenario of a file is called so."""
    return f"{kind}/{campaign_id}"


def kind_of(scenario: str) -> str:
    """A campaign's kind, in the place of its name; every other scenario's name stays."""
    found = _SCENARIO.match(scenario)
    return scenario if found is None else found[1]


def is_campaign(scenario: str) -> bool:
    """Whether decisions of that name are a campaign's."""
    return _SCENARIO.match(scenario) is not None
