"""Who logs in is told so in one place, wherever their two ids live."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.identity import HANDOVER_DELAY_MS
from tests.laws.bench import FAR, Bench, busy_book
from tests.laws.conftest import EXAMPLES
from tests.laws.lives import VISITOR, lives, record
from tests.oracle.comparing import plain, replayed, verdicts
from tests.oracle.generator import Record, number_records

pytestmark = pytest.mark.timeout(60 + 5 * EXAMPLES)

moves = st.sampled_from(({"type": "login"}, {"type": "sign_up"}))
logins = st.lists(
    st.tuples(st.integers(0, 30), moves, st.sampled_from(("ann", "bob"))), min_size=1, max_size=3
)
"""After how many of the records the visitor says who they are, and how."""


def with_logins(life: list[Record], said: list[tuple[int, dict[str, str], str]]) -> list[Record]:
    """The same life; what follows a login follows at once."""
    told = list(life)
    for number, (place, deed, user) in enumerate(said):
        at = told[min(place, len(told) - 1)]["at"]
        told.append(record(VISITOR, {**deed, "user_id": user}, at, at, 900 + number))
    return sorted(told, key=lambda each: each["at"])


@given(lives(people=(VISITOR, "ann", "bob"), disorder=True), logins)
def test_it_does_not_matter_over_how_many_partitions_the_shoppers_are_spread(
    life: list[Record], said: list[tuple[int, dict[str, str], str]]
) -> None:
    # As many as want to are told of new stock: how many may be is counted by partition.
    told, book = with_logins(life, said), busy_book(per_unit=1_000)
    until = told[-1]["at"] + FAR
    one, seven = (
        replayed(number_records(told, partitions), book, partitions=partitions, until=until)
        for partitions in (1, 7)
    )
    assert verdicts(plain(one.decisions)) == verdicts(plain(seven.decisions))


def test_a_handover_that_was_overtaken_is_listed_and_one_in_its_place_is_not() -> None:
    cart = {"type": "add_to_cart", "product_id": "lamp", "price": 1_000, "currency": "PLN"}
    at = 1_800_000_000_000
    for away, listed in ((HANDOVER_DELAY_MS, []), (HANDOVER_DELAY_MS + 1, ["ann"])):
        bench = Bench()
        bench.step([record(VISITOR, cart, at, at, 1)])
        [handed] = bench.hold([record(VISITOR, {"type": "login", "user_id": "ann"}, at, at, 2)])
        page = {"type": "page_view", "url": "https://shop.example/"}
        bench.step([record("bob", page, at + away, at + away, 3)])
        bench.tell([bench.arrived(handed)])
        assert [late.user_id for answer in bench.answers for late in answer.late] == listed
