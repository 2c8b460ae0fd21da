"""What a message says: the first variant whose data exist, in the user's language."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

from jinja2 import UndefinedError
from jinja2.runtime import Context

from processors.config import CopyVariant
from processors.template import CopyError, Render, compile_text, context_of
from schemas.answers import Action, checked
from schemas.base import MAX_URL


class Text(NamedTuple):
    """A rendered message: what the payload shows."""

    title: str
    body: str
    url: str
    icon: str | None
    image: str | None
    actions: tuple[Action, ...]
    locale: str
    variant: int


class NothingToSayError(ValueError):
    """A variant whose data say nothing: the next one speaks."""


@dataclass(frozen=True, slots=True)
class _Variant:
    title: Render
    body: Render
    url: Render
    icon: Render | None
    image: Render | None
    actions: tuple[tuple[str, Render, Render | None], ...]

    def render(self, context: Context, locale: str, number: int) -> Text:
        """Raises:
        NothingToSayError: the title or the link came out empty.
        """
        title, url = self.title(context).strip(), self.url(context).strip()
        if not title or not url:
            raise NothingToSayError
        return Text(
            title=title,
            body=" ".join(self.body(context).split()),
            url=url,
            icon=_if_known(self.icon, context),
            image=_if_known(self.image, context),
            actions=tuple(
                _button(name, title(context), url(context) if url else None)
                for name, title, url in self.actions
            ),
            locale=locale,
            variant=number,
        )


def _button(name: str, title: str, url: str | None) -> Action:
    action = Action(action=name, title=title, url=url)
    checked(action)
    return action


def _if_known(render: Render | None, context: Context) -> str | None:
    """A picture that is not known, or has too long a link, is left out; the words stand."""
    if render is None:
        return None
    try:
        link = render(context).strip()
    except UndefinedError:
        return None
    return link if 0 < len(link) <= MAX_URL else None


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


def tag_of(locale: str) -> str:
    """The language tag as it is compared: case says nothing (RFC 5646 §2.1.1), nor does ``_``."""
    return locale.replace("_", "-").lower()


class Copy:
    """One copy name's variants in every language it is written in."""

    __slots__ = ("_by_locale", "_fallback")

    def __init__(self, by_locale: Mapping[str, Iterable[CopyVariant]], fallback: str) -> None:
        self._by_locale = {
            tag_of(name): (
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
        if wanted in self._by_locale:
            return self._by_locale[wanted]
        for name in (wanted, self._fallback, "en"):
            if not name:
                continue
            if (found := self._written_for(tag_of(name))) is not None:
                return found
        return next(iter(self._by_locale.values()))

    def _written_for(self, tag: str) -> tuple[str, tuple[_Variant, ...]] | None:
        """The nearest tag (RFC 4647 §3.4), else the same language as it is written elsewhere."""
        language, subtags = tag.partition("-")[0], tag
        while subtags:
            if subtags in self._by_locale:
                return self._by_locale[subtags]
            subtags = subtags.rpartition("-")[0]
        elsewhere = (other for other in self._by_locale if other.partition("-")[0] == language)
        return next((self._by_locale[other] for other in elsewhere), None)

    def render(self, wanted: str | None, data: Mapping[str, Any]) -> Text | None:
        """The first variant whose data exist, in the user's language; ``None`` where none has."""
        return next(self.renderings(wanted, data), None)

    def renderings(self, wanted: str | None, data: Mapping[str, Any]) -> Iterator[Text]:
        """Every variant whose data exist, in the user's language, in their order."""
        locale, variants = self._pick(wanted)
        context = context_of({**data, "locale": locale})
        for number, variant in enumerate(variants, start=1):
            try:
                text = variant.render(context, locale, number)
            except Exception:  # noqa: S112 (the shop's own words must not stop a worker)
                continue
            yield text

    def renders_without_data(self, locale: str, shop: Mapping[str, Any], tz: str) -> bool:
        """Whether the last variant needs nothing but the shop's own data."""
        _, variants = self._by_locale[tag_of(locale)]
        try:
            data = {"shop": shop, "locale": locale, "tz": tz, "user": {}}
            variants[-1].render(context_of(data), locale, 1)
        except Exception:
            return False
        return True


def with_utm(url: str, campaign: str) -> str:
    """The link with its source, so that the shop's analytics know it (UTM parameters)."""
    utm = _utm(campaign)
    if _PLAIN_LINK(url):
        return f"{url}?{utm}"
    parts = urlsplit(url)
    if "utm_source=" in parts.query:
        return url
    query = f"{parts.query}&{utm}" if parts.query else utm
    return urlunsplit(parts._replace(query=query))


_PLAIN_LINK = re.compile(r"https?://[a-zA-Z0-9.-]+(?::[0-9]+)?(?:/[a-zA-Z0-9/._~%+-]*)?").fullmatch
"""Nearly all links: nothing in them to be taken apart."""


@lru_cache(maxsize=1024)
def _utm(campaign: str) -> str:
    return urlencode({"utm_source": "nudge", "utm_medium": "push", "utm_campaign": campaign})


def without_nothing(data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` without what is not known, so that a template that needs it is passed over.

    Empty text is not known either: a shop that has no name for a thing often sends one.
    """
    return {name: value for name, value in data.items() if not says_nothing(value)}


def says_nothing(value: Any) -> bool:
    """Whether a message has nothing to say of it: no value, or no more than white space."""
    return value is None or (isinstance(value, str) and not value.strip())
