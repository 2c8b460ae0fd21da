"""What a profile takes whose owner has done all that a shop sees in a season."""

from processors.rows import encode
from processors.scenario_file import load
from schemas.people import Subscription, subscription_id_of, subscription_key
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, event, only
from tests.timelines.stories import SHIPPED

FULL_BYTES = 2_500
CHROME = "Chrome/140.0.0.0 Safari/537.36"


def chrome(at: int) -> Subscription:
    """A browser's subscription, of the lengths that Chrome's have."""
    endpoint = f"https://fcm.googleapis.com/fcm/send/{'e' * 11}:APA91b{'f' * 134}"
    p256dh, auth = "B" * 87, "c" * 22
    return Subscription(
        subscription_id=subscription_id_of(endpoint, p256dh, auth), user_id="customer-004711",
        endpoint=endpoint, p256dh=p256dh, auth=auth, created_at=at, last_seen_at=at,
        user_agent=CHROME, locale="pl-PL", timezone="Europe/Warsaw",
    )  # fmt: skip


def test_twenty_views_ten_categories_a_full_cart_an_order_and_a_browser_take_2_500_bytes() -> None:
    rules = load(SHIPPED.read_text())
    shop, user, money = Shop(only(rules, rules.scenarios)), "customer-004711", {"currency": "PLN"}
    phone = chrome(NOON)
    key = subscription_key(user, phone.subscription_id)
    shop.step(shop.user_record(1, key, phone, NOON))
    at = NOON
    items = [{"product_id": f"product-1{line}000", "price": 24_900} for line in range(3)]
    shop.tell(event("purchase", at, user, order_id="order-0815", items=items, value=74_700,
                    **money))  # fmt: skip
    shop.tick(at + HOUR)
    at += DAY
    for number in range(20):
        at += 3 * MINUTE + 17
        shop.tell(event("view_item", at, user, product_id=f"product-{number:05}", price=24_900,
                        category=f"category-{number % 12}", **money))  # fmt: skip
    for number in range(3):
        at += MINUTE
        shop.tell(event("add_to_cart", at, user, product_id=f"product-{number:05}", price=24_900,
                        **money))  # fmt: skip
    shop.tell(event("add_to_wishlist", at + 1, user, product_id="product-00007", price=24_900))
    profile = shop.profile(user)
    assert (len(profile.viewed), len(profile.categories), len(profile.cart)) == (20, 10, 3)
    assert (len(profile.orders), len(profile.devices)) == (1, 1)
    assert {"cart_abandoned", "wishlist_reminder"} <= {m.scenario for m in profile.moments}
    assert len(encode(profile)) <= FULL_BYTES
