"""A product with many watchers is told in slices, and nobody is judged before their news."""

from processors.catalogue import Version
from processors.news import Interested, interested
from processors.rule_book import RuleBook
from processors.table import ProfileTable
from schemas.campaigns import CampaignStart
from tests.processors.shop import HOUR, MINUTE, NOON, Shop, event, first_rules
from tests.timelines.stories import SHIPPED


def crowd(shop: Shop, people: int, at: int = NOON) -> None:
    """Everyone has asked for the lamp, in order."""
    for number in range(people):
        shop.tell(event("stock_alert_requested", at + number, f"u{number:03}", product_id="lamp"))


def sold_out(slice_size: int = 10, people: int = 35) -> Shop:
    shop = Shop(slice_size=slice_size)
    shop.step(shop.fact("stock_change", NOON - 1, quantity=0))
    crowd(shop, people)
    shop.tick(NOON + MINUTE)
    return shop


def finals(shop: Shop) -> list[str]:
    return [d.user_id for d in shop.decisions if d.final]


def finish(shop: Shop) -> int:
    steps = 0
    while shop.core.has_work():
        shop.step()
        steps += 1
    return steps


def test_few_watchers_are_told_at_once() -> None:
    shop = sold_out(slice_size=500)
    shop.step(shop.fact("stock_change", NOON + HOUR, quantity=9))
    assert not shop.core.has_work()
    shop.tick(NOON + HOUR)
    assert len(finals(shop)) == 35


def test_many_watchers_are_told_a_slice_a_step_each_once() -> None:
    shop = sold_out()
    shop.step(shop.fact("stock_change", NOON + HOUR, quantity=9))
    assert shop.core.has_work()
    assert shop.core.open_walks == 1
    assert finish(shop) == 3
    shop.tick(NOON + HOUR)
    assert sorted(finals(shop)) == [f"u{number:03}" for number in range(35)]


def test_a_slice_is_no_larger_than_it_may_be() -> None:
    shop = sold_out()
    effects = shop.step(shop.fact("stock_change", NOON + HOUR, quantity=9))
    rows = [key for key in effects.writes if not key.startswith(b"\x00")]
    assert len(rows) == 10


def test_others_are_served_while_a_walk_is_under_way() -> None:
    shop = sold_out()
    shop.step(shop.fact("stock_change", NOON + HOUR, quantity=9))
    order = {"order_id": "A-1", "items": [], "value": 1, "currency": "PLN"}
    shop.tell(event("purchase", NOON + HOUR + 1, "zoe", **order))
    assert shop.core.has_work()
    assert ("zoe", "order_confirmed", "sent", "ok") in shop.said()


def test_whoever_comes_while_their_news_is_on_its_way_gets_it_first() -> None:
    shop = sold_out()
    shop.step(shop.fact("stock_change", NOON + HOUR, quantity=9))
    last = event("page_view", NOON + HOUR + 1, "u034", url="https://shop.example")
    shop.tell(last)
    assert ("u034", "back_in_stock", "sent", "ok") in shop.said()
    finish(shop)
    shop.tick(NOON + 2 * HOUR)
    assert finals(shop).count("u034") == 1


def test_a_wave_over_several_slices_keeps_its_limit() -> None:
    shop = sold_out()
    shop.step(shop.fact("stock_change", NOON + HOUR, quantity=1))
    finish(shop)
    shop.tick(NOON + HOUR)
    reasons = [d.reason.value for d in shop.decisions if d.final]
    assert reasons.count("ok") == 20
    assert reasons.count("wave_limit") == 15


def test_two_walks_go_one_after_the_other() -> None:
    shop = sold_out()
    shop.step(
        shop.fact("stock_change", NOON + HOUR, quantity=9),
        shop.fact("price_change", NOON + HOUR, price=100, currency="PLN"),
        shop.fact("stock_change", NOON + HOUR + 1, quantity=0),
        shop.fact("stock_change", NOON + HOUR + 2, quantity=5),
    )
    assert shop.core.open_walks == 2
    finish(shop)
    shop.tick(NOON + 2 * HOUR)
    assert len(finals(shop)) >= 35


def test_a_walk_interrupted_by_a_restart_goes_on_where_it_was() -> None:
    shop = sold_out()
    shop.step(shop.fact("stock_change", NOON + HOUR, quantity=9))
    shop.step()
    told = len([d for d in shop.decisions if d.final])

    rows = ProfileTable()
    for _, key, row in shop.core.table.users():
        rows.put(key, row)
    for key, row in shop.core.table.reserved.items():
        rows.put(key, row)
    again = Shop(table=rows, catalogue=shop.catalogue, slice_size=10)
    assert again.core.has_work()
    finish(again)
    again.tick(NOON + HOUR)

    both = finals(shop) + finals(again)
    assert sorted(both) == [f"u{number:03}" for number in range(35)]
    assert told == len(finals(shop))


def test_a_fact_that_was_applied_before_is_not_told_again() -> None:
    shop = sold_out(slice_size=500)
    fact = shop.fact("stock_change", NOON + HOUR, quantity=9)
    shop.step(fact)
    shop.tick(NOON + HOUR)
    before = len(shop.decisions)
    shop.step(fact)
    shop.tick(NOON + 2 * HOUR)
    assert len(shop.decisions) == before


