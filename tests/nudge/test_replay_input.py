"""The lines of a replay's file: what cannot be read is named, with its reason, and passed over."""

from pathlib import Path

import pytest

from tests.nudge.commands import nudge

CART = (
    '{"type":"add_to_cart","event_id":"e1","user_id":"ann","product_id":"lamp","price":4999,'
    '"currency":"PLN","occurred_at":1781085600000}'
)


def told(**other: str) -> str:
    """The event with other text in the place of a field's."""
    line = CART
    for before, after in other.items():
        line = line.replace({"type": '"add_to_cart"', "at": "1781085600000"}[before], after)
    return line


async def read(tmp_path: Path, *lines: str) -> str:
    """What was said of the file."""
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines))
    until = ("--until", "2026-06-10T14:00Z")
    return (await nudge(None, "replay", str(file), *until)).good().err


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("add_to_card", "type: there is no 'add_to_card'; did you mean add_to_cart"),
        ("stock_changed", "type: there is no 'stock_changed'; did you mean stock_change"),
        ("zzz", "type: there is no 'zzz'; see `nudge publish --types`"),
    ],
)
async def test_an_unknown_type_is_answered_as_publish_answers_it(
    tmp_path: Path, type_: str, said: str
) -> None:
    err = await read(tmp_path, CART, told(type=f'"{type_}"'))
    assert "2 final decisions" in err
    assert f"events.jsonl:2: unknown_type: {said}" in err


@pytest.mark.parametrize("at", ['"9999-12-31T23:59:59.999Z"', "253402300799999"])
async def test_an_event_at_the_end_of_time_is_no_event(tmp_path: Path, at: str) -> None:
    late, wrong = told(at=at), told(at=f'1781085600000,"recorded_at":{at}')
    err = await read(tmp_path, CART, late, wrong)
    assert "2 final decisions" in err
    assert "events.jsonl:2: invalid: occurred_at: so far off that what follows" in err
    assert "events.jsonl:3: invalid: recorded_at: so far off that what follows" in err


async def test_an_event_from_the_far_future_of_its_record_is_taken_at_that(tmp_path: Path) -> None:
    line = told(at='"9999-12-31T23:59:59.999Z","recorded_at":1781085600000')
    assert "2 final decisions, 0 late, 0 unreadable" in await read(tmp_path, line)


async def test_a_byte_order_mark_before_the_first_line_is_skipped(tmp_path: Path) -> None:
    said = await read(tmp_path, "\ufeff" + CART, CART.replace("e1", "e2"))
    assert "2 records, " in said
    assert "0 unreadable" in said


async def test_times_in_seconds_are_named_and_passed_over(tmp_path: Path) -> None:
    said = await read(tmp_path, told(at="1781085600"), CART)
    assert "1 unreadable" in said
    assert "epoch milliseconds are wanted, not seconds" in said
