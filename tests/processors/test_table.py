"""The rows of a partition and its timers: nobody is forgotten, nobody is woken twice."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from processors.table import NEVER, RESERVED, ProfileTable


def test_a_row_put_is_there_and_a_row_deleted_is_gone() -> None:
    table = ProfileTable()
    number = table.put(b"ann", b"{}")
    assert table.get(b"ann") == b"{}"
    assert table.key_of(number) == b"ann"
    assert len(table) == 1

    table.put(b"ann", None)

    assert table.get(b"ann") is None
    assert b"ann" not in table
    assert table.key_of(number) is None
    assert len(table) == 0


def test_deleting_who_was_never_there_does_nothing() -> None:
    table = ProfileTable()
    assert table.put(b"ann", None) == -1
    assert len(table) == 0


def test_a_number_set_free_serves_the_next_user_and_wakes_nobody_by_mistake() -> None:
    table = ProfileTable()
    ann = table.put(b"ann", b"{}")
    table.wake_at(ann, 1000)
    table.put(b"ann", None)
    bob = table.put(b"bob", b"{}")

    assert bob == ann
    assert table.next_wake() == NEVER
    assert table.pop_due(5000) is None


def test_who_has_a_number_and_no_row_yet_is_no_user_of_a_recovery() -> None:
    table = ProfileTable()
    table.number_for(b"ann")
    table.put(b"bob", b"{}")
    assert [key for _, key, _ in table.users()] == [b"bob"]


def test_reserved_keys_are_kept_apart_from_users() -> None:
    table = ProfileTable()
    assert table.put(RESERVED + b"core", b"x") == -1
    assert table.reserved == {RESERVED + b"core": b"x"}
    assert len(table) == 0
    table.put(RESERVED + b"core", None)
    assert table.reserved == {}


def test_the_earliest_wake_counts_and_a_later_one_changes_nothing() -> None:
    table = ProfileTable()
    ann = table.put(b"ann", b"{}")
    table.wake_at(ann, 2000)
    table.wake_at(ann, 3000)
    table.wake_at(ann, 1000)

    assert table.pop_due(999) is None
    assert table.pop_due(1000) == ann
    assert table.next_wake() == NEVER


def test_users_are_woken_in_order_of_time() -> None:
    table = ProfileTable()
    for name, due in ((b"ann", 3000), (b"bob", 1000), (b"cid", 2000)):
        table.wake_at(table.put(name, b"{}"), due)
    woken = []
    while (number := table.pop_due(2500)) is not None:
        woken.append(table.key_of(number))
    assert woken == [b"bob", b"cid"]
    assert table.next_wake() == 3000


def test_a_user_moved_a_hundred_thousand_times_does_not_fill_the_heap() -> None:
    table = ProfileTable()
    ann = table.put(b"ann", b"{}")
    for time in range(100_000, 0, -1):
        table.wake_at(ann, time)
    assert len(table._heap) <= 2 * len(table) + 1025
    assert table.pop_due(1) == ann


moves = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 50), st.booleans()), max_size=60
)


@given(moves)
def test_everyone_is_woken_once_at_the_earliest_time_asked_for(
    moves: list[tuple[str, int, bool]],
) -> None:
    table = ProfileTable()
    wanted: dict[bytes, int] = {}
    for name, due, delete in moves:
        key = name.encode()
        if delete:
            table.put(key, None)
            wanted.pop(key, None)
        else:
            table.wake_at(table.put(key, b"{}"), due)
            wanted[key] = min(due, wanted.get(key, NEVER))
    woken: dict[bytes, int] = {}
    for clock in range(52):
        while (number := table.pop_due(clock)) is not None:
            key_woken = table.key_of(number)
            assert key_woken is not None
            assert key_woken not in woken
            woken[key_woken] = clock
    assert woken == wanted


changes = st.tuples(st.sampled_from([b"ann", b"bob", b"eve", RESERVED + b"x"]),
                    st.none() | st.sampled_from([b"{1}", b"{2}"]))  # fmt: skip


@given(st.lists(changes, max_size=12), st.lists(changes, max_size=12))
def test_a_changelog_loaded_at_once_is_as_one_put_row_by_row(
    before: list[tuple[bytes, bytes | None]], read: list[tuple[bytes, bytes | None]]
) -> None:
    loaded, put = ProfileTable(), ProfileTable()
    for key, row in before:
        loaded.put(key, row)
        put.put(key, row)
    loaded.load([SimpleNamespace(key=key, value=row) for key, row in read])
    for key, row in read:
        put.put(key, row)
    assert list(loaded.users()) == list(put.users())
    assert (len(loaded), loaded.reserved) == (len(put), put.reserved)
