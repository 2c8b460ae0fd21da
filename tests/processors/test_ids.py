"""Ids are a contract: the same moment has the same id in every release, live and in a replay."""

from hypothesis import given
from hypothesis import strategies as st

from processors.ids import decision_id, short_hash, spread


def test_a_decisions_id_is_what_it_was_in_the_first_release() -> None:
    known = decision_id("ann", "cart_abandoned", "cart", 1, 1_781_086_800_000)
    assert known == "29de13ba99ba6be67b35c919de4d9cc3"
    assert short_hash("ann") == 3877663347
    assert spread("ann", 2_700_000) == 2488837


def test_every_part_of_it_counts_and_none_runs_into_the_next() -> None:
    ids = {
        decision_id("ann", "s", "e", 1, 2), decision_id("ann", "s", "e", 2, 1),
        decision_id("anns", "", "e", 1, 2), decision_id("an", "ns", "e", 1, 2),
        decision_id("ann", "s", "e1", 1, 2), decision_id("ann", "se", "", 1, 2),
    }  # fmt: skip
    assert len(ids) == 6


@given(st.text(), st.integers(-5, 10**9))
def test_a_place_in_a_spread_lies_within_it(text: str, width: int) -> None:
    place = spread(text, width)
    assert place == 0 if width <= 0 else 0 <= place < width
