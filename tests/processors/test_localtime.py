"""Days, weeks and nights, also where clocks jump."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.localtime import QuietHours, day_start, local, week_start, zone

WARSAW = ZoneInfo("Europe/Warsaw")
NIGHT = QuietHours(time(22), time(8))


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def test_a_zone_that_nobody_knows_is_the_shops() -> None:
    assert zone("Mars/Olympus", "Europe/Warsaw") == WARSAW
    assert zone("../etc/passwd", "Europe/Warsaw") == WARSAW
    assert zone("", "Europe/Warsaw") == WARSAW
    assert zone(None, "Europe/Warsaw") == WARSAW
    assert zone("Asia/Tokyo", "Europe/Warsaw") == ZoneInfo("Asia/Tokyo")


def test_a_day_begins_at_local_midnight_also_when_it_has_23_or_25_hours() -> None:
    for day in ("2026-03-29", "2026-10-25", "2026-06-10"):
        begins = datetime.fromisoformat(day).replace(tzinfo=WARSAW)
        noon = begins.replace(hour=12)
        assert day_start(round(noon.timestamp() * 1000), WARSAW) == begins.timestamp() * 1000
    short = day_start(ms("2026-03-30T12:00+02:00"), WARSAW) - day_start(
        ms("2026-03-29T12:00+02:00"), WARSAW
    )
    assert short == 23 * 3_600_000


def test_a_day_whose_midnight_does_not_exist_begins_with_its_first_instant() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # 2026-04-24: 0:00 is 1:00
    first = ms("2026-04-23T22:00+00:00")
    assert day_start(ms("2026-04-24T12:00+03:00"), cairo) == first
    assert local(first, cairo).hour == 1


def test_a_week_begins_on_monday() -> None:
    monday = ms("2026-06-08T00:00+02:00")
    assert week_start(monday, WARSAW) == monday
    assert week_start(ms("2026-06-14T23:59+02:00"), WARSAW) == monday
    assert week_start(ms("2026-06-15T00:00+02:00"), WARSAW) == ms("2026-06-15T00:00+02:00")


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-06-10T21:59:59+02:00", None),
        ("2026-06-10T22:00:00+02:00", "2026-06-11T08:00:00+02:00"),
        ("2026-06-11T00:00:00+02:00", "2026-06-11T08:00:00+02:00"),
        ("2026-06-11T07:59:59.999+02:00", "2026-06-11T08:00:00+02:00"),
        ("2026-06-11T08:00:00+02:00", None),
        ("2026-03-28T23:00:00+01:00", "2026-03-29T08:00:00+02:00"),
        ("2026-10-24T23:00:00+02:00", "2026-10-25T08:00:00+01:00"),
    ],
)
def test_the_night_is_from_ten_to_eight(at: str, until: str | None) -> None:
    assert NIGHT.until(ms(at), WARSAW) == (None if until is None else ms(until))


def test_quiet_hours_within_a_day() -> None:
    siesta = QuietHours(time(13), time(15))
    assert siesta.until(ms("2026-06-10T12:59+02:00"), WARSAW) is None
    assert siesta.until(ms("2026-06-10T13:00+02:00"), WARSAW) == ms("2026-06-10T15:00+02:00")
    assert siesta.until(ms("2026-06-10T15:00+02:00"), WARSAW) is None


def test_quiet_hours_from_a_time_to_the_same_time_are_none() -> None:
    assert QuietHours(time(8), time(8)).until(ms("2026-06-10T08:00+02:00"), WARSAW) is None


def test_an_end_that_the_clock_skips_is_the_first_instant_after_the_gap() -> None:
    quiet = QuietHours(time(22), time(2, 30))
    end = quiet.until(ms("2026-03-28T23:00+01:00"), WARSAW)
    assert end == ms("2026-03-29T01:00+00:00")


def test_an_end_that_comes_twice_is_the_first() -> None:
    quiet = QuietHours(time(22), time(2, 30))
    assert quiet.until(ms("2026-10-24T23:00+02:00"), WARSAW) == ms("2026-10-25T02:30+02:00")


def test_in_the_hour_that_comes_again_it_is_quiet_again() -> None:
    """02:15 the second time is before 02:30 once more: the hold lasts until 02:30 once more."""
    quiet = QuietHours(time(22), time(2, 30))
    second = ms("2026-10-25T02:15+01:00")
    assert quiet.until(second, WARSAW) == ms("2026-10-25T02:30+01:00")
    assert quiet.until(ms("2026-10-25T01:59+02:00"), WARSAW) == ms("2026-10-25T02:30+02:00")
    assert quiet.until(ms("2026-10-25T02:30+02:00"), WARSAW) is None


ZONES = ("Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
instants = st.datetimes(
    min_value=datetime(2025, 1, 1), max_value=datetime(2028, 1, 1), timezones=st.just(UTC)
)
clocks = st.times().map(lambda t: t.replace(second=0, microsecond=0))


@given(instants, st.sampled_from(ZONES), clocks, clocks)
def test_a_hold_ends_later_and_within_a_day_and_an_hour(
    at: datetime, name: str, start: time, end: time
) -> None:
    tz, quiet, when = ZoneInfo(name), QuietHours(start, end), round(at.timestamp() * 1000)
    until = quiet.until(when, tz)
    if until is not None:
        assert when < until <= when + timedelta(hours=25) // timedelta(milliseconds=1)
