"""Any value that an exported JSON Schema allows, as Hypothesis draws it."""

import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

_TEXT = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))


def values_of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a schema with ``$defs`` of its own (the part of JSON Schema that pydantic uses)."""
    return _values(schema, schema.get("$defs", {}))


def _values(node: dict[str, Any], known: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in node:
        return _values(known[node["$ref"].rpartition("/")[2]], known)
    if "const" in node:
        return st.just(node["const"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    for choice in ("oneOf", "anyOf"):
        if choice in node:
            return st.one_of([_values(branch, known) for branch in node[choice]])
    return _plain(node, known)


def _plain(node: dict[str, Any], known: dict[str, Any]) -> st.SearchStrategy[Any]:
    match node.get("type"):
        case "object":
            return _object(node, known)
        case "array":
            return _array(node, known)
        case "string":
            return _string(node)
        case "integer":
            return st.integers(node.get("minimum", -(2**53)), node.get("maximum", 2**53))
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case None:
            return st.text(_TEXT, max_size=5) | st.integers(0, 9) | st.none()
        case other:
            raise NotImplementedError(other)


def _object(node: dict[str, Any], known: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" not in node:
        # A name is a string, whether its schema says so or not.
        names = {"type": "string"} | node.get("propertyNames", {"maxLength": 8})
        inner = node.get("additionalProperties", True)
        inner = {} if inner is True else inner
        size = min(node.get("maxProperties", 4), 4)
        return st.dictionaries(_values(names, known), _values(inner, known), max_size=size)
    required = node.get("required", [])
    fields = {name: _values(inner, known) for name, inner in node["properties"].items()}
    return st.fixed_dictionaries(
        {name: fields[name] for name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


def _array(node: dict[str, Any], known: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "prefixItems" in node:
        return st.tuples(*(_values(item, known) for item in node["prefixItems"])).map(list)
    least = node.get("minItems", 0)
    most = min(node.get("maxItems", 3), least + 3)
    return st.lists(_values(node["items"], known), min_size=least, max_size=most)


def _string(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    if node.get("format") == "date-time":
        # Leap seconds are no epoch milliseconds; before 2000 nothing happened in a shop.
        return st.datetimes(datetime(2000, 1, 1), datetime(9999, 12, 30)).map(
            lambda time: time.replace(tzinfo=UTC).isoformat()
        )
    if "pattern" in node and "\\x00" not in node["pattern"]:
        return st.from_regex(re.compile(node["pattern"], re.ASCII), fullmatch=True)
    return st.text(
        _TEXT, min_size=node.get("minLength", 0), max_size=min(node.get("maxLength", 12), 12)
    )
