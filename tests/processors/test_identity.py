"""One person, two ids: where the browser and the events go, at login, after it, after logout."""

from dataclasses import replace
from typing import Any

import pytest

from processors import bounds
from processors.effects import Effects
from processors.inputs import EVENT_RANK
from processors.scenario_file import load
from schemas.adapters import SHOP_EVENT
from schemas.people import subscription_id_of
from schemas.structs import struct_of
from tests.processors.shop import DAY, MINUTE, NOON, Shop, event, only
from tests.timelines.stories import SHIPPED

PHONE = subscription_id_of("https://push.example/phone", "key", "secret")


def visit(at: int, visitor: str = "visitor-1") -> Any:
    return event("page_view", at, None, anonymous_id=visitor, url="https://shop.example")


def login(at: int, user: str = "ann", visitor: str = "visitor-1") -> Any:
    return event("login", at, user, anonymous_id=visitor)


def logout(at: int, user: str = "ann", visitor: str | None = "visitor-1") -> Any:
    return event("logout", at, user, **({"anonymous_id": visitor} if visitor else {}))


def settle(shop: Shop, effects: Effects) -> None:
    """Hands on what the core writes to its own inputs until nothing more comes of it."""
    for _ in range(5):
        if not effects.handovers and not effects.subscriptions:
            return
        effects = shop.hand_on(effects)
    pytest.fail("the handovers go round in a circle")


def tell(shop: Shop, value: Any) -> None:
    settle(shop, shop.tell(value))


def browsers(shop: Shop, user: str) -> list[str]:
    row = shop.core.table.get(user.encode())
    return [] if row is None else [d.subscription_id for d in shop.profile(user).devices]


def logged_in() -> Shop:
    shop = Shop(reachable=False)
    shop.subscribe("visitor-1", "phone", NOON)
    tell(shop, visit(NOON))
    tell(shop, login(NOON + MINUTE))
    return shop


def test_the_browser_goes_to_the_user_at_login() -> None:
    shop = logged_in()
    assert browsers(shop, "ann") == [PHONE]
    assert browsers(shop, "visitor-1") == []


def test_after_logout_the_browser_is_the_visitors_again_and_stays_so() -> None:
    shop = logged_in()
    tell(shop, logout(NOON + 2 * MINUTE))
    assert browsers(shop, "ann") == []
    assert browsers(shop, "visitor-1") == [PHONE]


def test_after_logout_what_the_visitor_does_is_no_longer_the_users() -> None:
    shop = logged_in()
    tell(shop, logout(NOON + 2 * MINUTE))
    before = shop.profile("ann").active_at
    tell(shop, visit(NOON + 3 * MINUTE))
    assert shop.profile("ann").active_at == before
    assert shop.profile("visitor-1").active_at == NOON + 3 * MINUTE


def test_a_browser_that_subscribed_after_the_login_is_found_by_the_logout_too() -> None:
    shop = Shop(reachable=False)
    tell(shop, visit(NOON))
    tell(shop, login(NOON + MINUTE))
    settle(shop, shop.subscribe("visitor-1", "phone", NOON + 2 * MINUTE))
    assert browsers(shop, "ann") == [PHONE]

    tell(shop, logout(NOON + 3 * MINUTE))

    assert browsers(shop, "ann") == []
    assert browsers(shop, "visitor-1") == [PHONE]


def test_the_next_user_of_the_same_browser_gets_it_and_only_that_one() -> None:
    shop = logged_in()
    tell(shop, logout(NOON + 2 * MINUTE))
    tell(shop, login(NOON + 3 * MINUTE, "bob"))
    assert browsers(shop, "ann") == []
    assert browsers(shop, "bob") == [PHONE]


def test_a_logout_that_arrives_after_the_next_users_login_takes_nothing_from_them() -> None:
    shop = logged_in()
    late = logout(NOON + 2 * MINUTE)
    tell(shop, login(NOON + 3 * MINUTE, "bob"))
    tell(shop, late)
    assert browsers(shop, "ann") == []
    assert browsers(shop, "bob") == [PHONE]
    tell(shop, visit(NOON + 4 * MINUTE))
    assert shop.profile("bob").active_at == NOON + 4 * MINUTE


def test_a_logout_without_the_browsers_id_unbinds_them_all() -> None:
    shop = logged_in()
    shop.subscribe("ann", "desk", NOON)
    assert len(browsers(shop, "ann")) == 2
    tell(shop, logout(NOON + 2 * MINUTE, visitor=None))
    assert browsers(shop, "ann") == []


def test_the_users_other_browsers_stay_bound() -> None:
    shop = logged_in()
    shop.subscribe("ann", "desk", NOON)
    tell(shop, logout(NOON + 2 * MINUTE))
    assert browsers(shop, "ann") == [
        subscription_id_of("https://push.example/desk", "key", "secret")
    ]


