"""The OpenAPI document: whole, true, and held against the gateway by generated requests."""

import asyncio
import json
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.app import routes_only
from gateway.messages import STREAM
from gateway.openapi import document
from runtime.settings import KafkaSettings
from schemas.adapters import EVENT_CLASSES
from tests.gateway.stage import SERVER_KEY, Stage

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 25
"""Requests of each kind to each route."""
_QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def test_every_event_and_every_refusal_is_in_the_document() -> None:
    found = document(routes_only())
    text = json.dumps(found)
    assert set(EVENT_CLASSES) <= set(
        found["components"]["schemas"]["ShopEvent"]["discriminator"]["mapping"]
    )
    for reference in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert reference in found["components"]["schemas"]
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            refusal = operation["responses"]["400"]["content"]["application/json"]["schema"]
            assert refusal == {"$ref": "#/components/schemas/Problem"}
            assert "422" not in operation["responses"]


async def test_no_generated_request_breaks_it_or_gets_what_is_not_documented(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    # A consumer in the same process throws dice of its own, which Hypothesis does not forgive.
    async with Stage(cluster, redis_url, tmp_path / "keys", gateway_inbox=False) as stage:
        page = await stage.page()
        trusted = {"Authorization": f"Bearer {SERVER_KEY}", "X-Nudge-Visitor": page.visitor}
        await asyncio.to_thread(_generate, stage.url, trusted)


def _generate(url: str, trusted: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path == STREAM:
            continue  # it does not end
        good = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
        _hold(good, trusted, CHECKS)
        if operation.method == "get" and "{" not in operation.path:
            continue  # nothing about it can be wrong
        bad = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
        _hold(bad, trusted, [*CHECKS, negative_data_rejection])


def _hold(cases: SearchStrategy[Any], trusted: dict[str, str], checks: list[Any]) -> None:
    @_QUICK
    @given(case=cases)
    def holds(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=trusted, checks=checks, timeout=30)

    holds()