def test_news_that_interest_nobody_open_no_walk() -> None:
    shop = sold_out()
    effects = shop.step(shop.fact("price_change", NOON + HOUR, price=100, currency="PLN"))
    assert not shop.core.has_work()
    assert [key for key in effects.writes if not key.startswith(b"\x00")] == []


def test_what_a_change_moves_is_asked_once_for_all_partitions_and_anew_by_new_rules() -> None:
    raw = b'{"product_id":"lamp","changes":[{"price_before":10000,"price":8000}]}'
    version = Version(0, 1, NOON, raw)
    book = RuleBook()
    book.add(first_rules(), 0)

    def ask(at: int) -> Interested:
        return interested(book, version, at)

    def names(at: int) -> list[str]:
        return [scenario.name for scenario, _, _ in ask(at).scenarios]

    assert names(NOON) == ["price_drop"]
    assert ask(NOON) is ask(NOON), "another partition's desk, the same answer"
    later = first_rules(SHIPPED.read_text() + "# later")
    book.add(later, NOON + HOUR)
    assert ask(NOON + HOUR).scenarios[0][0] is later.scenarios["price_drop"]
    assert ask(NOON).scenarios[0][0] is not later.scenarios["price_drop"]


def with_wishes(slice_size: int) -> Shop:
    """35 people wish for a lamp that costs 200."""
    shop = Shop(slice_size=slice_size)
    shop.step(shop.fact("price_change", NOON - 1, price=20000, currency="PLN"))
    for number in range(35):
        shop.tell(event("add_to_wishlist", NOON + number, f"u{number:03}", product_id="lamp"))
    return shop


def test_an_interest_told_after_the_news_of_it_is_told_of_it_once_however_slow_the_walk() -> None:
    said = []
    for size in (500, 10):
        shop = with_wishes(size)
        shop.step(shop.fact("price_change", NOON + HOUR, price=10000, currency="PLN"))
        late = event("add_to_wishlist", NOON + HOUR - 1, "zoe", product_id="lamp", price=20000)
        shop.step(shop.record(late, NOON + HOUR + 1))
        shop.tell(event("page_view", NOON + HOUR + 2, "zoe", url="https://shop.example"))
        finish(shop)
        shop.tick(NOON + 2 * HOUR)
        said.append(sorted(shop.said()))
    assert said[0] == said[1]
    assert len(said[0]) == 36
    assert said[0].count(("zoe", "price_drop", "sent", "ok")) == 1


def test_who_has_a_record_while_news_is_on_its_way_is_looked_at_without_a_row() -> None:
    shop = Shop(slice_size=1, write_after=64_000)
    for user in ("ann", "zoe"):
        shop.tell(event("view_item", NOON, user, product_id="lamp", price=20000))
    shop.tick(NOON + MINUTE)
    shop.step(shop.fact("price_change", NOON + 2 * MINUTE, price=20000, currency="PLN"))
    at = NOON + 20 * MINUTE
    fact = shop.fact("price_change", at, price=10000, currency="PLN")
    shop.step(fact, shop.record(event("topic_unfollow", at + 1, "ann", topic="lamps")))
    finish(shop)
    shop.tick(NOON + 2 * HOUR)
    assert ("ann", "price_drop", "sent", "ok") in shop.said()


def test_a_purchase_told_late_finds_a_slow_walks_message_sent_as_it_finds_a_fast_ones() -> None:
    """The clock has passed its time before the walk came to the user, and no tick since."""
    said = []
    for size in (500, 10):
        shop = sold_out(size)
        shop.step(shop.fact("stock_change", NOON + HOUR, quantity=9))
        shop.tick(NOON + HOUR + MINUTE)
        finish(shop)
        order = {"order_id": "A-1", "value": 1, "currency": "PLN", "items": [
            {"product_id": "lamp", "quantity": 1, "price": 1}]}  # fmt: skip
        late = event("purchase", NOON + HOUR + 1, "u034", **order)
        shop.step(shop.record(late, NOON + HOUR + MINUTE))
        shop.tick(NOON + 2 * HOUR)
        said.append(sorted(shop.said()))
    assert said[0] == said[1]
    assert ("u034", "back_in_stock", "sent", "ok") in said[0]


def test_news_comes_after_the_campaign_that_began_before_it_however_slow_that_walks() -> None:
    """Who has just heard the campaign hears nothing of the price."""
    spring = """
id: spring
segment: all
at: now
copy: {en: [{title: Spring, body: It is here., url: "{{ shop.url }}"}]}
"""
    said = []
    for size in (500, 10):
        shop = with_wishes(size)
        shop.core.desk.book.add_campaign(
            CampaignStart(
                type="campaign_start", campaign_id="spring", at=NOON + HOUR, audience=35,
                yaml=spring,
            )
        )  # fmt: skip
        shop.tick(NOON + HOUR)
        shop.step(shop.fact("price_change", NOON + HOUR + 1, price=15000, currency="PLN"))
        shop.step(shop.fact("price_change", NOON + HOUR + 9 * MINUTE, price=9000, currency="PLN"))
        finish(shop)
        shop.tick(NOON + 2 * HOUR)
        said.append(sorted(shop.said()))
    assert said[0] == said[1]
    assert said[0].count(("u034", "price_drop", "dropped", "frequency_cap")) == 2
