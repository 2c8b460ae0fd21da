"""Days, weeks and nights in the user's own time. Wall times by zoneinfo with pinned tzdata."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

HOUR_MS = 3_600_000
DAY_MS = 86_400_000


@lru_cache(maxsize=1024)
def zone(name: str | None, fallback: str) -> ZoneInfo:
    """The zone of that name; the fallback's where the name is none or unknown."""
    if name:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    return ZoneInfo(fallback)


def clock_span(start: time, end: time) -> int:
    """From one time of the clock to the next such time of the other (ms); 0 where they are one."""
    minutes = (end.hour - start.hour) * 60 + end.minute - start.minute
    return minutes * 60_000 % DAY_MS


def local(at: int, tz: ZoneInfo) -> datetime:
    """The wall's time at ``at`` (ms)."""
    return datetime.fromtimestamp(at / 1000, tz)


def _epoch_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@lru_cache(maxsize=4096)
def _day_bounds(ordinal: int, tz: ZoneInfo) -> tuple[int, int]:
    day = datetime.fromordinal(ordinal).replace(tzinfo=tz)
    following = datetime.fromordinal(ordinal + 1).replace(tzinfo=tz)
    return _epoch_ms(day), _epoch_ms(following)


def day_start(at: int, tz: ZoneInfo) -> int:
    """The first instant (ms) of the local calendar day of ``at``."""
    return _day_bounds(local(at, tz).toordinal(), tz)[0]


def week_start(at: int, tz: ZoneInfo) -> int:
    """The first instant (ms) of the local ISO week (from Monday) of ``at``."""
    today = local(at, tz)
    return _day_bounds(today.toordinal() - today.weekday(), tz)[0]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``start`` to ``end``, local wall time; over midnight where ``start`` is the later."""

    start: time
    end: time

    def hold(self, wall: time) -> bool:
        """Whether that wall time lies in them; none does where they end as they begin."""
        if self.start > self.end:
            return wall >= self.start or wall < self.end
        return self.start <= wall < self.end

    def until(self, at: int, tz: ZoneInfo) -> int | None:
        """The first instant (ms) past the quiet hours that ``at`` lies in; ``None`` outside them.

        An end that the clock skips (spring) is the first instant after the gap; one that comes
        twice (autumn) is the first of the two (``fold=0``), unless that is past: then the second.
        """
        now = local(at, tz)
        wall = now.time()
        if not self.hold(wall):
            return None
        tomorrow = self.start > self.end and wall >= self.start
        day = now.date() + timedelta(days=1 if tomorrow else 0)
        end = datetime.combine(day, self.end, tzinfo=tz)
        instant = end.astimezone(UTC)
        if instant.astimezone(tz).time() != self.end:
            instant = _after_gap(end, tz)
        ends = (_epoch_ms(instant), _epoch_ms(end.replace(fold=1)))
        return next((until for until in ends if until > at), None)


def _after_gap(wall: datetime, tz: ZoneInfo) -> datetime:
    """The first instant after the gap that a skipped wall time lies in."""
    before = (wall - timedelta(days=1)).astimezone(UTC)
    after = (wall + timedelta(days=1)).astimezone(UTC)
    offset = before.astimezone(tz).utcoffset()
    while after - before > timedelta(milliseconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(tz).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=after.microsecond // 1000 * 1000)
