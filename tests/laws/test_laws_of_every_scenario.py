"""Laws over the whole shipped file: whatever shoppers and the shop do, in whatever steps."""

from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processors.fold import fold, fold_content
from processors.inputs import EVENT_RANK, FactRecord, Input, Source, Tick, UserRecord
from processors.rules import Rules
from processors.scenario_file import load
from schemas.adapters import SHOP_EVENT, adapter_of, dump, parse, to_json
from schemas.control import VoucherBatch
from schemas.decisions import Decision
from schemas.events import OrderState
from schemas.structs import ContentPublished, read_catalog_event, struct_of
from tests.processors.shop import DAY, HOUR, MINUTE, NOON, Shop
from tests.timelines.stories import SHIPPED

USERS = ("ann", "bob")
PRODUCTS = ("lamp", "shade")
ORDERS = ("A-1", "A-2")
PLN = {"currency": "PLN"}

order = st.sampled_from(ORDERS).map(lambda number: {"order_id": number})
product = st.sampled_from(PRODUCTS).map(lambda number: {"product_id": number})


def of(kind: str, *parts: st.SearchStrategy[dict[str, Any]], **fields: Any) -> Any:
    """An event of ``kind`` with these fields."""
    joined = st.tuples(*parts).map(lambda found: {k: v for part in found for k, v in part.items()})
    return joined.map(lambda own: {"type": kind, **fields, **own})


bought = product.map(lambda p: {"items": [{**p, "price": 5000}], "value": 5000, **PLN})
EVENTS = st.one_of(
    of("page_view", url="https://shop.example/"),
    of("view_item", product, price=6000, **PLN),
    of("add_to_cart", product, price=6000, **PLN),
    of("add_to_wishlist", product, price=6000),
    of("begin_checkout", delivery_cost=1000, **PLN),
    of("purchase", order, bought),
    of("refund", order),
    of("payment_failed", order),
    of("order_status", order, st.sampled_from(OrderState).map(lambda s: {"status": s.value})),
    of("voucher_issued", st.integers(0, 3).map(
        lambda days: {"code": f"C{days}", "expires_at": NOON + days * DAY})),
    of("voucher_redeemed", st.integers(0, 3).map(lambda days: {"code": f"C{days}"})),
    of("reminder_set", st.integers(-1, 60).map(
        lambda hours: {"reminder_id": "r", "at": NOON + hours * HOUR, "title": "Tea"})),
    of("reminder_cancelled", reminder_id="r"),
    of("topic_follow", topic="lamps"),
    of("topic_unfollow", topic="lamps"),
    of("survey_answer", survey="review_request", answer="good"),
    of("email_ignored"),
    of("consent_change", st.booleans().map(lambda granted: {"granted": granted}),
       purpose="marketing"),
)  # fmt: skip
NEWS = st.one_of(
    of("price_change", product, st.integers(3, 9).map(lambda p: {"price": p * 1000, **PLN})),
    of("stock_change", product, st.integers(0, 4).map(lambda pieces: {"quantity": pieces})),
    of("content_published", st.integers(0, 2).map(lambda n: {"content_id": f"c{n}"}),
       topic="lamps", title="Light", url="https://shop.example/c"),
)  # fmt: skip
GAPS = st.sampled_from((0, 1, 30_000, 20 * MINUTE, 3 * HOUR, 2 * DAY))
LIVES = st.lists(
    st.tuples(GAPS, st.one_of(st.tuples(st.sampled_from(USERS), EVENTS),
                              st.tuples(st.just("shop"), NEWS))),
    min_size=6,
    max_size=40,
)  # fmt: skip


@cache
def rules() -> Rules:
    text = SHIPPED.read_text().replace("holdout: 5 ", "holdout: 0 ").replace("enabled: off", "")
    return load(text.replace("intervals: {} ", "intervals: {lamp: 9d} "))


