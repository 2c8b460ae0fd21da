"""What producers may send, and which field is named when they may not."""

from typing import Any, get_args

import orjson
import pytest
from pydantic import BaseModel

from schemas.adapters import (
    InvalidRecordError,
    check_catalog_key,
    check_shop_key,
    parse_catalog_event,
    parse_shop_event,
)
from schemas.catalog import CatalogEvent, catalog_key_of
from schemas.decisions import DeadLetterReason
from schemas.events import Envelope, ProfileUpdate, ShopEvent, key_of
from schemas.examples import CATALOG_TYPES, SHOP_TYPES, example
from tests.schemas.contract import MAY_HAVE, NEEDS

ALL_TYPES = (*SHOP_TYPES, *CATALOG_TYPES)
ENVELOPE = {"type", *Envelope.model_fields}
MODELS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in (*get_args(ShopEvent), *get_args(CatalogEvent))
}


def parse(raw: dict[str, Any]) -> Any:
    read = parse_shop_event if raw.get("type") in SHOP_TYPES else parse_catalog_event
    return read(orjson.dumps(raw))


def refused(raw: dict[str, Any]) -> InvalidRecordError:
    with pytest.raises(InvalidRecordError) as caught:
        parse(raw)
    return caught.value


def test_every_type_of_the_table_has_a_model_and_an_example_and_no_other_has() -> None:
    assert set(MODELS) == set(NEEDS) == set(ALL_TYPES)
    assert set(MAY_HAVE) <= set(NEEDS)


@pytest.mark.parametrize("type_", sorted(NEEDS))
def test_a_type_has_the_fields_of_the_table(type_: str) -> None:
    own = dict(MODELS[type_].model_fields)
    needed = {name for name, field in own.items() if field.is_required()} - {
        "type", "event_id", "occurred_at",
    }  # fmt: skip
    optional = set(own) - needed - ENVELOPE
    assert needed == set(NEEDS[type_].split())
    assert optional == set(MAY_HAVE.get(type_, "").split())


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_the_example_of_a_type_is_accepted(type_: str) -> None:
    assert parse(example(type_)).type == type_


@pytest.mark.parametrize(
    ("type_", "field"),
    [(type_, field) for type_, fields in NEEDS.items() for field in fields.split()],
)
def test_an_event_without_a_field_it_needs_is_refused_by_its_name(type_: str, field: str) -> None:
    raw = example(type_)
    del raw[field]
    error = refused(raw)
    assert error.reason is DeadLetterReason.INVALID
    assert field in str(error)


@pytest.mark.parametrize("field", ["event_id", "occurred_at"])
@pytest.mark.parametrize("type_", ALL_TYPES)
def test_every_event_says_which_it_is_and_when_it_happened(type_: str, field: str) -> None:
    raw = example(type_)
    del raw[field]
    assert field in str(refused(raw))


@pytest.mark.parametrize("day", ["2026-06-15", "15.06.2026", "2026-06-15T12:00:00"])
def test_a_day_where_a_time_is_wanted_is_answered_with_the_forms_of_a_time(day: str) -> None:
    said = str(refused(example("order_status") | {"expected_delivery": day}))
    assert (
        said
        == "order_status.expected_delivery: neither epoch milliseconds nor RFC 3339 with an offset"
    )


@pytest.mark.parametrize("type_", [t for t in SHOP_TYPES if "user_id" not in NEEDS[t].split()])
def test_a_shoppers_event_that_names_nobody_is_refused(type_: str) -> None:
    raw = example(type_)
    del raw["user_id"]
    error = refused(raw)
    assert error.reason is DeadLetterReason.INVALID
    assert "anonymous_id" in str(error)


@pytest.mark.parametrize(
    ("type_", "field", "value"),
    [
        ("add_to_cart", "price", -1),
        ("add_to_cart", "price", "cheap"),
        ("add_to_cart", "price", 19.9),
        ("add_to_cart", "price", 10**12 + 1),
        ("add_to_cart", "currency", "XYZ"),
        ("add_to_cart", "currency", "pln"),
        ("add_to_cart", "quantity", 0),
        ("add_to_cart", "product_id", ""),
        ("add_to_cart", "product_id", "a\nb"),
        ("add_to_cart", "product_id", "x" * 129),
        ("purchase", "items", [{"product_id": "tea", "price": -5}]),
        ("purchase", "value", None),
        ("engagement", "ms", 3_600_001),
        ("order_status", "status", "lost"),
        ("consent_change", "purpose", "everything"),
        ("consent_change", "granted", "perhaps"),
        ("stock_change", "quantity", -1),
        ("product_published", "related", {"enemy": ["tea"]}),
        ("page_view", "url", "x" * 2049),
        ("search", "query", "x" * 257),
        ("reminder_set", "lead", [1, 2, 3, 4, 5, 6]),
        ("profile_update", "traits", {"": "no name"}),
        ("profile_update", "traits", {"card": 2**63}),
        ("reminder_set", "lead", [10**16]),
        ("view_item", "user_id", "a\x00b"),
        ("view_item", "occurred_at", "2026-03-01T10:00:00"),
        ("view_item", "occurred_at", "yesterday"),
        ("view_item", "occurred_at", -1),
        ("view_item", "occurred_at", 0),
        ("view_item", "occurred_at", 1_781_085_600),
        ("stock_change", "occurred_at", 1_781_085_600),
        ("view_item", "occurred_at", 253_402_300_800_000),
        ("view_item", "occurred_at", 1772359200.5),
        ("view_item", "occurred_at", "1772359200"),
        ("view_item", "occurred_at", "1969-12-31T23:59:59Z"),
        ("view_item", "occurred_at", True),
    ],
)
def test_a_wrong_value_is_refused_and_its_field_named(type_: str, field: str, value: Any) -> None:
    error = refused(example(type_) | {field: value})
    assert error.reason is DeadLetterReason.INVALID
    assert field in str(error)


