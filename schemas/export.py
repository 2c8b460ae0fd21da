"""The contracts for other languages: JSON Schema a topic, and one AsyncAPI 3.0 document."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from schemas import topics
from schemas.adapters import CAMPAIGN, CATALOG_EVENT, CONTROL, HANDOVER, SHOP_EVENT
from schemas.aftermath import CreditCause, HandoffReason, Touch
from schemas.base import Explained
from schemas.catalog import CatalogEvent
from schemas.decisions import DeadLetter, DeadLetterReason, Outcome, Reason
from schemas.events import ShopEvent
from schemas.examples import example
from schemas.push import ResultOutcome
from schemas.topics import REGISTRY, Cleanup, Partitioning, Topic, topic_name

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FROM_OUTSIDE = (topics.SHOP_EVENTS, topics.SHOP_CATALOG, topics.INTERACTIONS)
"""What others write: their schemas say what is taken. All other schemas say what Nudge writes."""

_UNIONS: dict[Topic, TypeAdapter[Any]] = {
    topics.SHOP_EVENTS: SHOP_EVENT,
    topics.SHOP_CATALOG: CATALOG_EVENT,
    topics.HANDOVERS: HANDOVER,
    topics.SCENARIOS: CONTROL,
    topics.CAMPAIGNS: CAMPAIGN,
}

Mode = Literal["validation", "serialization"]


def models_of(topic: Topic) -> tuple[type[BaseModel], ...]:
    """The models of a topic's values; none for what is nobody's business but the workers'."""
    if topic is topics.SHOP_EVENTS:
        return get_args(ShopEvent)
    if topic is topics.SHOP_CATALOG:
        return get_args(CatalogEvent)
    return () if isinstance(topic.models, str) else topic.models


def topic_schema(topic: Topic) -> dict[str, Any]:
    """JSON Schema (2020-12) of the topic's values; of the headers for dead letters."""
    models = models_of(topic)
    if topic in _UNIONS:
        schema = _UNIONS[topic].json_schema(mode=_mode(topic))
    elif len(models) == 1:
        schema = TypeAdapter(models[0]).json_schema(mode=_mode(topic))
    elif models:
        _, schema = models_json_schema([(model, _mode(topic)) for model in models])
        schema["anyOf"] = [{"$ref": f"#/$defs/{model.__name__}"} for model in models]
    else:
        schema = {"type": "object"}
    return {"$schema": DIALECT, **schema, "title": topic.name, "description": _about(topic)}


def json_schemas() -> dict[str, dict[str, Any]]:
    """File name to JSON Schema, one a topic."""
    return {f"{topic.name}.schema.json": topic_schema(topic) for topic in REGISTRY}


def asyncapi(version: str, namespace: str = "") -> dict[str, Any]:
    """The AsyncAPI 3.0 document of all topics, as they stand under ``namespace``."""
    schemas = _components()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Nudge",
            "version": version,
            "description": "Shop events in, the right web push out, every decision explained."
            " Keys go to partitions by murmur2 (librdkafka: partitioner=murmur2_random)."
            " Read with isolation.level=read_committed.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, namespace) for topic in REGISTRY},
        "operations": dict(map(_operation, REGISTRY)),
        "components": {
            "messages": {name: message for topic in REGISTRY for name, message in _messages(topic)},
            "schemas": schemas,
        },
    }


def _mode(topic: Topic) -> Mode:
    return "validation" if topic in _FROM_OUTSIDE else "serialization"


def _about(topic: Topic) -> str:
    return f"{topic.about}; key: {topic.key}"


def _components() -> dict[str, Any]:
    wanted = [(model, _mode(topic)) for topic in REGISTRY for model in models_of(topic)]
    _, schema = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    definitions: dict[str, Any] = _as_draft_7(schema["$defs"])
    return definitions


def _as_draft_7(node: Any) -> Any:
    """AsyncAPI's own dialect is draft 7, where a tuple's members stand under ``items``."""
    if isinstance(node, list):
        return [_as_draft_7(member) for member in node]
    if not isinstance(node, dict):
        return node
    changed = {name: _as_draft_7(value) for name, value in node.items()}
    if "prefixItems" in changed:
        changed["items"] = changed.pop("prefixItems")
    return changed