class Told:
    """A shop that is told a life; ``facts`` are folded once, as the catalogue agent does."""

    def __init__(self, life: list[Any]) -> None:
        self.inputs: list[Input] = []
        self.versions: list[tuple[str, int, int, bytes]] = []
        known: dict[str, Any] = {}
        at = NOON
        for number, (gap, (who, plain)) in enumerate(life):
            at += gap
            value = {**plain, "event_id": f"e{number}", "occurred_at": at}
            if who == "shop":
                self._fact(known, read_catalog_event(to_json(value)), at, number)
                continue
            event = struct_of(SHOP_EVENT.validate_python({**value, "user_id": who}))
            place = Source("told", 0, number)
            self.inputs.append(UserRecord(EVENT_RANK, who, event, at, at, place))
        self.until = at + 100 * DAY

    def _fact(self, known: dict[str, Any], event: Any, at: int, number: int) -> None:
        content = isinstance(event, ContentPublished)
        key = f"content/{event.content_id}" if content else event.product_id
        folded = (fold_content if content else fold)(known.get(key), event)
        if folded is not None:
            known[key] = folded
            self.versions.append((key, number, at, dump(folded)))
            self.inputs.append(FactRecord(key, at, Source("nudge-products", 0, number)))

    def shop(self, before: Shop | None = None, write_after: int = 0) -> Shop:
        table = None if before is None else before.core.table
        shop = Shop(rules(), table=table, write_after=write_after)
        for key, offset, at, value in self.versions:
            shop.catalogue.append(key, 0, offset, at, value)
        codes = tuple(f"V{number}" for number in range(50))
        shop.core.desk.book.add_vouchers(
            VoucherBatch(
                type="vouchers", pool="second_order", batch="b", effective_at=0, codes=codes
            )
        )
        return shop


def clock_of(item: Input) -> int:
    assert not isinstance(item, Tick)
    return item.recorded_at


def plain(decision: Decision) -> bytes:
    """As it is written, but for the code: which of two users gets which is not promised."""
    told = parse(adapter_of(Decision), dump(decision))
    said = {name: value for name, value in told.evidence.items() if name != "code"}
    return dump(told.model_copy(update={"evidence": said}))


def rows(shop: Shop) -> dict[bytes, bytes]:
    return {key: row for _, key, row in shop.core.table.users()}


@given(LIVES)
def test_however_often_the_clock_moves_and_a_worker_restarts_the_decisions_are_the_same(
    life: list[Any],
) -> None:
    told = Told(life)
    rarely = told.shop()
    rarely.step(*told.inputs)
    rarely.tick(told.until)
    shop, often = told.shop(), []
    for item in told.inputs:
        shop.step(item, tick=Tick(clock_of(item)))
        often += shop.decisions
        shop = told.shop(shop)
    shop.tick(told.until)
    often += shop.decisions
    assert sorted(map(plain, often)) == sorted(map(plain, rarely.decisions))


@given(LIVES)
def test_rows_that_are_written_late_change_no_decision_and_hold_the_same(life: list[Any]) -> None:
    told = Told(life)
    late, at_once = told.shop(write_after=10), told.shop()
    for item in told.inputs:
        tick = Tick(clock_of(item))
        late.step(item, tick)
        at_once.step(item, tick)
    late.step(Tick(told.until))
    at_once.step(Tick(told.until))
    late.core.settle()
    assert sorted(map(plain, late.decisions)) == sorted(map(plain, at_once.decisions))
    assert rows(late) == rows(at_once)


@given(LIVES)
def test_one_decision_of_an_id_is_final_and_every_code_is_given_once(life: list[Any]) -> None:
    told = Told(life)
    shop = told.shop()
    shop.step(*told.inputs)
    shop.tick(told.until)
    finals = [decision.decision_id for decision in shop.decisions if decision.final]
    assert len(finals) == len(set(finals))
    codes = [d.evidence["code"] for d in shop.decisions if "code" in d.evidence]
    assert len(codes) == len(set(codes))
    jobs = [job.job_id for effects in shop.effects for job in effects.jobs]
    assert len(jobs) == len(set(jobs))
    sent = {d.decision_id for d in shop.decisions if d.outcome.value == "sent"}
    assert set(jobs) == sent
