"""What happened lately is known again by a mark of four bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors import marks
from processors.marks import marked


@given(st.lists(st.text(max_size=3), max_size=20), st.text(max_size=3), st.integers(1, 8))
def test_the_newest_are_known_again_and_no_others(told: list[str], asked: str, most: int) -> None:
    kept: list[str] = []
    row = b""
    for text in told:
        now = marked(row, text, most)
        assert (now is None) == (text in kept)
        if now is not None:
            row, kept = now, [*kept, text][-most:]
    assert (marked(row, asked, most) is None) == (asked in kept)


def test_the_end_of_one_and_the_beginning_of_the_next_are_no_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = {"ann": 0x01020304, "bob": 0x05060708, "eve": 0x03040506}
    monkeypatch.setattr(marks, "short_hash", numbers.__getitem__)
    row = marked(marked(b"", "ann", 8) or b"", "bob", 8) or b""
    assert marked(row, "eve", 8) == row + b"\x03\x04\x05\x06"
    assert marked(row, "bob", 8) is None
