"""What a message says: Jinja2 templates, compiled when the file loads, in the user's language."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, get_currency_precision
from jinja2 import (
    StrictUndefined,
    Template,
    TemplateError,
    UndefinedError,
    meta,
    nodes,
    pass_context,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

from processors.config import CopyVariant
from processors.localtime import zone
from schemas.push import Action

NAMES = frozenset({
    "shop", "user", "cart", "product", "bought", "order", "event", "price", "voucher",
    "products", "delivery",
    "reminder", "content", "campaign",
    "locale", "tz",
})  # fmt: skip
"""What templates may speak of. Which of them exist depends on the scenario."""


@lru_cache(maxsize=64)
def babel_locale(name: str) -> Locale:
    """The locale of a BCP 47 or POSIX name; English where there is none."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")


@lru_cache(maxsize=8192)
def money(minor: int, currency: str, locale: str) -> str:
    """Minor units as people of ``locale`` write them; no decimals where there are none."""
    precision = get_currency_precision(currency)
    amount = Decimal(minor).scaleb(-precision)
    whole = amount == amount.to_integral_value()
    written = format_currency(
        amount, currency, locale=babel_locale(locale), currency_digits=not whole,
        format=None if not whole else babel_locale(locale).currency_formats["standard"]
        .pattern.replace("0.00", "0"),
    )  # fmt: skip
    return _LETTER_BEFORE_DIGIT.sub("\u00a0", written)


_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")
"""Where CLDR wants a space that Babel leaves out: PLN 49.99 (UTS #35, ``currencySpacing``)."""


@pass_context
def _money_filter(context: Context, minor: int, currency: str) -> str:
    return money(minor, currency, context["locale"])


@pass_context
def _date_filter(context: Context, at: int, style: str = "medium") -> str:
    when = datetime.fromtimestamp(at / 1000, zone(context["tz"], "UTC"))
    return str(format_date(when, style, locale=babel_locale(context["locale"])))


@pass_context
def _datetime_filter(context: Context, at: int, style: str = "short") -> str:
    when = datetime.fromtimestamp(at / 1000, zone(context["tz"], "UTC"))
    return str(format_datetime(when, style, locale=babel_locale(context["locale"])))


@pass_context
def _plural_filter(context: Context, number: int, **forms: str) -> str:
    """``{{ n | plural(one="rzecz", few="rzeczy", many="rzeczy", other="rzeczy") }}`` (CLDR)."""
    form = babel_locale(context["locale"]).plural_form(number)
    return forms.get(form, forms["other"])


def _environment() -> SandboxedEnvironment:
    """Templates see what they are given and change nothing; none of them rolls dice."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.globals.clear()
    del environment.filters["random"]
    environment.filters |= {
        "money": _money_filter,
        "date": _date_filter,
        "datetime": _datetime_filter,
        "plural": _plural_filter,
    }
    return environment


_ENVIRONMENT = _environment()
_OTHER_TEMPLATES: tuple[type[nodes.Node], ...] = (
    nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends,
)  # fmt: skip


class CopyError(ValueError):
    """A template that cannot be compiled; ``path`` leads to it: locale, variant, field."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered message: what the payload shows."""

    title: str
    body: str
    url: str
    icon: str | None
    image: str | None
    actions: tuple[Action, ...]
    locale: str
    variant: int


Render = Callable[[Mapping[str, Any]], str]


@lru_cache(maxsize=4096)
def compile_text(source: str) -> Render:
    """A template's render function; plain text needs none.

    Raises:
        CopyError: bad syntax, or a name that templates do not know.
    """
    if "{" not in source:
        return lambda _context: source
    try:
        tree = parsed(source)
        if any(tree.find(kind) is not None for kind in _OTHER_TEMPLATES):
            raise CopyError("a template stands alone: no include, import or extends")
        unknown = meta.find_undeclared_variables(tree) - NAMES
        template: Template = _ENVIRONMENT.from_string(tree)
    except TemplateError as error:
        raise CopyError(f"the template does not parse: {error.message}") from None
    if unknown:
        raise CopyError(
            f"unknown name {', '.join(sorted(unknown))}; templates know {', '.join(sorted(NAMES))}"
        )
    return _plainly(template)


def parsed(source: str) -> nodes.Template:
    """A template's tree.

    Raises:
        TemplateError: bad syntax.
    """
    return _ENVIRONMENT.parse(source)


