"""Each topic's table: its columns, made from the wire contract, and the row of a record.

Every table begins with where a record stood (``kafka_…``), then has a column a field of the
topic's models: whole numbers, text and truth values as they are, everything else as JSON. Times
are epoch milliseconds, money is in minor units, as on the wire.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from aiokafka import ConsumerRecord
from pydantic import BaseModel

from nudge.reading import headers_of, key_of
from schemas import topics
from schemas.adapters import CAMPAIGN, InvalidRecordError, adapter_of, parse, parse_catalog_event
from schemas.base import EpochMs, EventMs
from schemas.campaigns import CampaignStart, CampaignStop
from schemas.catalog import CatalogEvent
from schemas.decisions import DeadLetterReason
from schemas.events import ShopEvent
from schemas.people import Subscription, split_subscription_key
from schemas.structs import plain_of, read_shop_event
from schemas.topics import Topic

Row = dict[str, Any]


class SqlType(StrEnum):
    """A column's type, in DuckDB's words."""

    WHOLE = "BIGINT"
    REAL = "DOUBLE"
    TRUTH = "BOOLEAN"
    TEXT = "VARCHAR"
    JSON = "JSON"


PLACE: Mapping[str, SqlType] = {
    "kafka_topic": SqlType.TEXT,
    "kafka_partition": SqlType.WHOLE,
    "kafka_offset": SqlType.WHOLE,
    "kafka_time": SqlType.WHOLE,
    "kafka_key": SqlType.TEXT,
    "kafka_headers": SqlType.JSON,
}
"""Where the record stood. ``kafka_topic`` is the registry's name, whatever the namespace."""


@dataclass(frozen=True, slots=True)
class Table:
    """A topic as a table. ``read`` makes a record's own columns of its key and value."""

    topic: Topic
    columns: Mapping[str, SqlType]
    read: Callable[[str, bytes | None], Row]

    def row(self, record: ConsumerRecord) -> Row:
        """The record's row; a column that says nothing is left out.

        Raises:
            InvalidRecordError: the record is not what the topic holds.
        """
        key = key_of(record)
        place: Row = {
            "kafka_topic": self.topic.name,
            "kafka_partition": record.partition,
            "kafka_offset": record.offset,
            "kafka_time": record.timestamp,
            "kafka_key": key,
        }
        if record.headers:
            place["kafka_headers"] = headers_of(record)
        return place | self.read(key, record.value)


def columns_of(*models: type[BaseModel]) -> dict[str, SqlType]:
    """A column a field; where models differ about a field's type, it is JSON."""
    found: dict[str, SqlType] = {}
    for model in models:
        hints = get_type_hints(model, include_extras=True)
        for name in model.model_fields:
            kind = _sql_type(hints[name])
            found[name] = kind if found.get(name, kind) is kind else SqlType.JSON
    return found


_PLAIN = {
    bool: SqlType.TRUTH,
    int: SqlType.WHOLE,
    float: SqlType.REAL,
    str: SqlType.TEXT,
}


def _sql_type(hint: Any) -> SqlType:
    if hint in (EpochMs, EventMs):
        return SqlType.WHOLE
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _sql_type(args[0])
    if origin is Literal:
        return _sql_type(type(args[0]))
    if origin in (Union, types.UnionType):
        arms = {_sql_type(arm) for arm in args if arm is not type(None)}
        return arms.pop() if len(arms) == 1 else SqlType.JSON
    if isinstance(hint, type):
        return next((_PLAIN[base] for base in hint.__mro__ if base in _PLAIN), SqlType.JSON)
    return SqlType.JSON


def _read_model(model: type[BaseModel], key: str, value: bytes | None) -> Row:  # noqa: ARG001 - as others
    row: Row = parse(adapter_of(model), value).model_dump(mode="json", exclude_none=True)
    return row


def _read_event(key: str, value: bytes | None) -> Row:  # noqa: ARG001 - as others
    return plain_of(read_shop_event(value))


def _read_catalog(key: str, value: bytes | None) -> Row:  # noqa: ARG001 - as others
    return parse_catalog_event(value).model_dump(mode="json", exclude_none=True)


def _read_campaign(key: str, value: bytes | None) -> Row:  # noqa: ARG001 - as others
    return parse(CAMPAIGN, value).model_dump(mode="json", exclude_none=True)


SECRET = ("endpoint", "p256dh", "auth")
"""Who has these can push to the browser: only the push service's name goes into a table."""


def _read_subscription(key: str, value: bytes | None) -> Row:
    try:
        user_id, subscription_id = split_subscription_key(key)
    except ValueError as error:
        raise InvalidRecordError(DeadLetterReason.WRONG_KEY, str(error)) from None
    named: Row = {"user_id": user_id, "subscription_id": subscription_id}
    if value is None:
        return named | {"ended": True}
    row = _read_model(Subscription, key, value)
    origin = "/".join(row["endpoint"].split("/", 3)[:3])
    public = {name: said for name, said in row.items() if name not in SECRET}
    return public | named | {"origin": origin, "ended": False}


def _subscription_columns() -> dict[str, SqlType]:
    public = columns_of(Subscription)
    for name in SECRET:
        del public[name]
    return public | {"origin": SqlType.TEXT, "ended": SqlType.TRUTH}


def _table(topic: Topic) -> Table:
    assert not isinstance(topic.models, str)
    (model,) = topic.models
    return Table(topic, {**PLACE, **columns_of(model)}, partial(_read_model, model))


def _has_plain_table(topic: Topic) -> bool:
    """What Nudge tells the world, one kind of record a topic; dead letters are no records."""
    return topic.name.startswith("push.") and topic is not topics.DEAD_LETTER


TABLES: Mapping[Topic, Table] = {
    **{
        topic: _table(topic)
        for topic in (*filter(_has_plain_table, topics.REGISTRY), topics.LATE)
        if topic not in (topics.SUBSCRIPTIONS, topics.CAMPAIGNS)
    },
    topics.CAMPAIGNS: Table(
        topics.CAMPAIGNS, {**PLACE, **columns_of(CampaignStart, CampaignStop)}, _read_campaign
    ),
    topics.SHOP_EVENTS: Table(
        topics.SHOP_EVENTS, {**PLACE, **columns_of(*get_args(ShopEvent))}, _read_event
    ),
    topics.SHOP_CATALOG: Table(
        topics.SHOP_CATALOG, {**PLACE, **columns_of(*get_args(CatalogEvent))}, _read_catalog
    ),
    topics.SUBSCRIPTIONS: Table(
        topics.SUBSCRIPTIONS, {**PLACE, **_subscription_columns()}, _read_subscription
    ),
}
"""The topics that have a table: what people did, what was decided, and what came of it."""
