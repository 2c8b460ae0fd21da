"""Codes: each once, from the partition's own stretch, as before after a restart."""

from typing import Any

from processors.rule_book import RuleBook
from processors.vouchers import VoucherDrawer
from schemas.control import VoucherBatch
from tests.processors.shop import DAY, HOUR, NOON, Shop, event, only, shipped_rules

RULES = only(shipped_rules(), ["second_order"])


def batch(name: str, codes: int, at: int = 0, **fields: Any) -> VoucherBatch:
    return VoucherBatch(
        type="vouchers", pool="second_order", batch=name, effective_at=at,
        codes=tuple(f"{name}{number}" for number in range(codes)), **fields,
    )  # fmt: skip


def all_of(drawer: VoucherDrawer, at: int = NOON) -> list[str]:
    codes = []
    while (voucher := drawer.next("second_order", at)) is not None:
        drawer.take(voucher)
        codes.append(voucher.code)
    return codes


def test_all_partitions_together_give_every_code_once() -> None:
    book = RuleBook()
    for one in (batch("x", 101), batch("y", 3, at=1), batch("x", 101)):
        book.add_vouchers(one)
    given = [code for number in range(24) for code in all_of(VoucherDrawer(book, number, 24))]
    assert len(given) == len(set(given)) == 104


def test_codes_that_are_loaded_in_between_change_no_code_that_was_given() -> None:
    book = RuleBook()
    book.add_vouchers(batch("y", 4, at=5))
    drawer = VoucherDrawer(book, 0, 2)
    first = drawer.next("second_order", NOON)
    assert first is not None
    drawer.take(first)
    book.add_vouchers(batch("x", 4, at=1))
    assert [first.code, *all_of(drawer)] == ["y0", "x0", "x2", "y2"]


def test_codes_of_the_future_and_of_the_past_are_not_given() -> None:
    book = RuleBook()
    book.add_vouchers(batch("old", 4, expires_at=NOON))
    book.add_vouchers(batch("new", 1, at=NOON))
    drawer = VoucherDrawer(book, 0, 1)
    assert [v and v.code for v in (drawer.next("second_order", NOON - 1),)] == ["old0"]
    assert all_of(drawer) == ["new0"]


def delivered(user: str, at: int) -> list[Any]:
    items = [{"product_id": "lamp", "price": 100}]
    order = f"{user}-1"
    return [
        event("purchase", at, user, order_id=order, items=items, value=100, currency="PLN"),
        event("order_status", at + 1, user, order_id=order, status="delivered"),
    ]


def test_after_a_restart_the_next_code_is_the_next() -> None:
    codes = []
    shop = Shop(RULES)
    for number, user in enumerate(("ann", "bob", "cid")):
        shop = Shop(RULES, table=shop.core.table)
        shop.core.desk.book.add_vouchers(batch("x", 9))
        shop.tell(*delivered(user, NOON + number * HOUR))
        shop.tick(NOON + number * HOUR + 7 * DAY + 1)
        codes += [decision.evidence["code"] for decision in shop.decisions]
    assert codes == ["x0", "x1", "x2"]


def test_a_step_that_was_not_committed_gave_nothing() -> None:
    shop = Shop(RULES)
    shop.core.desk.book.add_vouchers(batch("x", 9))
    shop.tell(*delivered("ann", NOON))
    rows = {key: row for _, key, row in shop.core.table.users()} | dict(shop.core.table.reserved)
    for _ in range(2):
        again = Shop(RULES)
        for key, row in rows.items():
            again.core.table.put(key, row)
        again = Shop(RULES, table=again.core.table)
        again.core.desk.book.add_vouchers(batch("x", 9))
        again.tick(NOON + 8 * DAY)
        assert [decision.evidence["code"] for decision in again.decisions] == ["x0"]
