"""Events as people give them: every fault named, what is missing filled in."""

from typing import Any

import pytest

from nudge.event_input import TIMES, Source, from_words
from nudge.event_words import event_words, money
from nudge.events import InvalidEventError, event_models, filled, misspelt, ready, topic_of
from nudge.problem import Problem
from schemas.adapters import parse_catalog_event, parse_shop_event
from schemas.base import EpochMs
from schemas.examples import CATALOG_TYPES, SHOP_TYPES, example
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS

NOW = 1_772_359_200_000


def faults(raw: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidEventError) as caught:
        ready(raw)
    return {fault.field: fault.said for fault in caught.value.faults}


@pytest.mark.parametrize("type_", [*SHOP_TYPES, *CATALOG_TYPES])
def test_every_example_is_ready_and_goes_where_it_belongs(type_: str) -> None:
    event = ready(example(type_))
    assert event.topic is (SHOP_EVENTS if type_ in SHOP_TYPES else SHOP_CATALOG)
    assert event.topic is topic_of(type_)
    read = parse_shop_event if event.topic is SHOP_EVENTS else parse_catalog_event
    assert read(event.value).event_id == event.event_id


@pytest.mark.parametrize("type_", [*SHOP_TYPES, *CATALOG_TYPES])
def test_every_event_can_be_told_in_words_without_a_gap(type_: str) -> None:
    read = parse_shop_event if type_ in SHOP_TYPES else parse_catalog_event
    words = event_words(read(ready(example(type_)).value))
    assert words.strip() == words
    assert "None" not in words
    assert "  " not in words


def test_all_faults_are_named_at_once() -> None:
    raw = example("add_to_cart") | {"price": "cheap", "currency": "XYZ", "occurred_at": "noon"}
    del raw["product_id"]
    assert faults(raw) == {
        "price": (
            "input should be a valid integer, unable to parse string as an integer, not 'cheap'"
        ),
        "currency": "'XYZ' is no ISO 4217 code, such as EUR",
        "occurred_at": "'noon' is neither epoch milliseconds nor RFC 3339 with an offset",
        "product_id": "missing",
    }  # fmt: skip


def test_a_time_in_seconds_is_a_fault() -> None:
    said = faults(example("search") | {"occurred_at": 1781085600})
    assert "epoch milliseconds are wanted, not seconds" in said["occurred_at"]


def test_a_fault_inside_a_list_is_named_by_its_place() -> None:
    assert "items.1.price" in faults(
        example("purchase")
        | {"items": [{"product_id": "a", "price": 1}, {"product_id": "b", "price": -1}]}
    )


def test_a_type_that_is_nearly_one_is_recognised() -> None:
    assert (
        "did you mean add_to_cart" in faults(example("search") | {"type": "add_to_cartt"})["type"]
    )
    assert "--types" in faults({})["type"]


def test_a_shoppers_event_needs_somebody() -> None:
    raw = example("search")
    del raw["user_id"]
    assert "anonymous_id" in faults(raw)["user_id"]


def test_a_field_that_looks_misspelt_is_a_fault_and_a_strange_one_is_ignored() -> None:
    event = ready(example("search") | {"resluts": 3, "colour": "green"})
    assert event.ignored == ("resluts", "colour")
    assert [str(fault) for fault in misspelt(event)] == [
        "resluts: search has no such field; did you mean results?"
    ]


def test_an_id_and_a_time_are_filled_in_where_they_are_missing_only() -> None:
    full = filled({"type": "search", "event_id": None}, now=NOW)
    assert full["occurred_at"] == NOW
    assert len(full["event_id"]) == 36
    assert filled({"event_id": "e", "occurred_at": 1781085600000}, now=NOW) == {
        "event_id": "e",
        "occurred_at": 1781085600000,
    }


def test_words_become_fields_with_times_and_json_understood() -> None:
    words = ("code=TEA", "expires_at=+7d", "value=1000")
    assert from_words("voucher_issued", words, now=NOW) == {
        "type": "voucher_issued", "code": "TEA", "expires_at": NOW + 604_800_000, "value": "1000",
    }  # fmt: skip
    assert from_words("cart_snapshot", ("items=[]",), now=NOW)["items"] == []
    for word in ("price", "=3", "items=[1"):
        with pytest.raises(Problem):
            from_words("search", (word,), now=NOW)


def test_the_fields_that_hold_times_are_known() -> None:
    times = {
        name
        for model in event_models().values()
        for name, field in model.model_fields.items()
        if "epoch ms" in str(field.description) or "epoch ms" in str(field.annotation)
    }
    assert EpochMs is not None
    assert times == TIMES


def test_what_is_wrong_with_a_line_is_told_with_its_place_and_the_rest_goes_on() -> None:
    told: list[str] = []
    source = Source("events.jsonl", {"user_id": "anna"}, NOW, told.append)
    lines = [(1, {"type": "search", "query": "tea"}), (2, {"type": "search"}), (3, 7)]
    assert [(line, event.key) for line, event in source.events(lines)] == [(1, "anna")]
    assert told == [
        "events.jsonl, line 2: query: missing",
        "events.jsonl, line 3: an event is a JSON object, not 7",
    ]
    assert source.faulty == 2


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(1990, "PLN", "19.90 PLN"), (1990, "JPY", "1990 JPY"), (1990, "KWD", "1.990 KWD"),
     (5, "EUR", "0.05 EUR"), (1990, None, "1990 (minor units)"), (None, "PLN", "an unknown price")],
)  # fmt: skip
def test_money_has_the_decimals_of_its_currency(
    minor: int | None, currency: str | None, text: str
) -> None:
    assert money(minor, currency) == text


@pytest.mark.parametrize("amount", ["249.00", "249,50", "0.99"])
def test_an_amount_with_a_point_is_not_taken_for_minor_units(amount: str) -> None:
    with pytest.raises(Problem, match="minor units") as refused:
        from_words("add_to_cart", (f"price={amount}",), now=NOW)
    minor = {"249.00": 24900, "249,50": 24950, "0.99": 99}[amount]
    assert f"price={minor}." in (refused.value.cure or "")
