"""The OpenAPI document: what FastAPI finds in the routes, and the bodies they read themselves."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from gateway.collector import Event, EventBatch
from gateway.interactions import InteractionReport
from gateway.messages import STREAM, ReadReport
from gateway.site import IDENTITY_HEADER, VISITOR_HEADER, Credited
from gateway.subscriptions import SubscriptionRequest

_REF = "#/components/schemas/{model}"
_ABOUT = """Where browsers and the shop's servers speak to Nudge.

Three credentials, each in a header or, for `sendBeacon`, in the body: a **write key**
(`Authorization: Bearer …`, `key`), a **visitor token** (`X-Nudge-Visitor`, `visitor`) and an
**identity token** (`X-Nudge-Identity`, `identity`), which the shop's server signs. There are no
cookies. Bodies are JSON whatever their `Content-Type` says: `text/plain` saves a page the
preflight. Every answer from 400 on is a `Problem`.
"""
_SCHEMES = {
    "writeKey": {"type": "http", "scheme": "bearer", "description": "a public or a server key"},
    "visitor": {"type": "apiKey", "in": "header", "name": VISITOR_HEADER},
    "identity": {
        "type": "apiKey",
        "in": "header",
        "name": IDENTITY_HEADER,
        "description": "JWT, HS256: sub (user id), iat, exp (at most 24 h later), aud: nudge",
    },
}
_OWN: list[dict[str, list[str]]] = [
    {"writeKey": [], "visitor": []},
    {"writeKey": [], "identity": []},
    {"writeKey": [], "visitor": [], "identity": []},
]
_NEEDS: dict[tuple[str, str], list[dict[str, list[str]]]] = {
    # An empty entry: the credentials may stand in the body instead.
    ("/v1/events", "post"): [{"writeKey": []}, {}],
    ("/v1/visitors", "post"): [{"writeKey": []}, {}],
    ("/v1/subscriptions", "post"): [{"writeKey": [], "visitor": []}, {}],
    ("/v1/messages", "get"): _OWN,
    (STREAM, "get"): _OWN,
    ("/v1/messages/read", "post"): [{"writeKey": [], "visitor": []}, {}],
    ("/v1/subscriptions/{subscription_id}", "delete"): _OWN,
    ("/v1/rights/export", "post"): [{"writeKey": [], "identity": []}],
    ("/v1/rights/erasure", "post"): [{"writeKey": [], "identity": []}],
}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Nudge gateway",
            version=version("nudge-push"),
            description=_ABOUT,
            routes=app.routes,
        )
        components = made.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for model in (
            Credited,
            EventBatch,
            InteractionReport,
            ReadReport,
            SubscriptionRequest,
        ):
            _add(schemas, model.__name__, TypeAdapter(model))
        _add(schemas, "ShopEvent", TypeAdapter(Event))
        components["securitySchemes"] = _SCHEMES
        for operations in made["paths"].values():
            for operation in operations.values():
                # FastAPI's own answer to what it cannot read: ours is a 400.
                operation["responses"].pop("422", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for (path, method), needs in _NEEDS.items():
            made["paths"][path][method]["security"] = needs
        app.openapi_schema = made
    return app.openapi_schema


def _add(schemas: dict[str, Any], name: str, adapter: TypeAdapter[Any]) -> None:
    schema = adapter.json_schema(ref_template=_REF, mode="validation")
    schemas.update(schema.pop("$defs", {}))
    schemas[name] = schema
