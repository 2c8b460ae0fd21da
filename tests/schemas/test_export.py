"""The contracts as other languages get them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from schemas.adapters import dump, parse_catalog_event, parse_shop_event
from schemas.decisions import Decision
from schemas.examples import CATALOG_TYPES, SHOP_TYPES, example
from schemas.export import asyncapi, json_schemas, topic_schema
from schemas.topics import DECISIONS, REGISTRY, SHOP_CATALOG, SHOP_EVENTS, Topic

ASYNCAPI = Path(__file__).with_name("asyncapi-3.0.0.json.gz")
"""The specification's own schema (@asyncapi/specs 6.11.1, Apache-2.0), without ``$id``."""


@pytest.mark.parametrize("topic", REGISTRY, ids=lambda topic: topic.name)
def test_every_topic_has_a_json_schema_that_is_one(topic: Topic) -> None:
    Draft202012Validator.check_schema(topic_schema(topic))
    assert json_schemas()[f"{topic.name}.schema.json"] == topic_schema(topic)


@pytest.mark.parametrize("type_", SHOP_TYPES)
def test_the_schema_takes_the_example_of_a_shoppers_event(type_: str) -> None:
    Draft202012Validator(topic_schema(SHOP_EVENTS)).validate(example(type_))


@pytest.mark.parametrize("type_", CATALOG_TYPES)
def test_the_schema_takes_the_example_of_a_catalogue_event(type_: str) -> None:
    Draft202012Validator(topic_schema(SHOP_CATALOG)).validate(example(type_))


@pytest.mark.parametrize("wrong", [{"price": -1}, {"currency": "XYZ"}, {"type": "teleport"}])
def test_the_schema_refuses_what_the_model_refuses(wrong: dict[str, Any]) -> None:
    validator = Draft202012Validator(topic_schema(SHOP_EVENTS))
    assert not validator.is_valid(example("add_to_cart") | wrong)


def test_what_nudge_writes_itself_has_plain_milliseconds() -> None:
    assert topic_schema(DECISIONS)["properties"]["due_at"]["type"] == "integer"


def test_what_nudge_writes_fits_the_schema() -> None:
    decision = Decision.model_validate(
        {
            "decision_id": "d", "user_id": "anna", "scenario": "cart_abandoned", "step": 1,
            "due_at": 1, "decided_at": 1, "outcome": "sent", "reason": "ok", "final": True,
            "scenario_version": "v", "job_id": "d",
        }
    )  # fmt: skip
    Draft202012Validator(topic_schema(DECISIONS)).validate(json.loads(dump(decision)))
    for type_ in SHOP_TYPES:
        event = parse_shop_event(json.dumps(example(type_)).encode())
        Draft202012Validator(topic_schema(SHOP_EVENTS)).validate(json.loads(dump(event)))
    for type_ in CATALOG_TYPES:
        change = parse_catalog_event(json.dumps(example(type_)).encode())
        Draft202012Validator(topic_schema(SHOP_CATALOG)).validate(json.loads(dump(change)))


def test_the_asyncapi_document_is_valid_by_the_specifications_own_schema() -> None:
    specification = json.loads(gzip.decompress(ASYNCAPI.read_bytes()))
    Draft7Validator(specification).validate(asyncapi("1.2.3"))


def test_the_asyncapi_document_names_every_topic_as_it_stands_on_the_cluster() -> None:
    document = asyncapi("1.2.3", "north")
    assert {channel["address"] for channel in document["channels"].values()} == {
        f"north.{topic.name}" for topic in REGISTRY
    }


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi("1.2.3")
    references = list(_references(document))
    assert references
    for reference in references:
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def _references(node: Any) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for member in node:
            yield from _references(member)
