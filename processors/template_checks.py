"""What can be told of a template from its names alone, and would keep it silent for ever."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import get_args

from jinja2 import TemplateError, meta, nodes

from processors.copy_names import EVERYWHERE, HOLDS, LINE, PRODUCT, Spoken
from processors.template import parsed
from schemas.currencies import Currency

Said = tuple[str, str]
"""What is wrong, and the cure."""

_PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})
_CURRENCIES = frozenset(get_args(Currency))
_LISTS = frozenset({"products", "cart.lines"})
_ANYWHERE: Spoken = {**HOLDS, "products": PRODUCT}


@dataclass(frozen=True, slots=True)
class Uses:
    """What a template speaks of.

    ``names``: those that it is to be given. ``asked_for``: ``name`` and ``name.field`` of which it
    asks whether they are there. ``fields``: whose, which, and the name that holds them.
    """

    names: frozenset[str] = frozenset()
    asked_for: frozenset[str] = frozenset()
    fields: tuple[tuple[str, str, str], ...] = ()
    slips: tuple[Said, ...] = ()
    """What is wrong with its filters."""

    def unknown_fields(self, spoken: Spoken) -> Iterator[tuple[str, str, frozenset[str]]]:
        """Whose, which, and what can be there instead."""
        for whose, field, holder in self.fields:
            known = LINE if holder == "cart.lines" else spoken.get(holder)
            if known and field not in known and not hasattr(dict, field):
                yield whose, field, known


@lru_cache(maxsize=4096)
def uses_of(source: str) -> Uses:
    """Of text without a template nothing, and of what does not parse: that is said elsewhere."""
    if "{" not in source:
        return Uses()
    try:
        tree = parsed(source)
        names = meta.find_undeclared_variables(tree)
    except (TemplateError, RecursionError):
        return Uses()
    reader = _Reader(tree)
    return Uses(
        frozenset(names), frozenset(reader.asked_for()), tuple(reader.fields()),
        tuple(_of_filters(tree)),
    )  # fmt: skip


def slips(source: str) -> Iterator[Said]:
    """What is wrong with it whoever speaks."""
    uses = uses_of(source)
    for whose, field, known in uses.unknown_fields(_ANYWHERE):
        yield f"{whose} has no {field!r}", _like(field, known)
    yield from uses.slips


def never_given(source: str, spoken: Spoken, who: str) -> Iterator[Said]:
    """What it speaks of and ``who`` never gives it, unless it asks whether that is there."""
    uses = uses_of(source)
    for name in sorted(uses.names - EVERYWHERE - spoken.keys() - uses.asked_for):
        yield f"{who} has no {name!r}", _has(name, spoken)
    nowhere = {found[:2] for found in uses.unknown_fields(_ANYWHERE)}
    for whose, field, known in uses.unknown_fields(spoken):
        if (whose, field) not in nowhere and f"{whose}.{field}" not in uses.asked_for:
            yield f"{whose} has no {field!r} in {who}", _like(field, known)


class _Reader:
    """Follows a tree's names: those that it is given, and its own that loop over those."""

    def __init__(self, tree: nodes.Template) -> None:
        self._tree = tree
        own = [name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"]
        self._own = dict.fromkeys(own, "")
        for loop in tree.find_all(nodes.For):
            target = loop.target
            if isinstance(target, nodes.Name) and own.count(target.name) == 1:
                self._own[target.name] = self._list(loop.iter)

    def fields(self) -> Iterator[tuple[str, str, str]]:
        for node in self._tree.find_all((nodes.Getattr, nodes.Getitem)):
            assert isinstance(node, nodes.Getattr | nodes.Getitem)
            field, holder = _field_of(node), self._holder(node.node)
            if field is not None and holder:
                yield _written(node.node), field, holder

    def asked_for(self) -> Iterator[str]:
        for test in self._tree.find_all(nodes.Test):
            if test.name in ("defined", "undefined"):
                yield _written(test.node)
        for used in self._tree.find_all(nodes.Filter):
            if used.name in ("default", "d") and used.node is not None:
                yield _written(used.node)

    def _holder(self, node: nodes.Expr) -> str:
        """The name that says what the mapping ``node`` can have; empty where none does."""
        if isinstance(node, nodes.Name):
            return "" if node.name in _LISTS else self._own.get(node.name, node.name)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            return self._list(node.node) if isinstance(node.arg.value, int) else ""
        if isinstance(node, nodes.Filter) and node.name in ("first", "last") and node.node:
            return self._list(node.node)
        return ""

    def _list(self, node: nodes.Node) -> str:
        """The name that says what the members of the list ``node`` can have."""
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            return self._list(node.node)
        name = _written(node)
        return name if name in _LISTS and name not in self._own else ""


def _of_filters(tree: nodes.Template) -> Iterator[Said]:
    for used in tree.find_all(nodes.Filter):
        if used.name == "plural":
            yield from _bad_plural(used)
        elif used.name == "money":
            yield from _no_money(used)


def _field_of(node: nodes.Expr) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None


def _written(node: nodes.Node) -> str:
    """A name and its fields, as they stand in the template."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{_written(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        value = node.arg.value
        dotted = isinstance(value, str)
        return f"{_written(node.node)}.{value}" if dotted else f"{_written(node.node)}[{value}]"
    if isinstance(node, nodes.Filter) and node.node is not None:
        return f"{_written(node.node)} | {node.name}"
    return "it"


def _like(field: str, known: frozenset[str]) -> str:
    near = get_close_matches(field, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(known))}"


def _has(name: str, spoken: Spoken) -> str:
    if name == "voucher":
        return "give it a `voucher`, or say it without"
    return f"it has {', '.join(sorted(EVERYWHERE | spoken.keys()))}"


def _bad_plural(used: nodes.Filter) -> Iterator[Said]:
    forms = {str(keyword.key) for keyword in used.kwargs}
    for form in sorted(forms - _PLURALS):
        yield f"there is no plural {form!r}", f"known: {', '.join(sorted(_PLURALS))}"
    if "other" not in forms:
        yield "plural without `other`", "add other='…': it is said where no other form fits"


def _no_money(used: nodes.Filter) -> Iterator[Said]:
    given = [*used.args, *(word.value for word in used.kwargs if word.key == "currency")]
    if not given and used.dyn_args is None and used.dyn_kwargs is None:
        yield "money without its currency", "like money(cart.currency) or money('PLN')"
    for currency in given[:1]:
        if isinstance(currency, nodes.Const) and currency.value not in _CURRENCIES:
            yield f"{currency.value!r} is no ISO 4217 code", "such as EUR"
