"""Times as people type them."""

import pytest

from nudge.problem import Problem
from nudge.when import ago, duration_ms, moment_ms, rfc3339, since_ms

NOW = 1_772_359_200_000
"""2026-03-01T10:00:00Z"""


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90s", 90_000), ("20m", 1_200_000), ("1h30m", 5_400_000), ("7d", 604_800_000),
     ("250ms", 250), ("2 h", 7_200_000)],
)  # fmt: skip
def test_a_duration_is_a_number_and_a_unit(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "5", "h", "5x", "-5m", "1h30", "1.5h"])
def test_what_is_no_duration_says_how_one_looks(text: str) -> None:
    with pytest.raises(Problem, match="no duration") as caught:
        duration_ms(text)
    assert caught.value.exit_code == 2
    assert "1h30m" in caught.value.cure


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", NOW),
        ("+10m", NOW + 600_000),
        ("-1h", NOW - 3_600_000),
        ("1772359200000", NOW),
        ("2026-03-01T10:00:00Z", NOW),
        ("2026-03-01T11:00:00+01:00", NOW),
    ],
)
def test_a_moment_may_be_told_in_many_ways(text: str, at: int) -> None:
    assert moment_ms(text, now=NOW) == at


def test_since_an_hour_is_an_hour_ago_and_since_a_time_is_that_time() -> None:
    assert since_ms("1h", now=NOW) == NOW - 3_600_000
    assert since_ms("2026-03-01T10:00:00Z", now=NOW) == NOW
    with pytest.raises(Problem):
        since_ms("tomorrow", now=NOW)
    with pytest.raises(Problem, match="too far away"):
        since_ms("99999999d", now=NOW)


@pytest.mark.parametrize("text", ["-99999999d", "+99999999d", "1969-12-31T23:59:59Z"])
def test_a_time_that_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="too far away"):
        moment_ms(text, now=NOW)


def test_times_are_written_as_rfc_3339_and_lengths_in_their_greatest_unit() -> None:
    assert rfc3339(NOW + 7) == "2026-03-01T10:00:00.007Z"
    assert [ago(ms) for ms in (5_000, 600_000, 10_800_000, 259_200_000)] == [
        "5 s", "10 min", "3 h", "3 d",
    ]  # fmt: skip
