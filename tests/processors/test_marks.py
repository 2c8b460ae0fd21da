"""What happened lately is known again by a mark of four bytes."""

from hypothesis import given
from hypothesis import strategies as st

from processors.marks import holds, mark_of, newest_marks


@given(st.lists(st.text(max_size=3), max_size=20), st.text(max_size=3), st.integers(1, 8))
def test_the_newest_are_known_again_and_no_others(told: list[str], asked: str, most: int) -> None:
    marks = b""
    for text in told:
        marks = newest_marks(marks + mark_of(text), most)
    assert holds(marks, mark_of(asked)) == (asked in told[-most:])


def test_the_end_of_one_and_the_beginning_of_the_next_are_no_mark() -> None:
    marks = mark_of("ann") + mark_of("bob")
    assert not holds(marks, marks[2:6])
    assert holds(marks, marks[4:])
