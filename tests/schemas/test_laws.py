"""What the exported schema allows, the models take; and what they write, they read the same."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from schemas.adapters import (
    CATALOG_EVENT,
    CONTROL,
    HANDOVER,
    SHOP_EVENT,
    adapter_of,
    dump,
    parse,
)
from schemas.export import models_of, topic_schema
from schemas.people import split_subscription_key, subscription_key
from schemas.topics import HANDOVERS, REGISTRY, SCENARIOS, SHOP_CATALOG, SHOP_EVENTS
from tests.schemas.strategies import values_of

UNIONS = {
    SHOP_EVENTS: SHOP_EVENT,
    SHOP_CATALOG: CATALOG_EVENT,
    HANDOVERS: HANDOVER,
    SCENARIOS: CONTROL,
}
CASES: list[Any] = [
    pytest.param(UNIONS[topic], values_of(topic_schema(topic)), id=topic.name) for topic in UNIONS
] + [
    pytest.param(
        adapter_of(model),
        values_of(model.model_json_schema(mode="serialization")),
        id=model.__name__,
    )
    for topic in REGISTRY
    if topic not in UNIONS
    for model in models_of(topic)
]


@pytest.mark.parametrize(("adapter", "values"), CASES)
def test_a_record_that_the_schema_allows_is_read_and_written_and_read_the_same(
    adapter: TypeAdapter[Any], values: st.SearchStrategy[Any]
) -> None:
    @settings(max_examples=100, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(values)
    def law(raw: Any) -> None:
        first: BaseModel = parse(adapter, orjson.dumps(raw))
        written = dump(first)
        again: BaseModel = parse(adapter, written)
        assert again == first
        assert dump(again) == written

    law()


@given(
    user=st.text(min_size=1, max_size=40),
    subscription=st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
)
def test_a_subscriptions_key_parts_again_whatever_the_user_is_called(
    user: str, subscription: str
) -> None:
    assume("/" not in subscription)
    assert split_subscription_key(subscription_key(user, subscription)) == (user, subscription)


@pytest.mark.parametrize("key", ["", "anna", "/", "anna/", "/sub"])
def test_what_is_no_subscription_key_is_an_error(key: str) -> None:
    with pytest.raises(ValueError, match="user/subscription"):
        split_subscription_key(key)
