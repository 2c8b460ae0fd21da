"""Who is in a segment, what is wrong with one, and who is told of coming and going."""

import re
from pathlib import Path

import pytest

from nudge.replay.replayer import Replayer
from processors.config import SegmentConfig
from processors.features import FEATURES, OWN_TRAIT, feature_table
from processors.lined_yaml import Path as YamlPath
from processors.looks import Categories, Viewed
from processors.profile import Profile, new_profile
from processors.rule_book import RuleBook
from processors.scenario_file import ScenarioFileError, load
from processors.segments import Segment, compile_segments
from processors.traces import Interest, Order
from schemas.adapters import parse_shop_event, to_json
from schemas.segments import SegmentChange

PAGE = (Path(__file__).parents[2] / "docs" / "segments.md").read_text(encoding="utf-8")
DAY = 86_400_000
HOUR = 3_600_000
NOON = 1_781_085_600_000

FILE = """
shop: {name: Nordhus, url: https://shop.example, cart_url: https://shop.example/cart,
  checkout_url: https://shop.example/checkout, timezone: Europe/Warsaw, locale: en}
segments:
  readers: {where: {views_30d: {at_least: 2}}, publish: true}
  sleepers:
    where: {last_visit: {at_least: 30d}}
    publish: true
  gold: {where: {loyalty: gold}}
scenarios:
  welcome: {use: after_event, on: sign_up, segment: gold}
copy:
  welcome: {en: [{title: Welcome, body: Hello, url: "https://shop.example"}]}
"""


def refused(*changes: tuple[str, str]) -> tuple[tuple[int, str, str], ...]:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(ScenarioFileError) as caught:
        load(text)
    return tuple((p.line, p.message, p.cure) for p in caught.value.problems)


def segment(**config: object) -> Segment:
    def refuse(path: YamlPath, message: str, cure: str) -> None:
        raise AssertionError((path, message, cure))

    return compile_segments({"one": SegmentConfig.model_validate(config)}, refuse)["one"]


def shopper() -> Profile:
    """Three orders, the last a week ago; likes lamps; was here an hour ago for ten minutes."""
    profile = new_profile()
    profile.known = True
    profile.sessions, profile.first_at = 5, NOON - 90 * DAY
    profile.active_at, profile.session_at = NOON - HOUR, NOON - HOUR - 600_000
    profile.order_count, profile.bought_at = 3, NOON - 7 * DAY
    profile.orders = [Order("A-1", NOON - 7 * DAY, 30_000, "PLN"),
                      Order("A-2", NOON - 40 * DAY, 10_000, "PLN")]  # fmt: skip
    today = NOON // DAY
    profile.days = [[today - 40, 9, 9, 0, 1, 10_000], [today - 7, 5, 3, 1, 1, 30_000]]
    profile.viewed = Viewed.of([Interest("lamp", None, NOON - HOUR, 4_999)])
    profile.categories = Categories.of({"Lamps": (4, NOON - HOUR), "chairs": (1, NOON - DAY)})
    profile.traits = {"loyalty": "Gold", "city": "Poznań", "tags": ["vip"], "points": 120}
    profile.locale, profile.timezone = "pl-PL", "Europe/Warsaw"
    return profile


@pytest.mark.parametrize(
    "where",
    [
        {"visits": {"at_least": 5}},
        {"visits": 5},
        {"last_visit": {"at_most": "1h"}},
        {"last_order": {"at_least": "7d", "at_most": "8d"}},
        {"visit_length": {"at_least": "10m"}},
        {"visit_depth": 1},
        {"views_30d": 3},
        {"orders_30d": 1},
        {"spend_30d": 30_000},
        {"average_order": 20_000},
        {"price_level": {"at_most": 5_000}},
        {"categories": ["lamps", "sofas"]},
        {"favourite_category": "lamps"},
        {"loyalty": ["gold", "platinum"]},
        {"city": "poznań"},
        {"tags": "vip"},
        {"language": "pl"},
        {"timezone": ["America/New_York", "europe/warsaw"]},
        {"traits.points": {"at_least": 100}},
        {"known": True},
        {"subscribed": False},
    ],
)
def test_a_shopper_is_in_the_segments_that_fit(where: dict[str, object]) -> None:
    assert segment(where=where).holds(shopper(), NOON)


@pytest.mark.parametrize(
    "where",
    [
        {"visits": {"at_least": 6}},
        {"last_order": {"at_most": "6d"}},
        {"spend_30d": {"at_least": 40_000}},
        {"categories": "sofas"},
        {"country": "PL"},
        {"last_voucher": {"at_least": "1h"}},
        {"traits.points": "many"},
        {"visits": 5, "known": False},
    ],
)
def test_and_not_in_those_that_do_not_or_of_which_nothing_is_known(
    where: dict[str, object],
) -> None:
    assert not segment(where=where).holds(shopper(), NOON)


def test_one_of_any_is_enough_and_one_of_none_too_much() -> None:
    any_of = [{"city": "Oslo"}, {"loyalty": "gold"}]
    assert segment(any=any_of).holds(shopper(), NOON)
    assert not segment(any=any_of[:1]).holds(shopper(), NOON)
    assert not segment(any=any_of, none=[{"tags": "vip", "known": True}]).holds(shopper(), NOON)
    assert segment(any=any_of, none=[{"tags": "vip", "known": False}]).holds(shopper(), NOON)


