"""What would only be found out when a message is due: words that could never be said.

A template whose data are missing is passed over, so that a slip in it is silent for ever; and
what breaks the bounds of a push is not sent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError
from pydantic import TypeAdapter, ValidationError

from processors.config import ActionConfig, CopyVariant
from processors.copy import Copy, tag_of, with_utm
from processors.copy_names import Spoken
from processors.lined_yaml import Path
from processors.template import compile_text, context_of
from processors.template_bounds import TooMuchError
from processors.template_checks import never_given, uses_of
from processors.template_checks import slips as template_slips
from schemas.adapters import dump
from schemas.answers import Payload
from schemas.base import MAX_URL, Id
from schemas.push import PAYLOAD_LIMIT
from schemas.push import Payload as PayloadContract

_LINKS = ("https://", "http://", "/", "{{", "{%")
_OF_SHOP = frozenset({"shop", "locale", "tz"})
_ANSWER = "answer/"
_ID: TypeAdapter[str] = TypeAdapter(Id)
_ROOM = {
    name: next(bound.max_length for bound in field.metadata if hasattr(bound, "max_length"))
    for name, field in PayloadContract.model_fields.items()
    if name in ("title", "body", "url")
} | {"icon": MAX_URL, "image": MAX_URL}

Slip = tuple[Path, str, str]
"""Where in the copy (locale, variant, field), what is wrong, and the cure."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of one copy. ``shop``: as templates see it; ``None``: it cannot be read.

    ``spoken``: what its speakers give it; ``None``: nobody speaks it, or it cannot be told.
    ``labels``: what its links may carry (``utm_campaign``).
    """

    shop: Mapping[str, Any] | None
    tz: str
    spoken: Spoken | None = None
    who: str = ""
    labels: tuple[str, ...] = ()


def slips(by_locale: Mapping[str, tuple[CopyVariant, ...]], told: Told) -> Iterator[Slip]:
    """All that would never be said in one copy."""
    known: dict[str, str] = {}
    for locale, variants in by_locale.items():
        tag = tag_of(locale)
        if tag in known:
            yield (locale,), f"{locale!r} is the language {known[tag]!r} again", "keep one of them"
        known.setdefault(tag, locale)
        if not is_locale(locale):
            yield (locale,), f"there is no language {locale!r}", "write it like en, pl or pt-BR"
        for number, variant in enumerate(variants):
            is_last = number == len(variants) - 1
            for where, said, cure in _Words(variant, locale, told, is_last=is_last).slips():
                yield (locale, number, *where), said, cure


def unsaid(copy: Copy, shop: Mapping[str, Any], tz: str) -> Iterator[Slip]:
    """Languages that would say nothing where only the shop is known."""
    for locale in copy.locales():
        if not copy.renders_without_data(locale, shop, tz):
            said = "the last variant needs data that may be missing"
            yield (locale,), said, "end with a variant that speaks of nothing but the shop"


def is_locale(name: str) -> bool:
    """Whether it is a language that can be written in, as ``pt-BR``."""
    try:
        Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return False
    return True


def leads(link: str) -> bool:
    """Whether a browser could follow it: an address with its host, or a path of the shop's."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    if any(char.isspace() for char in link):
        return False
    if not parts.scheme:
        return link.startswith("/")
    return parts.scheme in ("https", "http") and bool(parts.hostname)


class _Words:
    """One variant: what it says for certain, since it speaks of nothing but the shop."""

    def __init__(self, variant: CopyVariant, locale: str, told: Told, *, is_last: bool) -> None:
        self._variant = variant
        self._told = told
        self._locale = locale
        self._is_last = is_last

    def slips(self) -> Iterator[Slip]:
        said: dict[Path, str] = {}
        for field, source in self._sources():
            yield from ((field, *slip) for slip in template_slips(source))
            if self._told.spoken is not None:
                never = never_given(source, self._told.spoken, self._told.who)
                yield from ((field, *slip) for slip in never)
            try:
                words = self._said(source)
            except TooMuchError as error:
                yield field, str(error), "make it shorter"
                continue
            if words is not None:
                said[field] = words
                yield from self._unfit(field, words)
            elif field[-1] in _LINK_FIELDS and not source.strip().startswith(_LINKS):
                yield field, f"leads nowhere: {source!r}", _A_LINK
        yield from _buttons(self._variant.actions)
        if self._is_last:
            yield from self._too_large(said)

    def _sources(self) -> Iterator[tuple[Path, str]]:
        for field in ("title", "body", "url", "icon", "image"):
            source = getattr(self._variant, field)
            if source is not None:
                yield (field,), source
        for number, action in enumerate(self._variant.actions):
            yield ("actions", number, "title"), action.title
            if action.url is not None:
                yield ("actions", number, "url"), action.url

    def _said(self, source: str) -> str | None:
        """``None`` where that is known only when the message is due."""
        known = _OF_SHOP | {"user"} if self._is_last else _OF_SHOP
        if self._told.shop is None or not uses_of(source).names <= known:
            return None
        data = {"shop": self._told.shop, "locale": self._locale, "tz": self._told.tz, "user": {}}
        try:
            return compile_text(source)(context_of(data)).strip()
        except TooMuchError:
            raise
        except Exception:  # whatever it trips over, it is passed over for
            return None

    def _unfit(self, field: Path, words: str) -> Iterator[Slip]:
        name = str(field[-1])
        is_link = name in _LINK_FIELDS
        if name == "title" and not words:
            yield field, "is blank", "say something"
        if is_link and not leads(words) and (words or name == "url"):
            yield field, f"leads nowhere: {words!r}", _A_LINK
            return
        if field == ("url",):
            words = max((with_utm(words, label) for label in self._told.labels),
                        key=len, default=words)  # fmt: skip
        length = len(" ".join(words.split()) if name == "body" else words)
        if length > _ROOM[name]:
            carried = " with its utm_source" if field == ("url",) else ""
            said = f"{length:,} characters{carried}: there is room for {_ROOM[name]:,}"
            yield field, said, "make it shorter"

    def _too_large(self, said: Mapping[Path, str]) -> Iterator[Slip]:
        """What fits field by field may still be too much for a push."""
        if not all((name,) in said for name in ("title", "body", "url")):
            return
        payload = Payload(
            title=said["title",],
            body=" ".join(said["body",].split()),
            url=said["url",],
            icon=said.get(("icon",)),
            image=said.get(("image",)),
            tag="", actions=(), locale=self._locale, scenario="", job_id="",
        )  # fmt: skip
        size = len(dump(payload))
        if size > PAYLOAD_LIMIT:
            words = f"{size:,} bytes in all: a push has room for {PAYLOAD_LIMIT:,}"
            yield (), words, "make it shorter"


_LINK_FIELDS = frozenset({"url", "icon", "image"})
_A_LINK = "write https://…, a path like /cart, or {{ shop.url }}"


def _buttons(actions: tuple[ActionConfig, ...]) -> Iterator[Slip]:
    names: set[str] = set()
    for number, action in enumerate(actions):
        where, name = ("actions", number, "action"), action.action
        if name in names:
            yield where, f"{name!r} is both buttons' name", "call them differently"
        names.add(name)
        if name.startswith(_ANSWER) and not name.removeprefix(_ANSWER).strip():
            yield where, f"{name!r} says no answer", "like answer/good"
        try:
            _ID.validate_python(name)
        except ValidationError:
            yield where, f"{name!r} is no name", "1 to 128 characters, in one line"
