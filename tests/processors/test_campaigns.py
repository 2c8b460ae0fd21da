"""Campaigns on the walker: nobody twice, nobody missed, whatever comes between."""

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from processors.campaign_file import CampaignFileError, kind_of, read
from processors.campaigns import Campaign
from processors.partition import Partition
from processors.scenario_file import load
from processors.table import NEVER, ProfileTable
from schemas.campaigns import CampaignStart, CampaignStop
from schemas.decisions import Decision
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, event

WARSAW = ZoneInfo("Europe/Warsaw")
RULES = load("""
shop: {name: Nordhus, url: https://shop.example, cart_url: https://shop.example/cart,
  checkout_url: https://shop.example/checkout, timezone: Europe/Warsaw, locale: en}
segments:
  buyers: {where: {orders: {at_least: 1}}}
scenarios: {}
copy: {}
""")
SPRING = """
id: spring
segment: all
at: now
copy:
  en: [{title: "Spring", body: "It is here.", url: "{{ shop.url }}"}]
"""
AT_ONE_PAST = "at: 2026-06-10T12:01:00+02:00"
USERS = [f"user-{number}" for number in range(23)]


def start(text: str = SPRING, at: int = NOON, audience: int | None = None) -> CampaignStart:
    return CampaignStart(
        type="campaign_start", campaign_id="spring", at=at, audience=audience, yaml=text
    )


def shop_of(users: list[str], *, slice_size: int = 5) -> Shop:
    shop = Shop(RULES, slice_size=slice_size)
    for number, user in enumerate(users):
        shop.tell(event("page_view", NOON - HOUR + number, user, url="https://shop.example"))
    return shop


def sent(shop: Shop) -> list[str]:
    return [d.user_id for d in shop.decisions if d.outcome.value == "sent"]


def walk_to_the_end(shop: Shop) -> int:
    steps = 0
    while shop.core.has_work():
        shop.step()
        steps += 1
    return steps


def test_a_walk_goes_on_by_slices_and_everybody_is_told_once() -> None:
    shop = shop_of(USERS)
    shop.core.desk.book.add_campaign(start())
    assert shop.core.next_due() == NOON
    shop.tick(NOON + 1)
    assert len(sent(shop)) == 5
    assert walk_to_the_end(shop) == 4
    assert Counter(sent(shop)) == Counter(USERS)
    shop.tick(NOON + DAY)
    assert len(shop.decisions) == len(USERS)


def test_who_does_something_meanwhile_is_told_first_and_only_once() -> None:
    """The last user of the walk buys in its first slice: the campaign was before that."""
    shop = shop_of(USERS)
    shop.core.desk.book.add_campaign(start())
    shop.tick(NOON + 1)
    last = next(user for user in reversed(USERS) if user not in sent(shop))
    shop.tell(event("page_view", NOON + 2, last, url="https://shop.example"))
    assert last in sent(shop)
    shop.tell(event("page_view", NOON + 3, "new", url="https://shop.example"))
    walk_to_the_end(shop)
    assert Counter(sent(shop)) == Counter(USERS)


def test_a_worker_that_died_goes_on_and_nobody_is_told_twice() -> None:
    shop = shop_of(USERS)
    shop.core.desk.book.add_campaign(start())
    shop.tick(NOON + 1)
    shop.step()
    told = sent(shop)
    rows: dict[bytes, bytes | None] = {}
    for effects in shop.effects:
        rows |= effects.writes
    table = ProfileTable()
    for key in sorted(rows, reverse=True):  # numbers are given anew, in another order
        table.put(key, rows[key])
    resumed = Shop(RULES)
    book = resumed.core.desk.book
    book.add_campaign(start())
    resumed.core = Partition(
        0, 1, book, resumed.catalogue, table, slice_size=5, assume_reachable=True
    )
    assert resumed.core.has_work()
    walk_to_the_end(resumed)
    resumed.tick(NOON + HOUR)
    assert Counter(told + sent(resumed)) == Counter(USERS)


def test_what_is_stopped_while_it_walks_tells_nobody_more() -> None:
    shop = shop_of(USERS)
    text = SPRING + "pace: 1\n"
    shop.core.desk.book.add_campaign(start(text, audience=len(USERS)))
    shop.tick(NOON + 5 * MINUTE)
    before = sent(shop)
    stop = CampaignStop(type="campaign_stop", campaign_id="spring", at=NOON + 5 * MINUTE + 1)
    shop.core.desk.book.add_campaign(stop)
    walk_to_the_end(shop)
    shop.tick(NOON + DAY)
    after = [d for d in shop.decisions if d.user_id not in before]
    assert {d.decided_at > stop.at for d in shop.decisions if d.outcome.value == "sent"} == {False}
    assert {d.reason.value for d in after if d.decided_at > stop.at} == {"cancelled"}
    assert Counter(d.user_id for d in shop.decisions) == Counter(USERS)


