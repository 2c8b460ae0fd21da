"""Who cares for a product: named once, never missed."""

from hypothesis import given
from hypothesis import strategies as st

from processors.index import InterestIndex


def test_a_product_that_nobody_saw_has_no_watchers() -> None:
    assert InterestIndex().watchers(["lamp"]) == []


def test_who_looks_a_thousand_times_is_named_once_and_takes_little_room() -> None:
    index = InterestIndex()
    for _ in range(1000):
        index.add("lamp", 7)
    assert index.watchers(["lamp"]) == [7]
    assert len(index._users["lamp"]) <= 64


@given(st.lists(st.tuples(st.sampled_from(["lamp", "chair"]), st.integers(0, 2000)), max_size=400))
def test_the_watchers_of_a_product_are_all_who_were_added(seen: list[tuple[str, int]]) -> None:
    index = InterestIndex()
    for product, number in seen:
        index.add(product, number)
    for product in ("lamp", "chair"):
        assert index.watchers([product]) == sorted({n for name, n in seen if name == product})


def test_what_recovery_reads_of_a_user_is_kept_once_however_often_the_row_names_it() -> None:
    index = InterestIndex()
    index.tie(3, ["lamp", "chair", "lamp"])
    index.tie(5, ["lamp"])
    assert list(index._users["lamp"]) == [3, 5]
    assert index.watchers(["chair"]) == [3]
