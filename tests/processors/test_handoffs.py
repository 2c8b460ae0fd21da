"""Push first: what reaches nobody or moves nobody is handed to the next channel."""

from processors.inputs import INTERACTION_RANK, RESULT_RANK
from processors.rules import Rules
from processors.scenario_file import load
from schemas.people import Interaction, InteractionKind
from schemas.push import MessageClass, PushResult, ResultOutcome
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, cart, event
from tests.timelines.stories import first_file

SENT_AT = NOON + 20 * MINUTE


def rules(**policy: str) -> Rules:
    once = {"steps": [{"wait": "20m", "copy": "cart_abandoned"}]}
    return load(first_file(cart_abandoned=once, policy=policy))


def told(some: Rules | None = None, *browsers: str) -> Shop:
    """Ann left a cart at noon and was reminded at 12:20, in her browsers."""
    shop = Shop(some or rules(), reachable=False)
    for name in browsers:
        shop.subscribe("ann", name, NOON - HOUR)
    shop.tell(cart(NOON))
    shop.tick(SENT_AT)
    return shop


def answers(shop: Shop, outcome: ResultOutcome, at: int = SENT_AT + MINUTE) -> None:
    (job,) = [job for effects in shop.effects for job in effects.jobs]
    for device in job.devices:
        value = PushResult(
            job_id=job.job_id, user_id="ann", subscription_id=device, scenario=job.scenario,
            message_class=MessageClass.MARKETING, outcome=outcome, attempt=1, at=at,
        )  # fmt: skip
        shop.step(shop.user_record(RESULT_RANK, "ann", value, at))


def clicks(shop: Shop, at: int) -> None:
    (job,) = [job for effects in shop.effects for job in effects.jobs]
    value = Interaction(
        type=InteractionKind.CLICKED, job_id=job.job_id, user_id="ann", subscription_id="s",
        scenario=job.scenario, occurred_at=at,
    )  # fmt: skip
    shop.step(shop.user_record(INTERACTION_RANK, "ann", value, at))


def handed(shop: Shop) -> list[tuple[str, str, int]]:
    """(scenario, reason, when) of each."""
    return [
        (one.scenario, one.reason.value, one.at)
        for effects in shop.effects
        for one in effects.handoffs
    ]


def test_delivered_and_not_clicked_within_a_day_it_is_the_next_channels_turn() -> None:
    shop = told(None, "phone")
    answers(shop, ResultOutcome.DELIVERED)
    shop.tick(SENT_AT + DAY)
    assert handed(shop) == [("cart_abandoned", "not_clicked", SENT_AT + DAY)]
    (handoff,) = [one for effects in shop.effects for one in effects.handoffs]
    (job,) = [job for effects in shop.effects for job in effects.jobs]
    assert (handoff.decision_id, handoff.channel) == (job.job_id, "email")
    assert (handoff.title, handoff.url) == (job.payload.title, job.payload.url)


def test_clicked_in_time_nobody_else_need_speak() -> None:
    shop = told(None, "phone")
    answers(shop, ResultOutcome.DELIVERED)
    clicks(shop, SENT_AT + HOUR)
    shop.tick(SENT_AT + 2 * DAY)
    assert handed(shop) == []


def test_bought_meanwhile_there_is_nothing_left_to_say() -> None:
    shop = told(None, "phone")
    answers(shop, ResultOutcome.DELIVERED)
    items = [{"product_id": "lamp", "price": 100}]
    shop.tell(event("purchase", SENT_AT + HOUR, order_id="A", items=items, value=1, currency="PLN"))
    shop.tick(SENT_AT + 2 * DAY)
    assert handed(shop) == []


def test_where_every_browser_is_gone_it_is_handed_on_at_once() -> None:
    shop = told(None, "phone")
    answers(shop, ResultOutcome.RETRYING)
    answers(shop, ResultOutcome.GONE, SENT_AT + 2 * MINUTE)
    answers(shop, ResultOutcome.GONE, SENT_AT + 3 * MINUTE)
    shop.tick(SENT_AT + 2 * DAY)
    assert handed(shop) == [("cart_abandoned", "not_delivered", SENT_AT + 2 * MINUTE)]


def test_where_nothing_was_heard_of_it_it_was_not_delivered() -> None:
    shop = told(None, "phone")
    shop.tick(SENT_AT + DAY)
    assert [reason for _, reason, _ in handed(shop)] == ["not_delivered"]


def test_what_was_taken_back_is_not_said_elsewhere() -> None:
    shop = told(None, "phone")
    answers(shop, ResultOutcome.WITHDRAWN)
    shop.tick(SENT_AT + DAY)
    assert handed(shop) == []


def test_who_has_no_browser_hears_by_the_next_channel_at_once() -> None:
    shop = told()
    assert shop.said() == [("ann", "cart_abandoned", "dropped", "not_subscribed")]
    assert handed(shop) == [("cart_abandoned", "not_subscribed", SENT_AT)]


def test_who_refused_marketing_is_handed_to_nobody() -> None:
    shop = told(None, "phone")
    answers(shop, ResultOutcome.DELIVERED)
    shop.tell(event("consent_change", SENT_AT + HOUR, purpose="marketing", granted=False))
    shop.tick(SENT_AT + DAY)
    assert handed(shop) == []


def test_the_holdout_hears_nothing_by_any_channel() -> None:
    shop = told(rules(holdout="100"))
    shop.tick(SENT_AT + DAY)
    assert handed(shop) == []


def test_what_waits_for_a_click_survives_a_restart_and_is_no_decision() -> None:
    some = rules()
    shop = told(some, "phone")
    answers(shop, ResultOutcome.DELIVERED)
    again = Shop(some, reachable=False, table=shop.core.table)
    again.tick(SENT_AT + DAY)
    assert handed(again) == [("cart_abandoned", "not_clicked", SENT_AT + DAY)]
    assert again.decisions == []


def test_who_asks_to_be_forgotten_is_handed_to_nobody() -> None:
    shop = told(None, "phone")
    answers(shop, ResultOutcome.DELIVERED)
    shop.tell(event("erasure_requested", SENT_AT + HOUR))
    shop.tick(SENT_AT + 2 * DAY)
    assert handed(shop) == []
    assert {scenario for _, scenario, *_ in shop.said()} == {"cart_abandoned"}