def decided(**settings: object) -> list[Decision]:
    users = [f"user-{number}" for number in range(600)]
    shop = shop_of(users, slice_size=100)
    text = SPRING + "".join(f"{name}: {value}\n" for name, value in settings.items())
    shop.core.desk.book.add_campaign(start(text, audience=600))
    shop.tick(NOON)
    walk_to_the_end(shop)
    for minutes in range(1, 24 * 60, 10):
        shop.tick(NOON + minutes * MINUTE)
    return shop.decisions


def test_the_pace_spreads_the_messages_over_time() -> None:
    """600 at 60 a minute: ten minutes, about 60 in each."""
    by_minute = Counter((d.due_at - NOON) // MINUTE for d in decided(pace=60))
    assert set(by_minute) == set(range(10))
    assert all(35 <= count <= 90 for count in by_minute.values()), by_minute


def test_in_its_window_alone_it_speaks() -> None:
    """600 at 2 a minute take five hours; from noon two are left of the window's four."""
    for decision in decided(pace=2, window='{from: "10:00", to: "14:00"}'):
        hour = datetime.fromtimestamp(decision.due_at / 1000, WARSAW).hour
        assert 10 <= hour < 14
        assert decision.outcome.value in ("sent", "dropped")


def test_a_small_campaign_and_a_large_one_decide_the_same() -> None:
    """Whether it is told at once or in slices, with others' events between."""
    said = []
    for size in (500, 3):
        shop = shop_of(USERS, slice_size=size)
        shop.core.desk.book.add_campaign(start(SPRING + "pace: 2\n", audience=23))
        shop.tick(NOON)
        for number, user in enumerate(USERS[::3]):
            shop.tell(event("page_view", NOON + number * 1000, user, url="https://shop.example"))
        walk_to_the_end(shop)
        shop.tick(NOON + HOUR)
        said.append(sorted((d.user_id, d.decision_id, d.due_at) for d in shop.decisions))
    assert said[0] == said[1]
    assert len(said[0]) == len(USERS)


def test_of_two_campaigns_at_one_time_each_user_hears_one_however_slow_they_walk() -> None:
    """The clock has passed the time of both when the first one comes to the user."""
    said = []
    for size in (500, 5):
        shop = shop_of(USERS, slice_size=size)
        for name in ("spring", "summer"):
            text = SPRING.replace("id: spring", f"id: {name}").replace("at: now", AT_ONE_PAST)
            shop.core.desk.book.add_campaign(
                CampaignStart(
                    type="campaign_start", campaign_id=name, at=NOON, audience=5, yaml=text
                )
            )
        shop.tick(NOON + HOUR)
        shop.tell(event("page_view", NOON + HOUR, USERS[-1], url="https://shop.example"))
        walk_to_the_end(shop)
        shop.tick(NOON + 2 * HOUR)
        assert Counter(sent(shop)) == Counter(USERS)
        said.append(sorted((d.user_id, d.scenario, d.reason.value) for d in shop.decisions))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("schedule", "local", "days"),
    [
        ('{every: day, at: "10:00"}', False, ["06-11", "06-12", "06-13"]),
        ('{every: week, on: [Mon, Thu], at: "10:00"}', False, ["06-11", "06-15", "06-18"]),
        ('{every: month, on: [1, 31], at: "10:00"}', False, ["07-01", "07-31", "08-01"]),
        ('{every: day, at: "10:00", local: true}', True, ["06-10", "06-11", "06-12"]),
        ('{every: month, on: [10], at: "10:00", local: true}', True, ["06-10", "07-10", "08-10"]),
        ('{every: month, on: [9], at: "22:01", local: true}', True, ["06-09", "07-09", "08-09"]),
        ('{every: month, on: [9], at: "21:59", local: true}', True, ["07-09", "08-09", "09-09"]),
        ('{every: day, at: "22:30", local: true}', True, ["06-09", "06-10", "06-11"]),
        ('{every: day, at: "00:00", local: true}', True, ["06-10", "06-11", "06-12"]),
        ('{every: day, at: "12:00"}', False, ["06-10", "06-11", "06-12"]),
    ],
)
def test_a_schedule_comes_to_its_days(schedule: str, local: bool, days: list[str]) -> None:
    text = SPRING.replace("at: now", f"kind: recurring\nschedule: {schedule}")
    campaign, after, found = Campaign(read(text, "spring"), NOON, None), NOON - 1, []
    for _ in days:
        occurrence = campaign.next_after(after, WARSAW)
        assert occurrence is not None
        assert occurrence.wall is not None
        assert (occurrence.wall.tzinfo is None) is local
        after = occurrence.at
        found.append(occurrence.entity)
    assert found == [f"spring/2026-{day}" for day in days]
    campaign.stopped_at = after + 1
    assert campaign.next_after(after, WARSAW) is None
    assert campaign.occurrence(after, WARSAW) is not None


