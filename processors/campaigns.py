"""What a campaign says to whom and when. It is a scenario that no event opens: a walk does."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from processors.campaign_file import CampaignKind, Said, When, scenario_name
from processors.config import Priority
from processors.copy import Copy
from processors.ids import spread
from processors.localtime import QuietHours, clock_span, zone
from processors.moment import Moment
from processors.profile import Profile
from processors.rules import Rules
from processors.scenarios.base import NOTHING, Scenario
from processors.table import NEVER
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason
from schemas.structs import Envelope

_MINUTE = 60_000
_EARLIEST = timezone(timedelta(hours=14))
"""Where a day begins first (Kiribati): a walk for the users' own times starts then."""
_LATEST = timezone(timedelta(hours=-12))
_LOOK_DAYS = 400


class Occurrence(NamedTuple):
    """One time that a campaign speaks. ``at`` (ms): when its walk begins; ``wall``: by the clock,
    with a zone where it is one instant for all."""

    at: int
    wall: datetime | None
    entity: str


class Campaign(Scenario):
    """``started_at`` (ms): nothing before; ``audience``: how many it was counted for."""

    priority = Priority.MASS
    outlives_click = True
    stopped_at: int = NEVER

    def __init__(self, said: Said, started_at: int, audience: int | None) -> None:
        file = said.file
        super().__init__(scenario_name(file.kind, file.id), file.settings())
        self.file = file
        self.started_at = started_at
        self.audience = audience
        self._copies = said.copies
        window = file.window
        self._closed = None if window is None else QuietHours(window.end, window.start)

    @property
    def ends_on(self) -> frozenset[type[Envelope]]:
        sale = self.file.kind is CampaignKind.FLASH_SALE
        return frozenset({e.Purchase}) if sale else NOTHING

    @property
    def label(self) -> str:
        return self.file.id

    def copy_names(self) -> tuple[str, ...]:
        return ()

    def own_copy(self, moment: Moment) -> Copy:
        return self._copies[0 if moment.step == 1 else 1]

    # When

    def next_after(self, after: int, shop: ZoneInfo) -> Occurrence | None:
        """The first occurrence whose walk begins after ``after`` (ms); ``None`` for no more."""
        found = self._following(after, shop)
        return None if found is None or found.at >= self.stopped_at else found

    def occurrence(self, at: int, shop: ZoneInfo) -> Occurrence | None:
        """The one whose walk begins at ``at`` (ms), stopped meanwhile or not."""
        return self._following(at - 1, shop)

    def _following(self, after: int, shop: ZoneInfo) -> Occurrence | None:
        schedule = self.file.schedule
        if schedule is None:
            assert self.file.at is not None
            found = Occurrence(self.begins, self.file.at.wall, self.file.id)
            return found if after < found.at else None
        after = max(after, self.started_at - 1)
        tz = None if schedule.local else shop
        day = datetime.fromtimestamp(after / 1000, _EARLIEST).date() - timedelta(days=2)
        for ahead in range(_LOOK_DAYS):
            on = day + timedelta(days=ahead)
            if schedule.falls_on(on):
                wall = datetime.combine(on, schedule.at, tzinfo=tz)
                begins = self._begins_on(on, wall)
                if begins is not None and begins > after:
                    return None if self._is_over(begins, wall) else self._on(begins, wall, on)
        return None

    def _begins_on(self, on: date, wall: datetime) -> int | None:
        """When (ms) the walk for a day's time begins; ``None`` where that was over everywhere."""
        if _last(wall) < self.started_at:
            return None
        if wall.tzinfo is not None:
            return _first(wall)
        # An occurrence is known by its time: two days can be under way when a campaign is started.
        started_on = datetime.fromtimestamp(self.started_at / 1000, _EARLIEST).date()
        return max(_first(wall), self.started_at + 2 + (on - started_on).days)

    def _is_over(self, begins: int, wall: datetime) -> bool:
        """Whether it has ended for everybody when that time comes, ``begins`` (ms) first of all."""
        end = None if self.file.until is None else self.file.until.wall
        if end is not None and end.tzinfo is None and wall.tzinfo is None:
            return wall >= end
        return begins >= self.last_end()

    def _on(self, begins: int, wall: datetime, day: date) -> Occurrence:
        return Occurrence(begins, wall, f"{self.file.id}/{day}")

    @property
    def begins(self) -> int:
        """When (ms) the walk of one that does not recur begins."""
        wall = None if self.file.at is None else self.file.at.wall
        return self.started_at if wall is None else max(_first(wall), self.started_at)

    def last_instant(self) -> int | None:
        """When (ms) it begins for the last users; ``None`` where that is no one time."""
        wall = None if self.file.at is None else self.file.at.wall
        return None if wall is None else _last(wall)

    def through_at(self) -> int:
        """When (ms) its first messages are expected to be out, at its pace, the window aside."""
        begins = max(self.last_instant() or 0, self.started_at)
        return min(begins + self._width(), self.last_end())

    def _width(self) -> int:
        return (self.audience or 0) * _MINUTE // self.file.pace

    def last_end(self) -> int:
        """When (ms) it is over for everybody; :data:`NEVER` where it has no end."""
        until = self.file.until
        if until is None or until.wall is None:
            return NEVER
        return _last(until.wall)

    def until_for(self, tz: ZoneInfo) -> int:
        """When (ms) it ends for a user there; :data:`NEVER` where it has no end."""
        return self._instant(self.file.until, tz)

    def _instant(self, when: When | None, tz: ZoneInfo) -> int:
        """A time of the file for a user (ms); :data:`NEVER` where there is none."""
        if when is None or when.wall is None:
            return NEVER
        wall = when.wall
        return _ms(wall.replace(tzinfo=tz) if wall.tzinfo is None else wall)

    # To whom

    def is_for(self, profile: Profile, rules: Rules, at: int, *, assumed: bool) -> bool:
        """Whether the user is of its audience at ``at`` (ms): in the segment, with a browser."""
        if profile.alias_to is not None or not (profile.devices or (assumed and profile.sessions)):
            return False
        return rules.holds_for(self, profile, at)

    def open_for(self, turn: Turn, occurrence: Occurrence) -> None:
        """Opens the user's moment, at a place of their own within what the pace asks for."""
        tz = zone(turn.profile.timezone, turn.rules.shop.timezone)
        wall = occurrence.wall
        planned = occurrence.at
        if wall is not None and wall.tzinfo is None:
            planned = _ms(wall.replace(tzinfo=tz))
        missed = planned < min(occurrence.at, self.started_at)
        until = self.until_for(tz)
        if self.file.schedule is not None and (missed or planned >= until):
            return  # where the user is there was no such time: not yet, or not any more
        due = self._place(max(planned, turn.at), occurrence.entity, turn.key, tz)
        data: dict[str, Any] = {"from": planned}
        if until != NEVER:
            data["until"] = until
        moment = turn.open(self, occurrence.entity, due=due, data=data)
        if moment is not None and missed:
            turn.end(moment, Reason.EXPIRED, turn.at)

    def _place(self, planned: int, entity: str, key: str, tz: ZoneInfo) -> int:
        offset = spread(f"{self.name}\x1f{entity}\x1f{key}", self._width())
        if self._closed is None:
            return planned + offset
        due = (self._closed.until(planned, tz) or planned) + offset
        opens = self._closed.until(due, tz)
        if opens is None:
            return due
        assert self.file.window is not None
        return opens + offset % clock_span(self.file.window.start, self.file.window.end)

    def open_from(self, at: int, tz: ZoneInfo) -> int:
        opens = None if self._closed is None else self._closed.until(at, tz)
        return at if opens is None else opens

    # What becomes of it

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        if max(turn.at, turn.desk.now) >= self.stopped_at:
            return Reason.CANCELLED
        return Reason.EXPIRED if turn.at >= moment.data.get("until", NEVER) else None

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        """Who bought in the sale needs no more of it."""
        moment = turn.live(self.name, entity)
        before = moment is not None and event.occurred_at < moment.data["from"]
        return None if before else Reason.PURCHASED

    def expires_at(self, turn: Turn, moment: Moment) -> int:
        until: int = moment.data.get("until", NEVER)
        return min(super().expires_at(turn, moment), until)

    def context(self, _turn: Turn, moment: Moment) -> Mapping[str, Any]:
        return {"campaign": self.said_of(moment)}

    def said_of(self, moment: Moment) -> Mapping[str, Any]:
        """``campaign`` as its copy sees it."""
        until = {"until": moment.data["until"]} if "until" in moment.data else {}
        return {"id": self.file.id, **until}

    def judged(self, turn: Turn, moment: Moment) -> None:
        """Shortly before its end a flash sale speaks again."""
        if self.file.kind is not CampaignKind.FLASH_SALE or moment.step > 1:
            return
        before = self.file.remind_before
        width = min(self._width(), before // 2)
        again = moment.data["until"] - before + spread(f"{self.name}\x1f2\x1f{turn.key}", width)
        if again <= turn.at or turn.at >= self.stopped_at:
            return
        following = turn.open(self, moment.entity, due=again, data=dict(moment.data))
        if following is not None:
            following.step = 2
            following.opened_at, following.version = moment.opened_at, moment.version
            following.identity = moment.identity


def _first(wall: datetime) -> int:
    """When (ms) it is so anywhere first; one that has a zone is one instant."""
    return _ms(wall if wall.tzinfo is not None else wall.replace(tzinfo=_EARLIEST))


def _last(wall: datetime) -> int:
    """When (ms) it is so anywhere last."""
    return _ms(wall if wall.tzinfo is not None else wall.replace(tzinfo=_LATEST))


def _ms(wall: datetime) -> int:
    return round(wall.astimezone(UTC).timestamp() * 1000)
