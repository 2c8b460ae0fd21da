"""What was looked at, by columns, is what a plain list of it would say."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from processors import bounds
from processors.looks import NEVER_SEEN, Categories, Viewed, put
from processors.traces import Interest
from tests.processors.shop import NOON

AT = st.integers(NOON, NOON + 12)
NAMES = st.sampled_from([f"lamp-{number}" for number in range(bounds.MAX_VIEWED + 3)])
VIEWS = st.tuples(
    NAMES, st.none() | st.sampled_from(["red", "blue"]), AT, st.none() | st.integers(0, 99),
    st.booleans(),
)  # fmt: skip
PLAIN = st.tuples(NAMES, st.none(), AT, st.integers(0, 99), st.just(False))


def at_rest(viewed: Viewed) -> Viewed:
    return msgspec.json.decode(msgspec.json.encode(viewed), type=Viewed)


@given(st.lists(VIEWS | PLAIN, max_size=60), st.booleans())
def test_views_are_those_of_a_list_kept_by_time(
    views: list[tuple[str, str | None, int, int | None, bool]], in_order: bool
) -> None:
    viewed, plain = Viewed(), list[Interest]()
    for told in sorted(views, key=lambda view: view[2]) if in_order else views:
        assert viewed.see(*told) == put(plain, Interest(*told), bounds.MAX_VIEWED)
        assert list(viewed) == plain
        assert viewed.times() == [one.at for one in plain]
        viewed = at_rest(viewed)
    assert list(reversed(viewed)) == plain[::-1]
    assert list(Viewed.of(plain)) == plain


def seen(categories: dict[str, tuple[int, int]], name: str, at: int) -> int:
    """A look at a category, by the rule's own words; answers how many there were before."""
    before, newest = categories.get(name, (0, 0))
    categories[name] = (before + 1, max(newest, at))
    if len(categories) > bounds.MAX_CATEGORIES:
        del categories[min(categories, key=lambda name: (categories[name][1], name))]
    return before


@given(st.lists(st.tuples(NAMES, AT), max_size=60), st.booleans())
def test_categories_are_those_seen_last_and_as_often_as_they_were(
    looks: list[tuple[str, int]], in_order: bool
) -> None:
    categories, plain = Categories(), dict[str, tuple[int, int]]()
    for name, at in sorted(looks, key=lambda look: look[1]) if in_order else looks:
        assert categories.see(name, at) == seen(plain, name, at)
        assert categories.by_name() == plain
    assert Categories.of(plain).by_name() == plain
    favourite = max(plain, key=lambda name: (*plain[name], name)) if plain else None
    assert categories.favourite() == favourite


def test_a_product_never_viewed_was_never_seen() -> None:
    assert Viewed().see("lamp", None, NOON, 5999, False) == NEVER_SEEN