@pytest.mark.parametrize("kind", ["campaign", "flash_sale"])
def test_a_campaign_of_the_longest_name_there_is_can_be_sent(kind: str) -> None:
    text = SPRING.replace("id: spring", f"id: {'x' * 64}\nkind: {kind}\nuntil: 2026-06-12T12:00Z")
    shop = shop_of(["ann"])
    shop.core.desk.book.add_campaign(start(text))
    shop.tick(NOON + HOUR)
    assert sent(shop) == ["ann"]


def test_a_schedule_has_no_time_after_its_end() -> None:
    schedule = "kind: recurring\nschedule: {every: day, at: '10:00', local: true}"
    text = SPRING.replace("at: now", f"{schedule}\nuntil: 2026-06-12T12:00")
    campaign, after, found = Campaign(read(text, "spring"), NOON, None), NOON - 1, []
    while occurrence := campaign.next_after(after, WARSAW):
        after = occurrence.at
        found.append(occurrence.entity)
    assert found == ["spring/2026-06-10", "spring/2026-06-11", "spring/2026-06-12"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "cure"),
    [
        ("segment: all", "segment: buyer", 3, "there is no segment 'buyer'", "'buyers'"),
        ("segment: all\n", "", 2, "segment: is missing", "add it"),
        ("at: now", "at: tomorrow", 4, "write now, a time", ""),
        ("at: now", "at: 2026-06-11", 4, "write now, a time", ""),
        ("at: now", "at: 2026-13-45", 4, "write now, a time", ""),
        ("at: now", "at: 0001-01-01T00:00", 4, "write now, a time", ""),
        ("at: now", "at: 9999-12-31T23:59", 4, "write now, a time", ""),
        ("at: now", "at: 2026-02-30T10:00:00", 4, "write now, a time", ""),
        ("at: now", "at: 2026-06-11T10:00\nuntil: 2026-06-11T09:00", 5, "ends before", "later"),
        ("at: now", "at: 2026-06-11T10:00\nuntil: 2026-06-12T09:00Z", 5, "user's own", "offset"),
        ("at: now", "kind: flash_sale\nat: now", 2, "until: is missing", "ends"),
        ("at: now", "kind: flash_sale\nat: 2026-06-11T10:00\nuntil: 2026-06-11T11:00", 2,
         "the sale is over sooner", "shorter"),
        ("at: now", "kind: recurring\nat: now", 2, "schedule: is missing", "every: week"),
        ("at: now", "kind: recurring\nschedule: {every: week, on: [Mo], at: '10:00'}", 5,
         "names no such days", "Mon"),
        ("at: now", "at: now\npace: 0", 5, "must be 1 or more", ""),
        ("at: now", "at: now\nwindow: {from: '10:00', to: '10:00'}", 5, "never opens", "different"),
        ("at: now", "at: now\nwindow: {from: '22:30', to: '23:30'}", 5, "quiet hours", "between"),
        ("at: now", "at: now\nspeed: 5", 5, "no such setting", "known:"),
        ("{{ shop.url }}", "{{ user.city }}", 6, "the last variant needs data", "end with"),
        ("{{ shop.url }}", "{{ shop.url", 6, "does not parse", ""),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line_and_its_cure(
    old: str, new: str, line: int, message: str, cure: str
) -> None:
    assert old in SPRING
    with pytest.raises(CampaignFileError) as caught:
        read(SPRING.replace(old, new), "spring.yaml", RULES)
    problems = [(p.line, p.message, p.cure) for p in caught.value.problems]
    assert any(p[0] == line and message in p[1] and cure in p[2] for p in problems), problems


def test_an_empty_file_is_told_where_an_example_is() -> None:
    with pytest.raises(CampaignFileError) as caught:
        read("# nothing yet\n", "spring.yaml", RULES)
    (problem,) = caught.value.problems
    assert problem.cure == "start from the example in docs/campaigns.md"


def test_a_campaign_that_was_never_started_costs_no_step() -> None:
    shop = shop_of(USERS[:2])
    assert shop.core.next_due() > NOON + 30 * DAY or shop.core.next_due() == NEVER
    assert not shop.core.has_work()


def test_metrics_name_a_campaigns_kind_of_which_there_are_few() -> None:
    assert kind_of("campaign/spring") == "campaign"
    assert kind_of("flash_sale/spring") == "flash_sale"
    assert kind_of("cart_abandoned") == "cart_abandoned"
