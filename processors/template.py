"""One piece of copy: a Jinja2 template, compiled when the file loads, and what may stand in it."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, get_currency_precision
from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes, pass_context
from jinja2.runtime import Context

from processors.localtime import zone
from processors.template_bounds import BoundedEnvironment, gathered

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
    if type(minor) is int and 0 <= minor < _OFTEN_BELOW:
        decimals = get_currency_precision(currency)
        whole = minor % 10**decimals == 0
        digits = str(minor // 10**decimals) if whole else str(minor).zfill(decimals + 1)
        shape = _shape(len(digits), whole, currency, locale)
        if shape is not None:
            return shape % tuple(digits)
    return babel_money(minor, currency, locale)


_OFTEN_BELOW = 10**15


@lru_cache(maxsize=1024)
def _shape(digits: int, whole: bool, currency: str, locale: str) -> str | None:
    """What stands around the digits of an amount, which is the same for every amount as long.

    ``None`` where that cannot be told.
    """
    ones = int("1" * digits)
    minor = ones * 10 ** get_currency_precision(currency) if whole else ones
    written = babel_money(minor, currency, locale)
    shape = written.replace("%", "%%").replace("1", "%s")
    return shape if written.count("1") == digits else None


def babel_money(minor: int, currency: str, locale: str) -> str:
    """The same of any amount, asked of Babel anew."""
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


@lru_cache(maxsize=1024, typed=True)
def _plural_form(number: int, locale: str) -> str:
    return babel_locale(locale).plural_form(number)


@pass_context
def _money_filter(context: Context, minor: int, currency: str) -> str:
    return money(minor, currency, context["locale"])


@pass_context
def _date_filter(context: Context, at: int, style: str = "medium") -> str:
    when = datetime.fromtimestamp(at / 1000, zone(context["tz"], "UTC"))
    return _day_words(when.date(), style, context["locale"])


@lru_cache(maxsize=1024)
def _day_words(day: date, style: str, locale: str) -> str:
    return str(format_date(day, style, locale=babel_locale(locale)))


@pass_context
def _datetime_filter(context: Context, at: int, style: str = "medium") -> str:
    """The day as ``date`` writes it, with its month's name, and the time to the minute."""
    when = datetime.fromtimestamp(at / 1000, zone(context["tz"], "UTC"))
    locale = babel_locale(context["locale"])
    if style not in _STYLES:
        return str(format_datetime(when, style, locale=locale))
    day = _day_words(when.date(), style, context["locale"])
    shape = str(locale.datetime_formats[style]).replace("'", "")
    return shape.replace("{0}", format_time(when, "short", locale=locale)).replace("{1}", day)


_STYLES = frozenset({"short", "medium", "long", "full"})
"""What Babel calls by name; all else is a pattern of CLDR's letters."""


@pass_context
def _plural_filter(context: Context, number: int, **forms: str) -> str:
    """``{{ n | plural(one="rzecz", few="rzeczy", many="rzeczy", other="rzeczy") }}`` (CLDR)."""
    return forms.get(_plural_form(number, context["locale"]), forms["other"])


class _Unknown(StrictUndefined):
    """What is not known passes a variant over: nobody reads what Jinja would say of it."""

    _undefined_message = "not known"


_DICT_NAMES = frozenset(dir(dict))


class _Environment(BoundedEnvironment):
    """Templates see what they are given and change nothing."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """As Jinja does, who tries the attribute first: of a dict most find none."""
        if type(obj) is dict and attribute in obj and attribute not in _DICT_NAMES:
            return obj[attribute]
        return super().getattr(obj, attribute)


def _environment() -> _Environment:
    """None of the templates rolls dice."""
    environment = _Environment(undefined=_Unknown, autoescape=False)
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
_LEAVES_TRACES: tuple[type[nodes.Node], ...] = (
    nodes.Assign, nodes.AssignBlock, nodes.Block, nodes.Macro, nodes.EvalContextModifier,
)  # fmt: skip
"""What a template does to its context, where another would find it."""


class CopyError(ValueError):
    """A template that cannot be compiled; ``path`` leads to it: locale, variant, field."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


Render = Callable[[Context], str]


def context_of(data: dict[str, Any]) -> Context:
    """What the templates of one message are given; ``locale`` and ``tz`` must be among it."""
    return Context(_ENVIRONMENT, data, None, {})


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
        if any(tree.find_all(_OTHER_TEMPLATES)):
            raise CopyError("a template stands alone: no include, import or extends")
        unknown = meta.find_undeclared_variables(tree) - NAMES
        alone = any(tree.find_all(_LEAVES_TRACES))
        loops = tree.find(nodes.For) is not None
        template: Template = _ENVIRONMENT.from_string(tree)
    except TemplateError as error:
        raise CopyError(f"the template does not parse: {error.message}") from None
    except RecursionError:
        raise CopyError("the template is nested too deep") from None
    if unknown:
        raise CopyError(
            f"unknown name {', '.join(sorted(unknown))}; templates know {', '.join(sorted(NAMES))}"
        )
    return _plainly(template, gathered if loops else "".join, alone=alone)


def parsed(source: str) -> nodes.Template:
    """A template's tree.

    Raises:
        TemplateError: bad syntax.
    """
    return _ENVIRONMENT.parse(source)


def _plainly(template: Template, join: Callable[[Iterable[str]], str], *, alone: bool) -> Render:
    """``Template.render`` without its rewriting of tracebacks, and without a context of its own.

    A variant whose data are missing raises as a matter of course, and nobody reads the traceback;
    Jinja would look through the template's whole source for it. ``alone``: it needs its own
    context, for what it sets there.
    """
    root, new_context = template.root_render_func, template.new_context
    if alone:
        return lambda context: join(root(new_context(dict(context.parent))))
    return lambda context: join(root(context))