def test_a_time_in_seconds_is_named_as_one() -> None:
    error = refused(example("view_item") | {"occurred_at": 1_781_085_600})
    assert "epoch milliseconds are wanted, not seconds" in str(error)


def test_of_a_currency_that_there_is_not_those_that_there_are_are_not_listed() -> None:
    error = refused(example("add_to_cart") | {"currency": "pln"})
    assert str(error) == "add_to_cart.currency: no ISO 4217 code, such as EUR"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, DeadLetterReason.INVALID),
        (b"", DeadLetterReason.BAD_JSON),
        (b"{", DeadLetterReason.BAD_JSON),
        (b"\xff\xfe", DeadLetterReason.BAD_JSON),
        (b"[" * 10_000, DeadLetterReason.BAD_JSON),
        (b'{"type": "teleport", "event_id": "1"}', DeadLetterReason.UNKNOWN_TYPE),
        (b'{"event_id": "1"}', DeadLetterReason.UNKNOWN_TYPE),
        (b"[]", DeadLetterReason.INVALID),
        (b'"add_to_cart"', DeadLetterReason.INVALID),
    ],
)
def test_what_is_no_event_is_refused_with_the_reason_it_will_be_dead_lettered_for(
    value: bytes | None, reason: DeadLetterReason
) -> None:
    with pytest.raises(InvalidRecordError) as caught:
        parse_shop_event(value)
    assert caught.value.reason is reason


def test_a_field_that_nobody_knows_is_ignored_so_that_producers_may_run_ahead() -> None:
    assert parse(example("search") | {"colour": "green"}) == parse(example("search"))


def test_a_time_may_be_rfc_3339_with_any_offset_and_is_milliseconds_ever_after() -> None:
    raw = example("search")
    for text in ("2026-03-01T10:00:00Z", "2026-03-01T11:00:00+01:00", "2026-03-01T10:00:00.000Z"):
        assert parse(raw | {"occurred_at": text}).occurred_at == raw["occurred_at"]
    assert parse(raw | {"occurred_at": "2026-03-01T10:00:00.123Z"}).occurred_at % 1000 == 123


def test_a_trait_can_be_removed_by_null() -> None:
    event = parse(example("profile_update") | {"traits": {"city": None, "tags": ["a", "b"]}})
    assert isinstance(event, ProfileUpdate)
    assert event.traits == {"city": None, "tags": ("a", "b")}


def test_events_go_under_the_user_else_the_anonymous_id() -> None:
    raw = example("search")
    assert key_of(parse(raw | {"anonymous_id": "a-1"})) == "anna"
    assert key_of(parse(raw | {"user_id": None, "anonymous_id": "a-1"})) == "a-1"


@pytest.mark.parametrize("type_", ["login", "sign_up"])
def test_a_login_goes_under_the_anonymous_id_where_there_is_one(type_: str) -> None:
    raw = example(type_)
    assert key_of(parse(raw)) == raw["anonymous_id"]
    del raw["anonymous_id"]
    assert key_of(parse(raw)) == "anna"


def test_catalogue_events_go_under_the_product_and_content_apart_from_it() -> None:
    assert catalog_key_of(parse(example("price_change"))) == "tea-sencha"
    assert catalog_key_of(parse(example("content_published"))) == "content/lesson-3"


def test_an_event_under_a_strangers_key_is_refused() -> None:
    with pytest.raises(InvalidRecordError) as caught:
        check_shop_key(parse(example("search")), "berta")
    assert caught.value.reason is DeadLetterReason.WRONG_KEY
    with pytest.raises(InvalidRecordError):
        check_catalog_key(parse(example("price_change")), "tea-assam")
    check_shop_key(parse(example("search")), "anna")
    check_catalog_key(parse(example("price_change")), "tea-sencha")
