"""Durations are written as people say them, and a bare number is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", 90_000), ("20m", 1_200_000), ("1h30m", 5_400_000), ("7d", 604_800_000),
        ("2w", 1_209_600_000), ("250ms", 250), ("1d2h3m4s5ms", 93_784_005), ("0s", 0), ("0", 0),
        (" 20m ", 1_200_000), (0, 0),
    ],
)  # fmt: skip
def test_what_people_write_is_read(text: object, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "text", ["", "20", "m", "20 m", "-5m", "1.5h", "20min", "1h 30m", 20, 2.5, True, None, ["1m"]]
)
def test_what_could_be_misread_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="like 90s, 20m, 1h30m or 7d"):
        parse_duration(text)


@given(st.integers(0, 10**12))
def test_what_is_written_is_read_back(ms: int) -> None:
    assert parse_duration(format_duration(ms)) == ms