def _plainly(template: Template) -> Render:
    """``Template.render`` without its rewriting of tracebacks.

    A variant whose data are missing raises as a matter of course, and nobody reads the traceback;
    Jinja would look through the template's whole source for it.
    """
    root, new_context = template.root_render_func, template.new_context

    def render(context: Mapping[str, Any]) -> str:
        return "".join(root(new_context(dict(context))))

    return render


@dataclass(frozen=True, slots=True)
class _Variant:
    title: Render
    body: Render
    url: Render
    icon: Render | None
    image: Render | None
    actions: tuple[tuple[str, Render, Render | None], ...]

    def render(self, context: Mapping[str, Any], number: int) -> Text:
        return Text(
            title=self.title(context).strip(),
            body=" ".join(self.body(context).split()),
            url=self.url(context).strip(),
            icon=_if_known(self.icon, context),
            image=_if_known(self.image, context),
            actions=tuple(
                Action(action=name, title=title(context), url=url(context) if url else None)
                for name, title, url in self.actions
            ),
            locale=str(context["locale"]),
            variant=number,
        )


def _if_known(render: Render | None, context: Mapping[str, Any]) -> str | None:
    """A picture that is not known is left out; the words stand without it."""
    if render is None:
        return None
    try:
        return render(context).strip() or None
    except UndefinedError:
        return None


def _compile_variant(variant: CopyVariant, *path: str | int) -> _Variant:
    def compiled(source: str, *field: str | int) -> Render:
        try:
            return compile_text(source)
        except CopyError as error:
            raise CopyError(str(error), (*path, *field)) from None

    def optional(source: str | None, *field: str | int) -> Render | None:
        return None if source is None else compiled(source, *field)

    return _Variant(
        title=compiled(variant.title, "title"),
        body=compiled(variant.body, "body"),
        url=compiled(variant.url, "url"),
        icon=optional(variant.icon, "icon"),
        image=optional(variant.image, "image"),
        actions=tuple(
            (
                action.action,
                compiled(action.title, "actions", number, "title"),
                optional(action.url, "actions", number, "url"),
            )
            for number, action in enumerate(variant.actions)
        ),
    )


class Copy:
    """One copy name's variants in every language it is written in."""

    __slots__ = ("_by_locale", "_fallback")

    def __init__(self, by_locale: Mapping[str, Iterable[CopyVariant]], fallback: str) -> None:
        self._by_locale = {
            name.replace("_", "-").lower(): (
                name,
                tuple(
                    _compile_variant(variant, name, number)
                    for number, variant in enumerate(variants)
                ),
            )
            for name, variants in by_locale.items()
        }
        self._fallback = fallback

    def locales(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._by_locale.values())

    def _pick(self, wanted: str | None) -> tuple[str, tuple[_Variant, ...]]:
        for name in (wanted, self._fallback, "en"):
            if not name:
                continue
            tag = name.replace("_", "-").lower()
            for candidate in (tag, tag.split("-")[0]):
                if candidate in self._by_locale:
                    return self._by_locale[candidate]
        return next(iter(self._by_locale.values()))

    def render(self, wanted: str | None, data: Mapping[str, Any]) -> Text | None:
        """The first variant whose data exist, in the user's language; ``None`` where none has."""
        locale, variants = self._pick(wanted)
        context = {**data, "locale": locale}
        for number, variant in enumerate(variants, start=1):
            try:
                return variant.render(context, number)
            except Exception:  # noqa: S112 (the shop's own words must not stop a worker)
                continue
        return None

    def renders_without_data(self, locale: str, shop: Mapping[str, Any], tz: str) -> bool:
        """Whether the last variant needs nothing but the shop's own data."""
        _, variants = self._by_locale[locale.replace("_", "-").lower()]
        try:
            variants[-1].render({"shop": shop, "locale": locale, "tz": tz, "user": {}}, 1)
        except Exception:
            return False
        return True


def with_utm(url: str, campaign: str) -> str:
    """The link with its source, so that the shop's analytics know it (UTM parameters)."""
    parts = urlsplit(url)
    if "utm_source=" in parts.query:
        return url
    utm = urlencode({"utm_source": "nudge", "utm_medium": "push", "utm_campaign": campaign})
    query = f"{parts.query}&{utm}" if parts.query else utm
    return urlunsplit(parts._replace(query=query))


def without_nothing(data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` without what is not known, so that a template that needs it is passed over."""
    return {name: value for name, value in data.items() if value is not None}
