"""How long a push waits for another try."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.backoff import MAX_RETRY_AFTER_S, backoff_s, parse_retry_after

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("Mon, 21 Sep 2026 14:16:00", 160.0),
        ("9" * 400, MAX_RETRY_AFTER_S),
        ("99999999", MAX_RETRY_AFTER_S),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("١٢", None),
    ],
)
def test_what_the_push_service_asks_for(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.text(max_size=80))
def test_any_header_is_a_bounded_wait_or_none(header: str) -> None:
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_S


@given(st.floats(0, 2_000_000_000))
def test_a_date_round_trips_to_the_second(at: float) -> None:
    seconds = parse_retry_after(formatdate(at, usegmt=True), 0.0)
    assert seconds == min(float(int(at)), MAX_RETRY_AFTER_S)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waits_grow_and_stay_bounded(attempt: int, luck: float) -> None:
    wait = backoff_s(attempt, 1.0, 300.0, lambda: luck)
    assert 0.5 <= wait <= 300.0
    assert wait <= backoff_s(attempt + 1, 1.0, 300.0, lambda: 0.0)
