"""What a job holds: whom it goes to, how long, and what it replaces."""

import re
from typing import Any

from processors import bounds
from processors.scenario_file import load
from processors.traces import Sent, newest_sent
from schemas.adapters import dump
from schemas.people import subscription_id_of
from schemas.push import PAYLOAD_LIMIT, MessageClass, PushJob, Urgency
from tests.processors.shop import HOUR, MINUTE, NOON, Shop, cart, event, first_rules
from tests.timelines.stories import SHIPPED


def browser_id(name: str) -> str:
    return subscription_id_of(f"https://push.example/{name}", "key", "secret")


def two_browsers() -> Shop:
    shop = Shop(reachable=False)
    shop.subscribe("ann", "desk", NOON)
    shop.subscribe("ann", "phone", NOON + 1)
    return shop


def jobs(shop: Shop) -> list[PushJob]:
    return [job for effects in shop.effects for job in effects.jobs]


def packed(at: int, order: str = "A-1", status: str = "packed") -> Any:
    return event("order_status", at, order_id=order, status=status)


def test_marketing_goes_to_the_browser_used_last() -> None:
    shop = two_browsers()
    shop.tell(cart(NOON))
    shop.tick(NOON + HOUR)
    (job,) = jobs(shop)
    assert job.devices == (browser_id("phone"),)
    assert job.message_class is MessageClass.MARKETING


def test_what_the_shop_owes_goes_to_every_browser() -> None:
    shop = two_browsers()
    shop.tell(packed(NOON))
    (job,) = jobs(shop)
    assert set(job.devices) == {browser_id("phone"), browser_id("desk")}
    assert job.message_class is MessageClass.TRANSACTIONAL
    assert job.urgency is Urgency.HIGH


def test_a_job_lives_as_long_as_its_scenario_says_from_its_own_time() -> None:
    shop = Shop()
    shop.tell(cart(NOON))
    shop.tick(NOON + 5 * HOUR)
    (job,) = jobs(shop)
    assert job.created_at == NOON + 20 * MINUTE
    assert job.expires_at == job.created_at + 4 * HOUR


def test_decision_job_and_payload_go_by_one_id() -> None:
    shop = Shop()
    shop.tell(packed(NOON))
    (job,), (decision,) = jobs(shop), shop.decisions
    assert job.job_id == decision.decision_id == decision.job_id == job.payload.job_id


def test_newer_news_of_an_order_replace_the_older_on_the_device_and_on_the_way() -> None:
    shop = Shop()
    shop.tell(packed(NOON), packed(NOON + 1, status="dispatched"), packed(NOON + 2, "A-2"))
    first, second, other = jobs(shop)
    assert (first.tag, first.topic) == (second.tag, second.topic)
    assert first.job_id != second.job_id
    assert (other.tag, other.topic) != (first.tag, first.topic)


def test_a_topic_is_what_push_services_take_and_a_tag_is_bounded() -> None:
    shop = Shop()
    shop.tell(packed(NOON, "Ż" * 120))
    (job,) = jobs(shop)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", job.topic)
    assert len(job.tag) <= 128


def test_what_would_not_fit_into_a_push_gives_way_to_the_next_variant() -> None:
    long = f"{'https://shop.example/'}{'x' * 1990}"
    text = SHIPPED.read_text().replace("icon: https://shop.example/icon-192.png", f"icon: {long}")
    shop = Shop(load(text))
    shop.tell(packed(NOON))
    (job,) = jobs(shop)
    assert len(dump(job.payload)) <= PAYLOAD_LIMIT

    too_long = f"url: {long}{{{{ order.id }}}}"
    shop = Shop(load(text.replace('url: "{{ shop.order_url }}/{{ order.id }}"', too_long)))
    shop.tell(packed(NOON))
    (job,) = jobs(shop)
    assert job.payload.title == "News about your order"


def test_a_scenario_can_say_for_itself_how_late_is_too_late() -> None:
    text = SHIPPED.read_text().replace("    once: 24h\n    ttl: 4h", "    expire_after: 10m", 1)
    for late, outcome in ((10 * MINUTE, "sent"), (10 * MINUTE + 1, "dropped")):
        shop = Shop(load(text))
        shop.tell(cart(NOON))
        shop.tick(NOON + 20 * MINUTE, now=NOON + 20 * MINUTE + late)
        assert shop.decisions[0].outcome.value == outcome


def test_only_the_newest_four_messages_can_be_taken_back() -> None:
    text = SHIPPED.read_text().replace("caps: {gap: 2h, day: 2, week: 6}",
                                       "caps: {gap: 0s, day: 30, week: 30}")  # fmt: skip
    shop = Shop(first_rules(text))
    for number in range(6):
        shop.step(shop.fact("price_change", NOON - 10 + number, f"p{number}", price=1000,
                            currency="PLN"))  # fmt: skip
        shop.tell(event("view_item", NOON + number, product_id=f"p{number}", price=1000))
    for number in range(6):
        at = NOON + (2 + number) * 10 * MINUTE
        shop.step(shop.fact("price_change", at, f"p{number}", price=500, currency="PLN"))
        shop.tick(at + 6 * MINUTE)
    assert len(jobs(shop)) == 6
    items = [{"product_id": f"p{number}", "price": 500} for number in range(6)]
    late = event("purchase", NOON + 11 * MINUTE, order_id="A", items=items, value=1, currency="PLN")
    effects = shop.tell(late)
    assert [w.job_id for w in effects.withdrawals] == [job.job_id for job in jobs(shop)[2:6]]


def test_weeks_of_news_let_nothing_be_forgotten_that_comes_once() -> None:
    best = [Sent(0, "best_customers", 1, True), Sent(1, "best_customers", 2, True)]
    news = [Sent(10 + at, "price_drop", 1, True) for at in range(99)]
    kept = newest_sent([*best, *news], frozenset({"best_customers"}))
    assert kept == [*best, *news[-bounds.MAX_SENT_MARKETING :]]
    again = Sent(200, "best_customers", 1, True)
    assert newest_sent([*kept, again], frozenset({"best_customers"})) == [
        best[1], *news[-bounds.MAX_SENT_MARKETING + 1 :], again,
    ]  # fmt: skip
    many = [Sent(at, f"once-{at}", 1, True) for at in range(99)]
    names = frozenset(one.scenario for one in many)
    assert len(newest_sent([*many, *news], names)) == (
        bounds.MAX_SENT_MARKETING + bounds.MAX_SENT_ONCE
    )


def test_a_day_of_many_orders_lets_no_reminder_be_forgotten_that_comes_once() -> None:
    marketing = [Sent(at, "cart_abandoned", 1, True) for at in range(3)]
    owed = [Sent(10 + at, "order_confirmed", 1, False) for at in range(99)]
    kept = newest_sent([*marketing, *owed], frozenset())
    assert kept == [*marketing, *owed[-bounds.MAX_SENT_OWED :]]
    many = [Sent(at, "price_drop", 1, True) for at in range(50)]
    assert newest_sent([*marketing, *many, *owed[:2]], frozenset()) == [
        *many[-bounds.MAX_SENT_MARKETING :], *owed[:2],
    ]  # fmt: skip