def test_after_thirty_days_the_visitor_is_somebody_of_their_own_again() -> None:
    shop = logged_in()
    tell(shop, visit(NOON + 29 * DAY))
    assert shop.profile("ann").active_at == NOON + 29 * DAY
    tell(shop, visit(NOON + 31 * DAY))
    assert shop.profile("ann").active_at == NOON + 29 * DAY
    assert shop.profile("visitor-1").active_at == NOON + 31 * DAY


def test_a_retry_of_the_login_hands_nothing_over_twice() -> None:
    shop = logged_in()
    again = shop.tell(login(NOON + MINUTE))
    assert again.handovers == []


def test_erasure_leaves_a_stub_that_remembers_nothing() -> None:
    shop = logged_in()
    tell(shop, event("erasure_requested", NOON + 2 * MINUTE))
    row = shop.core.table.get(b"ann")
    assert row is not None
    assert b"visitor" not in row
    assert b"push.example" not in row
    late = event("page_view", NOON + MINUTE, url="https://shop.example")
    shop.step(shop.user_record(EVENT_RANK, "ann", late, NOON + 3 * MINUTE))
    assert shop.core.table.get(b"ann") == row


def test_fifty_visitors_of_one_user_do_not_grow_the_profile_without_end() -> None:
    shop = Shop(reachable=False)
    for number in range(50):
        at, visitor = NOON + number * MINUTE, f"visitor-{number}"
        settle(shop, shop.subscribe(visitor, f"phone-{number}", at))
        tell(shop, visit(at, visitor))
        tell(shop, login(at + 1, "ann", visitor))
    ann = shop.profile("ann")
    assert len(ann.devices) == 10
    assert len(ann.aliases) == 10


def opened_by(shop: Shop, user: str) -> dict[str, str]:
    """The version of the rules that opened each of the user's moments."""
    profile = shop.profile(user)
    return {moment.scenario: moment.version or profile.opens_by for moment in profile.moments}


@pytest.mark.parametrize("ann_waits_already", [True, False])
def test_what_older_rules_opened_stays_theirs_whatever_is_opened_later_and_joined_by_a_login(
    ann_waits_already: bool,
) -> None:
    kept = ("cart_abandoned", "wishlist_reminder", "viewed_reminder")
    rules = only(load(SHIPPED.read_text()), kept)
    shop = Shop(replace(rules, version="older"))
    lamp = {"product_id": "lamp", "price": 1}
    nobody = {"anonymous_id": "visitor-1"}
    tell(shop, event("add_to_cart", NOON, None, **nobody, **lamp, currency="PLN"))
    shop.core.desk.book.add(replace(rules, version="newer"), NOON + MINUTE)
    tell(shop, event("add_to_wishlist", NOON + 2 * MINUTE, None, **nobody, **lamp))
    assert opened_by(shop, "visitor-1") == {"cart_abandoned": "older", "wishlist_reminder": "newer"}
    if ann_waits_already:
        shop.core.desk.book.add(replace(rules, version="newest"), NOON + 3 * MINUTE)
        tell(shop, event("view_item", NOON + 4 * MINUTE, product_id="desk"))
    tell(shop, login(NOON + 5 * MINUTE))
    hers = opened_by(shop, "ann")
    assert hers.pop("viewed_reminder", None) == ("newest" if ann_waits_already else None)
    assert hers == {"cart_abandoned": "older", "wishlist_reminder": "newer"}


def test_a_user_and_a_visitor_who_know_much_become_one_who_knows_no_more_than_fits() -> None:
    shop = Shop(only(load(SHIPPED.read_text()), ["reminder"]))
    for user, visitor in (("ann", None), (None, "visitor-1")):
        who = {} if visitor is None else {"anonymous_id": visitor}
        name = user or visitor
        traits = {f"{name}-{number}": number for number in range(bounds.MAX_TRAITS)}
        tell(shop, event("profile_update", NOON, user, traits=traits, **who))
        for number in range(bounds.MAX_MOMENTS):
            said = {"type": "reminder_set", "event_id": f"{name}-{number}", "user_id": user,
                    "occurred_at": NOON, "reminder_id": f"{name}-{number}", "title": "Tea",
                    "at": NOON + 9 * DAY, **who}  # fmt: skip
            tell(shop, struct_of(SHOP_EVENT.validate_python(said)))
    tell(shop, login(NOON + MINUTE))
    ann = shop.profile("ann")
    assert len(ann.moments) == bounds.MAX_MOMENTS
    assert len(ann.traits) == bounds.MAX_TRAITS
    assert "ann-49" in ann.traits
