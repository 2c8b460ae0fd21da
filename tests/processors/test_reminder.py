"""``reminder``: what a hold does to the leads, and what waits with a moment."""

from typing import Any

from processors import bounds
from processors.scenario_file import load
from schemas.adapters import SHOP_EVENT
from schemas.structs import ShopEvent, struct_of
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, only
from tests.timelines.stories import SHIPPED


def reminded(text: str = "") -> Shop:
    return Shop(only(load(text or SHIPPED.read_text()), ["reminder"]))


def reminder(at: int, **fields: Any) -> ShopEvent:
    plain = {"type": "reminder_set", "event_id": "e1", "user_id": "ann", "occurred_at": NOON,
             "reminder_id": "r", "at": at, "title": "Tea", **fields}  # fmt: skip
    return struct_of(SHOP_EVENT.validate_python(plain))


def test_a_lead_that_a_night_ran_into_is_left_out_and_what_is_past_by_then_expires() -> None:
    text = SHIPPED.read_text().replace("leads: [1d, 15m]", "leads: [9h, 8h, 7h]", 1)
    shop = reminded(text.replace("passes_quiet_hours: true\n    ttl: 15m", "ttl: 15m", 1))
    shop.tell(reminder(NOON + 19 * HOUR))
    shop.tick(NOON + 30 * HOUR)
    assert shop.said() == [
        ("ann", "reminder", "held", "quiet_hours"),
        ("ann", "reminder", "dropped", "expired"),
    ]


def test_all_steps_of_a_reminder_are_one_matter_on_the_device() -> None:
    shop = reminded()
    at = NOON + 3 * HOUR
    shop.tell(reminder(at, lead=[HOUR, 5 * MINUTE]))
    shop.tick(NOON + 4 * HOUR)
    jobs = [job for effects in shop.effects for job in effects.jobs]
    assert [job.step for job in jobs] == [1, 2]
    assert len({job.job_id for job in jobs}) == 2
    assert len({job.topic for job in jobs}) == 1


def test_a_day_ahead_it_is_worth_delivering_until_it_begins_and_just_before_for_its_ttl() -> None:
    shop = reminded()
    at = NOON + 24 * HOUR
    shop.tell(reminder(at, lead=[23 * HOUR, 5 * MINUTE]))
    shop.tick(at)
    early, just_before = (job for effects in shop.effects for job in effects.jobs)
    assert early.expires_at == at
    assert just_before.expires_at == at + 10 * MINUTE


def many(shop: Shop, user: str = "ann") -> None:
    for number in range(bounds.MAX_MOMENTS):
        at = NOON + (number + 2) * DAY
        shop.tell(reminder(at, event_id=f"{user}-{number}", reminder_id=f"{user}-{number}",
                           user_id=user, lead=[DAY, 15 * MINUTE]))  # fmt: skip


def test_a_reminder_for_which_there_is_no_room_harms_no_other() -> None:
    shop = reminded()
    many(shop)
    shop.tell(reminder(NOON - HOUR, event_id="past", reminder_id="past"))
    assert len(shop.profile("ann").moments) == bounds.MAX_MOMENTS
    assert shop.said() == [("ann", "reminder", "dropped", "superseded")]


def test_of_as_many_reminders_as_there_is_room_for_each_has_its_second_word() -> None:
    shop = reminded()
    many(shop)
    shop.tick(NOON + DAY)
    assert shop.said() == [("ann", "reminder", "sent", "ok")]
    assert len(shop.profile("ann").moments) == bounds.MAX_MOMENTS
