"""What a worker reads an event into is what the contract says of it, field by field."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import adapters
from schemas.adapters import (
    SHOP_EVENT,
    InvalidRecordError,
    dump,
    parse_catalog_event,
    parse_shop_event,
)
from schemas.examples import CATALOG_TYPES, SHOP_TYPES, example
from schemas.export import topic_schema
from schemas.products import Content, Product
from schemas.structs import (
    plain_value,
    read_catalog_event,
    read_content,
    read_product,
    read_shop_event,
    struct_for,
    struct_of,
)
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS, Topic
from tests.schemas.strategies import values_of

QUICK = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
TYPES = (*SHOP_TYPES, *CATALOG_TYPES)
READERS = ((parse_shop_event, read_shop_event), (parse_catalog_event, read_catalog_event))
"""The contract's reader and the worker's, of either topic."""


def read_by_both(value: bytes) -> None:
    """In either topic both refuse it for the same reason, or both read the same."""
    for by_contract, by_worker in READERS:
        told: Any = attempt(by_contract, value)
        read: Any = attempt(by_worker, value)
        if isinstance(told, InvalidRecordError):
            assert isinstance(read, InvalidRecordError)
            assert (read.reason, str(read)) == (told.reason, str(told))
            continue
        assert type(read) is struct_for(type(told))
        for name in type(told).model_fields:
            assert same(getattr(read, name), getattr(told, name)), name


def attempt(read: Callable[[bytes], Any], value: bytes) -> Any:
    """What is read, or the refusal."""
    try:
        return read(value)
    except InvalidRecordError as error:
        return error


def same(read: Any, told: Any) -> bool:
    """Equal in value and kind; an item is equal field by field."""
    if isinstance(read, msgspec.Struct):
        names = type(told).model_fields
        return all(same(getattr(read, name), getattr(told, name)) for name in names)
    if isinstance(read, tuple):
        pairs = zip(read, told, strict=True)
        return type(told) is tuple and all(same(*pair) for pair in pairs)
    if isinstance(read, dict):
        return list(read) == list(told) and all(same(read[k], told[k]) for k in read)
    return type(read) is type(told) and bool(read == told)


@pytest.mark.parametrize("type_", TYPES)
def test_an_example_of_each_type_is_read_without_pydantic(
    type_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = orjson.dumps(example(type_))
    read_by_both(value)
    by_contract, by_worker = READERS[type_ in CATALOG_TYPES]
    told: Any = by_contract(value)

    def refuse(_: object) -> None:
        raise AssertionError("pydantic was asked")

    monkeypatch.setattr(adapters, by_contract.__name__, refuse)
    read: Any = by_worker(value)
    assert plain_value(read) == told.model_dump(mode="json", exclude_none=True)
    assert read.type == type_


VALUES = {topic.name: values_of(topic_schema(topic)) for topic in (SHOP_EVENTS, SHOP_CATALOG)}


@QUICK
@pytest.mark.parametrize("topic", [SHOP_EVENTS, SHOP_CATALOG], ids=lambda topic: topic.name)
@given(data=st.data())
def test_whatever_the_schema_allows_is_read_the_same(topic: Topic, data: st.DataObject) -> None:
    raw: Any = data.draw(VALUES[topic.name])
    read_by_both(orjson.dumps(raw, option=orjson.OPT_NON_STR_KEYS))
    read_by_both(json.dumps(raw).encode())


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False),
    st.text(max_size=8), st.just("\x00"), st.just("a\x7f"), st.just("x" * 129), st.just(""),
    st.just("2026-03-01T10:00:00Z"), st.just("12"), st.just(12.0), st.just(1.7e12),
    st.lists(st.integers(0, 3), max_size=2), st.just({"type": "search", "a": [{"b": None}]}),
    st.just({"accessory": ["tea"]}), st.just({"accessory": ["a"] * 21}), st.just({"other": []}),
)  # fmt: skip


@QUICK
@given(st.data())
def test_an_event_with_something_odd_in_it_is_read_or_refused_alike(data: st.DataObject) -> None:
    plain = example(data.draw(st.sampled_from(TYPES)))
    for _ in range(data.draw(st.integers(1, 2))):
        names = st.sampled_from(
            [*plain, "unknown", "locale", "variant_id", "price", "items", "related"]
        )
        name = data.draw(names)
        if data.draw(st.booleans()):
            plain.pop(name, None)
        else:
            plain[name] = data.draw(ODD)
    try:
        value = orjson.dumps(plain)
    except TypeError:
        return  # an integer that JSON has no room for
    read_by_both(value)


@QUICK
@given(st.data())
def test_a_record_damaged_on_its_way_is_read_or_refused_alike(data: st.DataObject) -> None:
    value = bytearray(orjson.dumps(example(data.draw(st.sampled_from(TYPES)))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(value) - 1))
        pieces = st.sampled_from(
            [b"\\", b"\\u0001", b"\\n", b"\\/", b"\\ud800", b"\\u00e9", b"\x7f", b"\x01", b"\xff",
             b"\xc3\xa9", b'"', b"{", b"}", b",", b"0", b"-", b".", b"e1", b" ", b"NaN", b""]
        )  # fmt: skip
        value[place : place + data.draw(st.integers(0, 2))] = data.draw(pieces)
    read_by_both(bytes(value))


@pytest.mark.parametrize(
    "value",
    [
        b'{"type":"login","type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000}',
        b'{"type":"logout","event_id":"e","event_id":"f","user_id":"u","occurred_at":1781085600000}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":"\xff"}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":01}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":[1,]}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":"\\q"}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":NaN}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":1e999}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":-}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000} {}',
        b'\xef\xbb\xbf{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":"\x01"}',
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":'
        + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"x":'
        + b"[" * 201 + b"]" * 201 + b"}",
        b'{"type":"logout","event_id":"e","user_id":"u","occurred_at":1781085600000,"\\ud800":1}',
        b'{"type":"logout","event_id":"\\u0065","user_id":"\\u00fc\\\\n","occurred_at":1781085600000}',
        b"", b"null", b"[]", b"{}", b'"', b"\x00",
    ],
)  # fmt: skip
def test_json_at_its_edges_is_read_or_refused_alike(value: bytes) -> None:
    read_by_both(value)


def test_an_event_of_the_contract_becomes_the_same_struct() -> None:
    for type_ in SHOP_TYPES:
        value = orjson.dumps(example(type_))
        assert struct_of(SHOP_EVENT.validate_json(value)) == read_shop_event(value)


@QUICK
@pytest.mark.parametrize("model", [Product, Content], ids=lambda model: model.__name__)
@given(data=st.data())
def test_a_row_of_a_product_is_the_same_bytes_from_the_struct(
    model: type[Product | Content], data: st.DataObject
) -> None:
    words, plain = st.text(max_size=9), values_of(model.model_json_schema(mode="serialization"))
    drawn = data.draw(plain) | data.draw(st.fixed_dictionaries({"name": words, "title": words}))
    told = model.model_validate(drawn)
    row, read = dump(told), read_product if model is Product else read_content
    assert dump(struct_of(told)) == row
    assert read(row) == struct_of(told)
