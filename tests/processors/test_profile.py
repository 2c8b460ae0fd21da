"""A profile is bounded, and a row is read by the release before and after its own."""

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors import bounds
from processors.glance import categories_of, glance
from processors.looks import Viewed
from processors.moment import Moment
from processors.profile import SCHEMA, Profile
from processors.rows import NewerProfileError, decode, encode, from_plain, to_plain
from processors.traces import Interest
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, event

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
MAX_ROW_BYTES = 64_000

BOUNDS = {
    "cart": bounds.MAX_CART, "viewed": bounds.MAX_VIEWED, "saved": bounds.MAX_SAVED,
    "asked": bounds.MAX_ASKED, "categories": bounds.MAX_CATEGORIES, "orders": bounds.MAX_ORDERS,
    "sent": bounds.MAX_SENT, "pending": bounds.MAX_PENDING, "devices": bounds.MAX_DEVICES,
    "aliases": bounds.MAX_ALIASES, "moments": bounds.MAX_MOMENTS, "finals": 4 * bounds.MAX_FINALS,
    "recent": 4 * bounds.MAX_RECENT, "hours": bounds.MAX_HOURS, "days": bounds.MAX_DAYS,
    "traits": bounds.MAX_TRAITS, "newest": bounds.MAX_NEWEST,
    "topics": bounds.MAX_TOPICS, "displays": bounds.MAX_DISPLAYS,
    "touches": bounds.MAX_CLICKS + bounds.MAX_SHOWN, "credits": bounds.MAX_CREDITS,
    "again": bounds.MAX_AGAIN,
}  # fmt: skip


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_row_of_this_release_is_read_and_written_byte_by_byte(path: Path) -> None:
    row = path.read_bytes().rstrip(b"\n")
    assert encode(decode(row)) == row


FIRST_MAJOR = sorted((Path(__file__).parent / "golden_1").glob("*.json"))


@pytest.mark.parametrize("path", FIRST_MAJOR, ids=lambda path: path.stem)
def test_a_row_of_the_first_major_release_is_brought_to_the_form_of_this_one(path: Path) -> None:
    row = path.read_bytes()
    now = (path.parents[1] / "golden" / path.name).read_bytes().rstrip(b"\n")
    assert encode(decode(row)) == now
    assert glance(row).subjects() == glance(now).subjects()
    assert set(categories_of(row)) == set(categories_of(now))


NEVER_AT_REST = {"calm_until", "open_viewed", "open_categories"}


def test_what_is_known_only_while_a_profile_is_open_is_not_written_and_stays() -> None:
    profile = decode(GOLDEN[0].read_bytes())
    row = encode(profile)
    profile.calm_until = 5
    viewed, categories = profile.viewed, profile.categories
    assert encode(profile) == row
    assert profile.calm_until == 5
    assert (profile.viewed, profile.categories) == (viewed, categories)


NAMES = st.one_of(st.text(max_size=8), st.sampled_from(["],false,1]", ",false,1],[", "a,false,1]"]))
VIEWS = st.builds(
    Interest, NAMES, st.none() | NAMES, st.integers(0, NOON), st.none() | st.integers(0, 10**6),
    st.booleans(), st.integers(1, 3),
)  # fmt: skip


@given(st.lists(VIEWS, max_size=bounds.MAX_VIEWED))
def test_views_are_read_as_they_were_whatever_a_product_is_called(views: list[Interest]) -> None:
    profile = decode(GOLDEN[0].read_bytes())
    profile.viewed = Viewed.of(sorted(views, key=lambda view: view.at))
    assert list(decode(encode(profile)).viewed) == list(profile.viewed)


def test_what_most_views_have_in_common_takes_no_room() -> None:
    profile = decode(GOLDEN[0].read_bytes())
    profile.viewed = Viewed.of(
        [Interest("lamp", None, NOON, 5999), Interest("desk", None, NOON + 7)]
    )
    assert b'"vw":{"t":%d,"n":["lamp","desk"],"g":[0,7],"p":[5999,null]}' % (NOON + 7) in encode(
        profile
    )


def test_the_golden_rows_hold_every_field_there_is() -> None:
    named = set().union(*(orjson.loads(path.read_bytes()) for path in GOLDEN))
    fields = {field.encode_name for field in msgspec.structs.fields(Profile)}
    assert fields - named == {"extra", *NEVER_AT_REST}
    moments = [m for path in GOLDEN for m in orjson.loads(path.read_bytes()).get("mo", ())]
    fields = {field.encode_name for field in msgspec.structs.fields(Moment)}
    assert fields == set().union(*moments)


def golden(name: str) -> dict[str, Any]:
    path = next(path for path in GOLDEN if path.stem == name)
    plain: dict[str, Any] = orjson.loads(path.read_bytes())
    return plain