def test_who_refused_profiling_is_in_no_segment() -> None:
    profile = shopper()
    profile.consents["profiling"] = (False, NOON)
    assert not segment(where={"visits": 5}).holds(profile, NOON)
    assert not segment(none=[{"city": "Oslo"}]).holds(profile, NOON)


def test_why_not_names_the_shoppers_own_values() -> None:
    found = segment(
        where={"visits": 5, "last_order": {"at_most": "6d"}}, none=[{"tags": ["vip"]}]
    ).findings(shopper(), NOON)
    assert [(finding.said, finding.good) for finding in found] == [
        ("visits is 5 (5)", True),
        ("last_order is at most 6d (7d)", False),
        ("not: tags is vip (vip)", False),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "cure"),
    [
        ("loyalty: gold", "loyality: gold", 9, "there is no feature 'loyality'", "'loyalty'"),
        ("{at_least: 30d}", "30d", 7, "met only by chance", "{at_most: 30d}"),
        ("{at_least: 30d}", "{at_least: 30}", 7, "write a duration with its unit", "30d"),
        ("{at_least: 30d}", "{at_least: 3d, at_most: 2d}", 7, "nobody", "{at_most: 30d}"),
        ("{at_least: 2}", "many", 5, "never 'many': it is a number", "{at_least: 3}"),
        ("{loyalty: gold}", "{loyalty: {at_least: 2}}", 9, "a word has no bounds", "gold"),
        ("{loyalty: gold}", "{loyalty: []}", 9, "an empty list", "gold"),
        ("{loyalty: gold}", "{timezone: Mars/X}", 9, "no timezone 'Mars/X'", "Europe/Warsaw"),
        ("{loyalty: gold}", "{language: polish}", 9, "never 'polish'", "language: pl"),
        ("{loyalty: gold}", "{language: pl-PL}", 9, "bare code", "language: pl"),
        ("{loyalty: gold}", "{spend_30d: {at_least: 10.50}}", 9, "minor units", "50000"),
        ("{loyalty: gold}", "{average_order: 10.50}", 9, "10.5 is no amount", "minor units"),
        ("where: {loyalty: gold}", "publish: false", 9, "says nothing of anybody", "where"),
        ("where: {loyalty: gold}", "any: [{}]", 9, "it says nothing", "name a feature"),
        ("where: {loyalty: gold}", "were: {loyalty: gold}", 9, "no such setting", "'where'"),
        ("segment: gold", "segment: golden", 11, "there is no segment 'golden'", "'gold'"),
    ],
)
def test_a_mistake_has_its_line_and_its_cure(
    old: str, new: str, line: int, message: str, cure: str
) -> None:
    problems = refused((old, new))
    assert any(p[0] == line and message in p[1] and cure in p[2] for p in problems), problems


def told(*events: tuple[int, str, dict[str, object]], until: int) -> list[SegmentChange]:
    book = RuleBook()
    book.add(load(FILE), 0)
    replayer = Replayer(book, partitions=2)
    for number, (at, kind, fields) in enumerate(events):
        plain = {"type": kind, "event_id": f"e{number}", "user_id": "ann", "occurred_at": at}
        replayer.shop_event(parse_shop_event(to_json(plain | fields)), at)
    return sorted(replayer.finish(until).segments, key=lambda change: (change.at, change.segment))


def words(changes: list[SegmentChange]) -> list[tuple[int, str, bool]]:
    return [(change.at, change.segment, change.entered) for change in changes]


LAMP: dict[str, object] = {"product_id": "lamp"}


def test_who_enters_is_told_when_the_visit_ends_and_who_leaves_when_time_moves_them() -> None:
    last = NOON + 60_000
    changes = told((NOON, "view_item", LAMP), (last, "view_item", LAMP), until=NOON + 60 * DAY)
    assert words(changes) == [
        (last + HOUR // 2, "readers", True),
        (last + 30 * DAY, "readers", False),
        (last + 30 * DAY, "sleepers", True),
    ]


def test_nobody_is_looked_at_twice_within_an_hour() -> None:
    """The second visit ends 35 minutes after the first: what it changed is told at the hour."""
    second = NOON + HOUR // 2 + 5 * 60_000
    changes = told((NOON, "view_item", LAMP), (second, "view_item", LAMP), until=NOON + 2 * DAY)
    first_look = NOON + HOUR // 2
    assert words(changes) == [(first_look + HOUR, "readers", True)]


def test_who_asks_to_be_forgotten_leaves_every_segment() -> None:
    forgotten = NOON + DAY
    changes = told(
        (NOON, "view_item", LAMP), (NOON, "view_item", LAMP),
        (forgotten, "erasure_requested", {}), until=NOON + 60 * DAY,
    )  # fmt: skip
    assert words(changes)[1:] == [(forgotten, "readers", False)]


def test_the_page_lists_the_features_that_there_are() -> None:
    assert feature_table() in PAGE
    for name in re.findall(r"[{ ](\w+): ", PAGE.split("```yaml")[1].split("scenarios:")[0]):
        known = {"where", "any", "none", "publish", "at_least", "at_most", "segments"}
        assert name in known | set(FEATURES) | {"lamp_lovers", "best_customers"}
    assert f"`{OWN_TRAIT}NAME`" in PAGE


def test_the_pages_example_is_a_good_file() -> None:
    example = PAGE.split("```yaml\n")[1].split("scenarios:")[0]
    text = FILE.split("segments:", maxsplit=1)[0] + example + "scenarios: {}\ncopy: {}\n"
    assert set(load(text).segments) == {"lamp_lovers", "best_customers"}