def _channel(topic: Topic, namespace: str) -> dict[str, Any]:
    config = topic.config()
    kafka: dict[str, Any] = {"cleanup.policy": [config["cleanup.policy"]]}
    if topic.cleanup is Cleanup.DELETE:
        kafka["retention.ms"] = topic.retention_ms
    single = {"partitions": 1} if topic.partitioning is Partitioning.SINGLE else {}
    return {
        "address": topic_name(topic, namespace),
        "description": _about(topic),
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name, _ in _messages(topic)
        },
        "bindings": {
            "kafka": {**single, "topicConfiguration": kafka, "bindingVersion": "0.5.0"},
        },
    }


def _operation(topic: Topic) -> tuple[str, dict[str, Any]]:
    action = "receive" if topic in _FROM_OUTSIDE else "send"
    return f"{action}-{topic.name}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": topic.about,
    }


def _messages(topic: Topic) -> Iterator[tuple[str, dict[str, Any]]]:
    models = models_of(topic)
    if not models:
        yield "Profile", {"summary": topic.about, "payload": {"type": "object"}}
    for model in models:
        payload = {"$ref": f"#/components/schemas/{model.__name__}"}
        message: dict[str, Any] = {
            "name": _type_of(model) or model.__name__,
            "summary": _first_line(model) or topic.about,
            "bindings": {
                "kafka": {
                    "key": {"type": "string", "description": topic.key},
                    "bindingVersion": "0.5.0",
                }
            },
        }
        if model is DeadLetter:
            yield model.__name__, message | {"headers": {"type": "object"}}
            continue
        message["payload"] = payload
        if topic in (topics.SHOP_EVENTS, topics.SHOP_CATALOG):
            message["examples"] = [{"payload": example(message["name"])}]
        yield model.__name__, message


def _type_of(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("type")
    names = get_args(field.annotation) if field is not None else ()
    return str(names[0]) if len(names) == 1 else None


def _first_line(model: type[BaseModel]) -> str | None:
    own = model.__dict__.get("__doc__")
    return own.strip().splitlines()[0] if own else None


_LISTS: tuple[tuple[str, str, type[Explained]], ...] = (
    ("Outcomes", "`outcome` of a record in `push.decisions`.", Outcome),
    ("Reasons", "`reason` of a record in `push.decisions`.", Reason),
    ("Results", "`outcome` of a record in `push.results`, one device each.", ResultOutcome),
    ("Credit", "`touch` of a record in `push.attributions`.", Touch),
    ("Why credit is given or taken", "`cause` of the same record.", CreditCause),
    ("Handoffs", "`reason` of a record in `push.handoffs`.", HandoffReason),
    ("Dead letters", "Header `nudge-reason` of a record in `push.dead-letter`.", DeadLetterReason),
)

_LIFE = """```mermaid
stateDiagram-v2
    [*] --> waiting: a moment opens
    waiting --> waiting: activity moves it (no decision)
    waiting --> held: quiet hours, paused
    held --> held: another reason
    held --> withheld
    held --> shadow
    held --> sent
    waiting --> sent
    waiting --> dropped
    held --> dropped
    waiting --> withheld: holdout
    waiting --> shadow: scenario in shadow
    sent --> withdraw_requested: bought after all, known late
    sent --> [*]
    dropped --> [*]
    withheld --> [*]
    shadow --> [*]
    withdraw_requested --> [*]
```"""


def decisions_page() -> str:
    """``docs/decisions-and-reasons.md``: every outcome and reason, and what each means."""
    parts = [
        "# Decisions and reasons",
        "Whatever was considered ends in `push.decisions`, once with `final: true`. This page is"
        " made from `schemas/`; `python -m schemas.export` writes it anew.",
        _LIFE,
    ]
    for title, about, members in _LISTS:
        told = (f"| `{member.value}` | {member.about} |" for member in members)
        rows = "\n".join(told).replace("``", "`")
        parts.append(f"## {title}\n{about}\n\n| value | meaning |\n| --- | --- |\n{rows}")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    from pathlib import Path

    Path("docs/decisions-and-reasons.md").write_text(decisions_page(), encoding="utf-8")
