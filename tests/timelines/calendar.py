"""A story's times: ``10:34:59``, ``Thu 10:00``, ``2026-10-25 01:30Z``."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_TIME = re.compile(
    rf"(?:(?P<day>{'|'.join(DAYS)}|\d{{4}}-\d\d-\d\d) )?"
    r"(?P<clock>\d\d:\d\d(?::\d\d(?:\.\d{3})?)?)(?P<utc>Z)?(?= |$|\.\.|,)"
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Reads and writes times. ``day``: the story's first; ``tz``: the shop's.

    ``shift``: how much later (ms) than written the story takes place.
    """

    day: date
    tz: ZoneInfo
    shift: int = 0

    def take(self, text: str) -> tuple[int, str]:
        """The time (epoch ms) that ``text`` begins with, and the rest.

        A weekday is the first such day from the story's first on; none is the first day itself.

        Raises:
            ValueError: it does not begin with a time.
        """
        found = _TIME.match(text)
        if found is None:
            raise ValueError(f"{text!r} does not begin with a time like 10:30 or Thu 10:30")
        wall = datetime.combine(self._date(found["day"]), time.fromisoformat(found["clock"]))
        moment = wall.replace(tzinfo=UTC if found["utc"] else self.tz)
        return round(moment.timestamp() * 1000) + self.shift, text[found.end() :].lstrip()

    def at(self, text: str) -> int:
        """The time (epoch ms) that ``text`` is.

        Raises:
            ValueError: it is none.
        """
        moment, rest = self.take(text)
        if rest:
            raise ValueError(f"{rest!r} stands after the time {text!r}")
        return moment

    def noon(self, day: str) -> int:
        """Noon (epoch ms) of a date like ``2026-06-12``."""
        return self.at(f"{day} 12:00")

    def date_of(self, day: str) -> date:
        """The date that ``day`` (a weekday, or a date) comes to."""
        return self.wall(f"{day} 12:00").date()

    def wall(self, text: str) -> datetime:
        """The shop's clock at a time, without its zone."""
        return datetime.fromtimestamp(self.at(text) / 1000, self.tz).replace(tzinfo=None)

    def offset(self, text: str) -> str:
        """The shop's offset from UTC at a time: ``+02:00``."""
        return datetime.fromtimestamp(self.at(text) / 1000, self.tz).isoformat()[-6:]

    def write(self, at: int) -> str:
        """The shortest way to write ``at`` (epoch ms)."""
        moment = datetime.fromtimestamp((at - self.shift) / 1000, self.tz)
        clock = moment.strftime("%H:%M")
        if moment.second or moment.microsecond:
            clock += moment.strftime(":%S")
        if moment.microsecond:
            clock += f".{moment.microsecond // 1000:03}"
        return self._write_day(moment.date()) + clock

    def _date(self, name: str | None) -> date:
        if name is None:
            return self.day
        if name in DAYS:
            return self.day + timedelta(days=(DAYS.index(name) - self.day.weekday()) % 7)
        return date.fromisoformat(name)

    def _write_day(self, day: date) -> str:
        later = (day - self.day).days
        if later == 0:
            return ""
        return f"{DAYS[day.weekday()]} " if 0 < later < 7 else f"{day} "
