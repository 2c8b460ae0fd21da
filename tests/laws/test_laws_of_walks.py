"""A law of what goes in slices: however slow it is, the same is decided."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.inputs import Input, Tick
from schemas.adapters import SHOP_EVENT
from schemas.campaigns import CampaignStart
from schemas.structs import struct_of
from tests.laws.test_laws_of_every_scenario import PLN, bought, of, order, plain, product, rules
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop, event

USERS = "abcdefg"
CAMPAIGN = """
id: {id}
segment: all
at: {at}
copy:
  en: [{{title: "Spring", body: "It is here.", url: "{{{{ shop.url }}}}"}}]
"""
DEEDS = st.one_of(
    of("page_view", url="https://shop.example/"),
    of("view_item", product, price=6000, **PLN),
    of("add_to_cart", product, price=6000, **PLN),
    of("add_to_wishlist", product, price=6000),
    of("stock_alert_requested", product),
    of("purchase", order, bought),
)
NEWS = st.one_of(
    of("price_change", product, st.integers(3, 9).map(lambda p: {"price": p * 1000, **PLN})),
    of("stock_change", product, st.sampled_from((0, 300)).map(lambda q: {"quantity": q})),
)
LATE = st.sampled_from((0, 0, 0, 500, 9000, 12 * MINUTE))
GAPS = st.sampled_from((1, 1001, 7001, 31_000, 11 * MINUTE + 3, 3 * HOUR + 7))
AHEAD = st.sampled_from((0, 2500, 20 * MINUTE))
BEHIND = st.sampled_from((0, 0, 0, 900, 6000))
"""How far (ms) a record's own time may lie behind what its input had shown: clocks differ."""
HAPPENS = st.one_of(
    st.tuples(st.sampled_from(USERS), DEEDS, LATE, BEHIND),
    st.tuples(st.just("shop"), NEWS, st.just(0), st.just(0)),
    st.tuples(st.just("campaign"), AHEAD, st.just(0), st.just(0)),
)
LIVES = st.lists(st.tuples(GAPS, HAPPENS, st.booleans()), min_size=6, max_size=40)


@given(LIVES)
def test_however_slow_news_and_campaigns_walk_the_decisions_are_the_same(life: list[Any]) -> None:
    assert decided(life, slice_size=2) == decided(life, slice_size=500)


def decided(life: list[Any], slice_size: int) -> list[bytes]:
    """Everybody has cared for the lamp since yesterday. ``life``: gap, what happens, a tick?"""
    shop = Shop(rules(), slice_size=slice_size)
    for number, user in enumerate(USERS):
        at = NOON - DAY + number
        shop.tell(event("add_to_wishlist", at, user, product_id="lamp", price=9500))
        shop.tell(event("stock_alert_requested", at, user, product_id="lamp"))
    at = NOON
    for number, (gap, (who, what, late, behind), ticks) in enumerate(life):
        at += gap
        if who == "campaign":
            start(shop, f"c{number}", at, at + what)
            continue
        told: list[Input] = []
        if who != "shop":
            occurred_at = at - max(late, behind)
            named = {"event_id": f"e{number}", "occurred_at": occurred_at, "user_id": who}
            record = shop.record(struct_of(SHOP_EVENT.validate_python(what | named)), at)
            told = [replace(record, recorded_at=at - behind)]
        elif news_of(shop, what):
            told = [shop.fact(at=at, type_=what["type"], product=what["product_id"], **said(what))]
        shop.step(*told, tick=Tick(at - 1003) if ticks else None)
    rest(shop)
    shop.tick(at + 30 * DAY)
    rest(shop)
    return sorted(map(plain, shop.decisions))


def start(shop: Shop, name: str, now: int, at: int) -> None:
    text = CAMPAIGN.format(id=name, at=datetime.fromtimestamp(at // 1000, UTC).isoformat())
    shop.core.desk.book.add_campaign(
        CampaignStart(type="campaign_start", campaign_id=name, at=now, audience=300, yaml=text)
    )


def said(what: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in what.items() if name not in ("type", "product_id")}


def news_of(shop: Shop, what: dict[str, Any]) -> bool:
    """Whether it changes anything."""
    known = shop.products.get(what["product_id"])
    offer = None if known is None else known.offers.get("")
    return offer is None or any(
        name in what and getattr(offer, name) != what[name] for name in ("price", "quantity")
    )


def rest(shop: Shop) -> None:
    """Walks go to their end."""
    while shop.core.has_work():
        shop.step()
