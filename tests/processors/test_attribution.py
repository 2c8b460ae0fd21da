"""Which push gets the credit for an order: told by what the core writes of it."""

from typing import Any

from processors.inputs import INTERACTION_RANK
from schemas.people import Interaction, InteractionKind
from schemas.structs import ShopEvent
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, cart, event

SENT_AT = NOON + 20 * MINUTE


def told() -> Shop:
    """Ann was reminded of her cart at 12:20."""
    shop = Shop()
    shop.tell(cart(NOON))
    shop.tick(SENT_AT)
    return shop


def does(shop: Shop, what: str, at: int, job: str = "", scenario: str = "cart_abandoned") -> None:
    number = job or next(job.job_id for effects in shop.effects for job in effects.jobs)
    value = Interaction(
        type=InteractionKind(what), job_id=number, user_id="ann", subscription_id="s",
        scenario=scenario, occurred_at=at,
    )  # fmt: skip
    shop.step(shop.user_record(INTERACTION_RANK, "ann", value, at))


def buys(at: int, order: str = "A-1", value: int = 5000) -> ShopEvent:
    items = [{"product_id": "lamp", "price": value}]
    return event("purchase", at, order_id=order, items=items, value=value, currency="PLN")


def refund(at: int, **fields: Any) -> ShopEvent:
    return event("refund", at, order_id="A-1", **fields)


def credit(shop: Shop) -> list[tuple[str, str, str, int]]:
    """(order, touch, cause, value) of each record, in order."""
    return [
        (one.order_id, one.touch.value, one.cause.value, one.value)
        for effects in shop.effects
        for one in effects.attributions
    ]


def test_an_order_after_a_click_is_the_pushs_merit() -> None:
    shop = told()
    does(shop, "clicked", SENT_AT + MINUTE)
    shop.tell(buys(SENT_AT + HOUR))
    assert credit(shop) == [("A-1", "click", "order", 5000)]


def test_a_day_and_a_moment_after_the_click_it_is_none() -> None:
    shop = told()
    does(shop, "clicked", SENT_AT)
    shop.tell(buys(SENT_AT + DAY), buys(SENT_AT + DAY + 1, "A-2"))
    assert [order for order, *_ in credit(shop)] == ["A-1"]


def test_what_was_only_seen_is_counted_apart() -> None:
    shop = told()
    does(shop, "displayed", SENT_AT + MINUTE)
    shop.tell(buys(SENT_AT + HOUR))
    assert credit(shop) == [("A-1", "view", "order", 5000)]


def test_a_click_counts_before_a_later_display_and_the_last_click_before_others() -> None:
    shop = told()
    does(shop, "clicked", SENT_AT + 1, "j1")
    does(shop, "clicked", SENT_AT + 2, "j2")
    does(shop, "displayed", SENT_AT + 3, "j3")
    shop.tell(buys(SENT_AT + HOUR))
    (one,) = [one for effects in shop.effects for one in effects.attributions]
    assert (one.job_id, one.touched_at) == ("j2", SENT_AT + 2)


def test_one_order_credits_one_push_and_a_click_that_comes_later_moves_the_credit() -> None:
    shop = told()
    does(shop, "displayed", SENT_AT + MINUTE)
    shop.tell(buys(SENT_AT + HOUR))
    does(shop, "clicked", SENT_AT + 2 * MINUTE)
    assert credit(shop) == [
        ("A-1", "view", "order", 5000),
        ("A-1", "view", "corrected", -5000),
        ("A-1", "click", "corrected", 5000),
    ]
    does(shop, "clicked", SENT_AT + MINUTE, "earlier")
    assert len(credit(shop)) == 3


def test_refunds_subtract_and_never_more_than_there_was() -> None:
    shop = told()
    does(shop, "clicked", SENT_AT)
    shop.tell(buys(SENT_AT + HOUR))
    shop.tell(refund(SENT_AT + 2 * HOUR, value=2000))
    shop.tell(refund(SENT_AT + 3 * HOUR, value=9000))
    shop.tell(refund(SENT_AT + 4 * HOUR))
    assert [value for *_, value in credit(shop)] == [5000, -2000, -3000]


def test_an_order_that_no_push_led_to_credits_none_and_its_refund_takes_from_none() -> None:
    shop = told()
    shop.tell(buys(SENT_AT + HOUR), refund(SENT_AT + 2 * HOUR))
    assert credit(shop) == []


def test_an_orders_own_news_lead_to_no_order() -> None:
    shop = Shop()
    shop.tell(event("order_status", NOON, order_id="A-0", status="packed"))
    does(shop, "clicked", NOON + 1, scenario="order_status")
    shop.tell(buys(NOON + HOUR))
    assert credit(shop) == []


def test_a_producers_retry_of_the_order_is_credited_once() -> None:
    shop = told()
    does(shop, "clicked", SENT_AT)
    twice = buys(SENT_AT + HOUR)
    shop.tell(twice, twice)
    shop.tell(event("purchase", SENT_AT + HOUR, event_id="other", order_id="A-1",
                    items=[], value=5000, currency="PLN"))  # fmt: skip
    assert len(credit(shop)) == 1


def test_an_order_that_arrives_ten_minutes_late_is_credited_to_what_came_before_it() -> None:
    shop = told()
    does(shop, "clicked", SENT_AT)
    does(shop, "clicked", SENT_AT + HOUR + MINUTE, "after")
    shop.tick(SENT_AT + HOUR + 10 * MINUTE)
    late = buys(SENT_AT + HOUR)
    shop.step(shop.record(late, SENT_AT + HOUR + 10 * MINUTE))
    (one,) = [one for effects in shop.effects for one in effects.attributions]
    assert one.touched_at == SENT_AT


def test_what_is_remembered_is_bounded() -> None:
    shop = told()
    for number in range(20):
        does(shop, "clicked", SENT_AT + number, f"j{number}")
        does(shop, "displayed", SENT_AT + number, f"k{number}")
        shop.tell(buys(SENT_AT + 1000 + number, f"A-{number}"))
    profile = shop.profile("ann")
    assert (len(profile.touches), len(profile.credits)) == (5, 10)


def test_an_order_that_is_told_after_its_refund_leaves_no_credit() -> None:
    shop = told()
    does(shop, "clicked", SENT_AT + MINUTE)
    shop.tell(refund(SENT_AT + 2 * HOUR), buys(SENT_AT + HOUR))
    assert credit(shop) == [("A-1", "click", "order", 5000), ("A-1", "click", "refund", -5000)]


def test_a_click_told_after_part_of_its_order_was_paid_back_gets_what_is_left() -> None:
    shop = told()
    shop.tell(buys(SENT_AT + HOUR), refund(SENT_AT + 2 * HOUR, value=1500))
    shop.tick(SENT_AT + 3 * HOUR)
    does(shop, "clicked", SENT_AT + MINUTE)
    does(shop, "clicked", SENT_AT + 2 * MINUTE, "j2")
    assert sum(value for *_, value in credit(shop)) == 3500
    assert credit(shop)[-2:] == [
        ("A-1", "click", "corrected", -3500),
        ("A-1", "click", "corrected", 3500),
    ]
