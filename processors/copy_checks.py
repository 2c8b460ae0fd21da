"""What would only be found out when a message is due: words that no template is ever given.

A template whose data are missing is passed over, so that a slip in it is silent for ever.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from jinja2 import TemplateError, nodes

from processors.config import CopyVariant
from processors.lined_yaml import Path
from processors.template import parsed

_PRODUCT = {
    "id", "name", "url", "image", "category", "price", "currency", "quantity", "in_stock",
}  # fmt: skip
HOLDS: Mapping[str, frozenset[str]] = {
    "shop": frozenset({
        "name", "url", "cart_url", "checkout_url", "order_url", "icon", "timezone", "locale",
        "currency",
    }),
    "cart": frozenset({"lines", "count", "value", "currency"}),
    "product": frozenset(_PRODUCT),
    "bought": frozenset(_PRODUCT),
    "price": frozenset({"now", "seen", "saved", "low_30d", "currency"}),
    "delivery": frozenset({"cost", "free_from", "missing", "free"}),
    "voucher": frozenset({"code", "value", "currency", "expires_at"}),
    "reminder": frozenset({"id", "title", "at", "url"}),
    "content": frozenset({"id", "topic", "title", "url"}),
    "campaign": frozenset({"id", "until"}),
}  # fmt: skip
"""What each name can have. ``user``, ``event`` and ``order`` have what the shop says."""

_PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})
_LINKS = ("https://", "http://", "/", "{{", "{%")

Slip = tuple[Path, str, str]
"""Where in the copy (locale, variant, field), what is wrong, and the cure."""


def slips(by_locale: Mapping[str, tuple[CopyVariant, ...]]) -> Iterator[Slip]:
    """All that would never be said in one copy."""
    for locale, variants in by_locale.items():
        if not is_locale(locale):
            yield (locale,), f"there is no language {locale!r}", "write it like en, pl or pt-BR"
        for number, variant in enumerate(variants):
            for field, source in _sources(variant):
                path = (locale, number, *field)
                yield from ((path, *said) for said in _in_template(source))
                if field[-1] == "url" and not source.strip().startswith(_LINKS):
                    cure = "write https://…, a path like /cart, or {{ shop.url }}"
                    yield path, f"leads nowhere: {source!r}", cure


def is_locale(name: str) -> bool:
    """Whether it is a language that can be written in, as ``pt-BR``."""
    try:
        Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return False
    return True


def _sources(variant: CopyVariant) -> Iterator[tuple[Path, str]]:
    for field in ("title", "body", "url", "icon", "image"):
        source = getattr(variant, field)
        if source is not None:
            yield (field,), source
    for number, action in enumerate(variant.actions):
        yield ("actions", number, "title"), action.title
        if action.url is not None:
            yield ("actions", number, "url"), action.url


@lru_cache(maxsize=4096)
def _in_template(source: str) -> tuple[tuple[str, str], ...]:
    if "{" not in source:
        return ()
    try:
        tree = parsed(source)
    except TemplateError:
        return ()  # said elsewhere
    return tuple(_in_tree(tree))


def _in_tree(tree: nodes.Template) -> Iterator[tuple[str, str]]:
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        yield from _unknown_field(node)
    for used in tree.find_all(nodes.Filter):
        if used.name == "plural":
            yield from _bad_plural(used)


def _unknown_field(node: nodes.Node) -> Iterator[tuple[str, str]]:
    whose = node.node if isinstance(node, nodes.Getattr | nodes.Getitem) else None
    if not isinstance(whose, nodes.Name) or whose.name not in HOLDS:
        return
    if isinstance(node, nodes.Getattr):
        field = node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        field = str(node.arg.value)
    else:
        return
    known = HOLDS[whose.name]
    if field not in known and not hasattr(dict, field):
        near = get_close_matches(field, known, n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(known))}"
        yield f"{whose.name} has no {field!r}", cure


def _bad_plural(used: nodes.Filter) -> Iterator[tuple[str, str]]:
    forms = {str(keyword.key) for keyword in used.kwargs}
    for form in sorted(forms - _PLURALS):
        yield f"there is no plural {form!r}", f"known: {', '.join(sorted(_PLURALS))}"
    if "other" not in forms:
        yield "plural without `other`", "add other='…': it is said where no other form fits"