def test_what_a_newer_minor_release_added_is_carried_along() -> None:
    newer = golden("shopper") | {"v": SCHEMA + 1, "zz": {"later": [1, 2]}, "yy": "kept"}
    profile = decode(orjson.dumps(newer))
    profile.active_at += 1
    written = orjson.loads(encode(profile))
    assert written == newer | {"aa": newer["aa"] + 1}
    assert orjson.loads(encode(decode(encode(profile)))) == written


def test_a_newer_major_release_is_refused_with_what_to_do() -> None:
    row = orjson.dumps(golden("shopper") | {"v": SCHEMA + 100})
    with pytest.raises(NewerProfileError, match=r"3\.00.*up to 2\.x.*start the newer release"):
        decode(row)
    with pytest.raises(NewerProfileError):
        from_plain(orjson.loads(row))


@pytest.mark.parametrize("form", [{}, {"vw": 5}, {"mo": {"later": 1}, "k": "yes"}])
def test_a_worker_refuses_to_start_on_a_newer_majors_rows_whatever_their_form(
    form: dict[str, Any],
) -> None:
    shop, row = Shop(), orjson.dumps(golden("shopper") | {"v": SCHEMA + 100} | form)
    with pytest.raises(NewerProfileError):
        decode(row)
    shop.core.table.put(b"ann", row)
    with pytest.raises(NewerProfileError):
        Shop(table=shop.core.table)


def test_what_goes_over_the_wire_comes_back_the_same() -> None:
    profile = decode(orjson.dumps(golden("shopper")))
    assert encode(from_plain(to_plain(profile))) == encode(profile)


def assert_bounded(profile: Profile, row: bytes) -> None:
    for name, most in BOUNDS.items():
        assert len(getattr(profile, name)) <= most, name
    assert len(row) <= MAX_ROW_BYTES


def anything(random: Random, at: int) -> Any:
    """Some event of a shopper who never tires."""
    product: Any = {
        "product_id": f"product-{random.randrange(500)}",
        "price": random.randrange(10**6),
    }
    money = {"currency": "PLN"}
    kind = random.choice((
        "view_item", "add_to_cart", "add_to_wishlist", "stock_alert_requested", "purchase",
        "order_status", "profile_update", "cart_snapshot", "consent_change", "begin_checkout",
    ))  # fmt: skip
    fields: dict[str, Any] = {
        "view_item": product | {"category": f"category-{random.randrange(50)}"},
        "add_to_cart": product | money,
        "add_to_wishlist": product,
        "stock_alert_requested": product,
        "purchase": {"order_id": f"order-{at}", "items": [product], "value": 1, **money},
        "order_status": {"order_id": f"order-{at}", "status": "packed"},
        "profile_update": {"traits": {f"trait-{random.randrange(500)}": "x" * 50}},
        "cart_snapshot": {"items": [{**product, "product_id": f"p-{n}"} for n in range(80)],
                          **money},
        "consent_change": {"purpose": "marketing", "granted": bool(random.randrange(2))},
    }.get(kind, {})  # fmt: skip
    return event(kind, at, **fields)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_however_long_a_shopper_goes_on_the_profile_stays_small(seed: int) -> None:
    random, shop, at = Random(seed), Shop(), NOON
    for _ in range(600):
        at += random.choice((1, MINUTE, HOUR, 6 * HOUR))
        shop.tell(anything(random, at))
        if random.randrange(4) == 0:
            shop.tick(at)
    assert_bounded(shop.profile("ann"), encode(shop.profile("ann")))


def test_a_hundred_browsers_of_one_user_are_ten_the_newest() -> None:
    shop = Shop()
    for number in range(100):
        shop.subscribe("ann", f"phone-{number}", NOON + number)
    devices = shop.profile("ann").devices
    assert [device.seen_at for device in devices] == [NOON + n for n in range(90, 100)]


def test_a_hundred_orders_news_in_one_night_wait_bounded_and_each_gets_its_reason() -> None:
    shop, night = Shop(), NOON + 11 * HOUR
    for number in range(100):
        at = night + number
        shop.tell(event("order_status", at, order_id=f"order-{number}", status="packed"))
    assert_bounded(shop.profile("ann"), encode(shop.profile("ann")))
    assert len(shop.profile("ann").moments) == bounds.MAX_MOMENTS
    shop.tick(night + DAY)
    finals = [decision for decision in shop.decisions if decision.final]
    assert len(finals) == 100
    assert [d.reason.value for d in finals].count("superseded") == 40


def test_a_list_of_two_hundred_products_does_not_wait_whole_in_a_profile() -> None:
    from processors.scenario_file import load
    from tests.timelines.stories import SHIPPED

    lists = "  lists: {use: after_event, on: view_item_list, wait: 1h, copy: cart_abandoned}\n"
    shop = Shop(load(SHIPPED.read_text().replace("\ncopy:\n", f"\n{lists}\ncopy:\n", 1)))
    ids = [f"product-{number}-{'x' * 100}" for number in range(200)]
    shop.tell(event("view_item_list", NOON, category="lamps", product_ids=ids))
    assert len(encode(shop.profile("ann"))) < 2000
