"""Renders a page's template. Whatever is put into it is escaped: names come from strangers."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("nudge.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **data: Any) -> str:
    """The whole page. A policy in its head lets it run no script and load nothing."""
    return _environment().get_template(f"{template}.html").render(**data)
