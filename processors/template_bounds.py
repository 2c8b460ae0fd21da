"""How much a template may build: a slip of a marketer's must not take a worker's memory.

Whatever an operator, a method or a filter makes is :data:`LONGEST` at most, and so is what it
makes it of. Jinja's sandbox bounds ``range`` alone.
"""

import re
from collections.abc import Callable, Iterable
from functools import wraps
from types import BuiltinMethodType
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 4096
"""Characters, or members: twice what the longest field of a message holds."""

_BITS = 1024
_BUILDERS = ("batch", "center", "format", "indent", "join", "replace", "slice", "tojson",
             "urlize", "wordwrap")  # fmt: skip
_PADDING = frozenset({"center", "expandtabs", "ljust", "rjust", "zfill"})
_WIDE = re.compile(r"%(?:\([^)]*\))?[^a-zA-Z%]*?(?:\d{5,}|\*)")
"""A width of the operator ``%`` that is five digits long, or that an argument says."""
_WIDE_FIELD = re.compile(r"\{[^{}]*:[^{}]*(?:\d{5,}|\{)")
"""The same of ``str.format``."""


class TooMuchError(SecurityError):
    """A template would build more than any message could hold."""

    def __init__(self) -> None:
        super().__init__(f"builds more than {LONGEST:,} characters")


class _Generator(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 (Jinja's name)
        """``~`` is no operator that the sandbox would intercept."""
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with bounds."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name in _BUILDERS:
            self.filters[name] = _bounded_filter(name, self.filters[name])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            _check_repeated(left, right)
            _check_repeated(right, left)
        elif operator == "**":
            _check_power(left, right)
        elif operator == "%" and isinstance(left, str) and _WIDE.search(left):
            raise TooMuchError
        return bounded(super().call_binop(context, operator, left, right))

    def call(*given: Any, **named: Any) -> Any:
        _, _, called, *args = given
        if isinstance(called, BuiltinMethodType) and isinstance(called.__self__, str):
            for value in (called.__self__, *args, *named.values()):
                bounded(value)
                if called.__name__ in _PADDING:
                    _check_width(value)
            return bounded(ImmutableSandboxedEnvironment.call(*given, **named))
        return ImmutableSandboxedEnvironment.call(*given, **named)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is not None and _WIDE_FIELD.search(value.__self__):
            raise TooMuchError
        return wrapped

    @staticmethod
    def joined(parts: Iterable[Any]) -> str:
        """What ``~`` makes."""
        return str(bounded("".join(map(str, parts))))


def bounded(value: Any) -> Any:
    """Raises:
    TooMuchError: it is longer than anything that a message could hold.
    """
    if isinstance(value, str | list | tuple) and len(value) > LONGEST:
        raise TooMuchError
    return value


def _check_repeated(value: Any, times: Any) -> None:
    is_many = isinstance(value, str | list | tuple) and isinstance(times, int)
    if is_many and len(value) * times > LONGEST:
        raise TooMuchError


def _check_power(base: Any, exponent: Any) -> None:
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and base.bit_length() * exponent > _BITS:
        raise TooMuchError


def _check_width(value: Any) -> None:
    if isinstance(value, int) and value > LONGEST:
        raise TooMuchError


def _bounded_filter(name: str, made: Callable[..., Any]) -> Callable[..., Any]:
    """``made``, with what it is given and what it makes held to the bounds."""
    own = 2 if hasattr(made, "jinja_pass_arg") else 1

    @wraps(made)
    def held(*args: Any, **named: Any) -> Any:
        for value in (*args, *named.values()):
            bounded(value)
        if name == "format":
            if _WIDE.search(str(args[0])):
                raise TooMuchError
        else:
            for value in (*args[own:], *named.values()):
                _check_width(value)
        return bounded(made(*args, **named))

    return held


MOST = 16 * LONGEST
"""Characters of a whole text, however often it goes round."""


def gathered(parts: Iterable[str]) -> str:
    """A template's text, given up where it would not end.

    Raises:
        TooMuchError: it is longer than :data:`MOST`.
    """
    kept, length = [], 0
    for part in parts:
        length += len(part)
        if length > MOST:
            raise TooMuchError
        kept.append(part)
    return "".join(kept)
