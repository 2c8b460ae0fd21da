"""What each event does to a profile's state."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processors.catalogue import Offer, ProductFacts
from processors.profile import Profile, new_profile
from processors.reduce import PASSIVE, reduce
from schemas.adapters import EVENT_CLASSES
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, cart, event


class Shelves:
    """A shop of which these products are known."""

    by_category = True

    def __init__(self, *known: ProductFacts) -> None:
        self.ties: list[str] = []
        self._known = {facts.product_id: facts for facts in known}

    def product(self, product_id: str, at: int | None = None) -> ProductFacts | None:
        return self._known.get(product_id)


def told(*events: Any) -> Profile:
    profile = new_profile()
    for value in events:
        reduce(profile, value, value.occurred_at, Shelves())
    return profile


def lines(profile: Profile) -> dict[str, int]:
    return {line.product_id: line.quantity for line in profile.cart}


def purchase(at: int, order: str = "A-1", *products: str) -> Any:
    items = [{"product_id": product, "price": 100} for product in products]
    return event("purchase", at, order_id=order, items=items, value=100, currency="PLN")


def snapshot(at: int, *products: str) -> Any:
    items = [{"product_id": product, "price": 100} for product in products]
    return event("cart_snapshot", at, items=items, currency="PLN")


def test_what_a_shopper_causes_is_activity_and_what_the_shop_does_is_not() -> None:
    assert {kind.__name__ for kind in EVENT_CLASSES.values()} - {
        kind.__name__ for kind in PASSIVE
    } == {
        "PageView", "Engagement", "ViewItem", "ViewItemList", "Search", "AddToCart",
        "RemoveFromCart", "CartSnapshot", "AddToWishlist", "StockAlertRequested",
        "RemoveFromWishlist", "BeginCheckout", "CouponAttempt", "Purchase", "SignUp", "Login",
        "VoucherRedeemed", "ReminderSet", "TopicFollow", "TopicUnfollow", "SurveyAnswer",
    }  # fmt: skip


def test_a_pause_of_half_an_hour_begins_a_new_session() -> None:
    visits = [event("search", NOON + at, query="lamp") for at in (0, 29 * MINUTE, 59 * MINUTE)]
    assert told(*visits).sessions == 2
    assert told(*visits).session_at == NOON + 59 * MINUTE
    assert told(*visits).prior_at == NOON + 29 * MINUTE


def test_adding_again_adds_to_the_quantity_and_takes_the_newest_price() -> None:
    profile = told(cart(NOON, price=100), cart(NOON + 1, price=90))
    (line,) = profile.cart
    assert (line.quantity, line.price, line.changed_at) == (2, 90, NOON + 1)


def test_an_older_change_of_a_line_is_ignored() -> None:
    remove = event("remove_from_cart", NOON, product_id="lamp")
    assert lines(told(cart(NOON + 1), remove)) == {"lamp": 1}
    assert lines(told(cart(NOON + 1), cart(NOON))) == {"lamp": 1}


def test_variants_are_lines_of_their_own() -> None:
    fields: Any = {"product_id": "lamp", "price": 1, "currency": "PLN"}
    red = event("add_to_cart", NOON, variant_id="red", **fields)
    remove_plain = event("remove_from_cart", NOON + 1, product_id="lamp")
    profile = told(red, cart(NOON), remove_plain)
    assert [line.variant_id for line in profile.cart] == ["red"]


def test_a_purchase_empties_what_was_there_and_leaves_what_came_after() -> None:
    profile = told(cart(NOON), cart(NOON + 5, product="chair"), purchase(NOON + 2))
    assert lines(profile) == {"chair": 1}
    assert lines(told(purchase(NOON + 2), cart(NOON), cart(NOON + 3, product="chair"))) == {
        "chair": 1
    }


def test_a_purchase_in_the_same_millisecond_as_the_line_buys_it() -> None:
    assert lines(told(cart(NOON), purchase(NOON))) == {}
    assert lines(told(purchase(NOON), cart(NOON))) == {}


def test_a_snapshot_is_the_cart_as_of_its_time() -> None:
    assert lines(told(cart(NOON), snapshot(NOON + 1, "chair"))) == {"chair": 1}
    late = told(cart(NOON), cart(NOON + 5, product="desk"), snapshot(NOON + 1, "chair"))
    assert lines(late) == {"desk": 1, "chair": 1}
    assert lines(told(purchase(NOON + 5), snapshot(NOON + 1, "chair"))) == {}


REMOVED = ("remove_from_cart", "remove_from_wishlist")
DEEDS = st.lists(
    st.sampled_from((
        *(lambda at, of=of: cart(at, product=of) for of in ("lamp", "desk")),
        *(lambda at, of=of: event("add_to_wishlist", at, product_id=of) for of in ("lamp", "desk")),
        *(lambda at, what=what: event(what, at, product_id="lamp") for what in REMOVED),
        lambda at: snapshot(at, "lamp", "chair"),
        snapshot,
        lambda at: purchase(at, f"A-{at}", "lamp"),
    )),
    max_size=7,
)  # fmt: skip


@given(DEEDS.map(lambda deeds: [deed(NOON + at) for at, deed in enumerate(deeds)]), st.data())
def test_what_is_in_the_cart_and_on_the_wishlist_does_not_hang_on_what_arrived_first(
    events: list[Any], data: st.DataObject
) -> None:
    in_order, shuffled = told(*events), told(*data.draw(st.permutations(events)))
    assert lines(shuffled).keys() == lines(in_order).keys()
    assert {i.product_id for i in shuffled.saved} == {i.product_id for i in in_order.saved}


def test_what_was_taken_out_a_day_ago_is_not_remembered() -> None:
    removed = [event("remove_from_cart", at, product_id=of) for at, of in
               ((NOON, "lamp"), (NOON + DAY, "desk"), (NOON + DAY + 1, "chair"))]  # fmt: skip
    assert len(told(*removed).removed) == 2


def test_an_order_told_twice_counts_once() -> None:
    profile = told(purchase(NOON, "A-1", "lamp"), purchase(NOON + 1, "A-1", "lamp"))
    assert (profile.order_count, len(profile.orders)) == (1, 1)


def test_a_retry_changes_nothing() -> None:
    assert lines(told(cart(NOON), cart(NOON))) == {"lamp": 1}


def test_a_product_seen_again_is_there_once_as_seen_last() -> None:
    views = [event("view_item", NOON + n, product_id="lamp", price=100 - n) for n in range(3)]
    (seen,) = told(*views).viewed
    assert (seen.views, seen.price, seen.at) == (3, 98, NOON + 2)
    (shuffled,) = told(views[2], views[0], views[1]).viewed
    assert (shuffled.views, shuffled.price, shuffled.at) == (3, 98, NOON + 2)


def test_what_the_event_does_not_say_the_catalogue_does() -> None:
    facts = ProductFacts("lamp", category="lamps", offers={"": Offer(price=70, quantity=0)})
    profile = new_profile()
    view = event("view_item", NOON, product_id="lamp")
    reduce(profile, view, NOON, Shelves(facts))
    (seen,) = profile.viewed
    assert (seen.price, seen.out) == (70, True)
    assert profile.categories.by_name() == {"lamps": (1, NOON)}
    said = event("view_item", NOON + 1, product_id="lamp", price=80, available=True)
    reduce(profile, said, NOON + 1, Shelves(facts))
    (seen,) = profile.viewed
    assert (seen.price, seen.out) == (80, False)


def test_taking_off_the_wishlist_ends_what_was_saved_before() -> None:
    save = event("add_to_wishlist", NOON + 5, product_id="lamp")
    assert told(save, event("remove_from_wishlist", NOON, product_id="lamp")).saved
    assert not told(save, event("remove_from_wishlist", NOON + 5, product_id="lamp")).saved


def test_a_purchase_ends_the_alert_for_what_was_bought() -> None:
    ask = event("stock_alert_requested", NOON, product_id="lamp")
    assert not told(ask, purchase(NOON + 1, "A-1", "lamp")).asked
    assert told(ask, purchase(NOON + 1, "A-1", "chair")).asked


def test_the_newest_word_on_consent_counts() -> None:
    yes = event("consent_change", NOON, purpose="marketing", granted=True)
    no = event("consent_change", NOON + 1, purpose="marketing", granted=False)
    assert told(yes, no).consents == told(no, yes).consents == {"marketing": (False, NOON + 1)}


def test_an_older_profile_update_that_comes_later_only_adds_what_is_not_known() -> None:
    profile = told(
        event("profile_update", NOON, traits={"loyalty": 3, "language": "pl"}),
        event(
            "profile_update", NOON - DAY, traits={"loyalty": 2, "city": "Łódź", "language": "en"}
        ),
        event("profile_update", NOON - HOUR, traits={"loyalty": None}),
    )
    assert profile.traits == {"loyalty": 3, "language": "pl", "city": "Łódź"}
    assert profile.locale == "pl"


def test_history_that_comes_later_changes_neither_the_language_nor_the_timezone() -> None:
    now = event("search", NOON, query="lamp", locale="pl", timezone="Europe/Warsaw")
    then = event("search", NOON - DAY, query="lampa", locale="tr", timezone="Asia/Tokyo")
    for profile in (told(now, then), told(then, now)):
        assert (profile.locale, profile.timezone) == ("pl", "Europe/Warsaw")


def test_traits_are_merged_by_name_and_null_takes_one_away() -> None:
    profile = told(
        event("profile_update", NOON, traits={"city": "Łódź", "vip": True, "language": "pl"}),
        event("profile_update", NOON + 1, traits={"vip": None, "tags": ["a"]}),
    )
    assert profile.traits == {"city": "Łódź", "language": "pl", "tags": ["a"]}
    assert profile.locale == "pl"


def test_events_are_counted_by_hour_and_day_late_ones_in_their_own() -> None:
    profile = told(
        cart(NOON), event("search", NOON + 2 * HOUR, query="x"), purchase(NOON + DAY, "A-1"),
        event("view_item", NOON + HOUR, product_id="lamp"),
    )  # fmt: skip
    hour, day = NOON // HOUR, NOON // DAY
    assert profile.hours == [
        [hour + 1, 1, 1, 0, 0],
        [hour + 2, 1, 0, 0, 0],
        [hour + 24, 1, 0, 0, 1],
    ]
    assert profile.days == [[day, 3, 1, 1, 0, 0], [day + 1, 1, 0, 0, 1, 100]]
