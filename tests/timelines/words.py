"""The words of an event's sentence: products, prices, items, ``field=value``."""

import shlex
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision

from processors.durations import parse_duration
from tests.timelines.calendar import Calendar

_DAY_FIELDS = frozenset({"expected_delivery", "expires_at"})
_TIME_FIELDS = frozenset({"at"})
_DURATION_FIELDS = frozenset({"lead"})


class Words:
    """The words after an event's name. ``prefix`` goes before every product id."""

    def __init__(self, text: str, calendar: Calendar, prefix: str) -> None:
        words = shlex.split(text)
        self._words = [word for word in words if not _is_field(word)]
        self._calendar = calendar
        self.prefix = prefix
        self.fields = dict(self._field(word) for word in words if _is_field(word))

    def __bool__(self) -> bool:
        return bool(self._words)

    def next(self) -> str:
        """The next word.

        Raises:
            ValueError: there is none.
        """
        if not self._words:
            raise ValueError("a word is missing at the end")
        return self._words.pop(0)

    def accept(self, word: str) -> bool:
        """Whether ``word`` comes next; takes it."""
        if self._words[:1] != [word]:
            return False
        del self._words[0]
        return True

    def product(self) -> dict[str, Any]:
        """``lamp`` or ``lamp/red``."""
        name, _, variant = self.next().partition("/")
        return {"product_id": self.prefix + name} | ({"variant_id": variant} if variant else {})

    def pieces(self) -> dict[str, Any]:
        """``x2``, where it is written."""
        if self._words and self._words[0][:1] == "x" and self._words[0][1:].isdigit():
            return {"quantity": int(self.next()[1:])}
        return {}

    def money(self) -> dict[str, Any]:
        """``49.99 PLN``, in minor units."""
        amount, currency = self.next(), self.next()
        return {"price": minor_units(amount, currency), "currency": currency}

    def order(self) -> dict[str, Any]:
        """``lamp 49.99 + chair x2 120 PLN``: items and currency."""
        currency = self._words.pop() if self._words else "PLN"
        items = []
        while self._words:
            item = self.product() | self.pieces()
            items.append(item | {"price": minor_units(self.next(), currency)})
            if self._words and not self.accept("+"):
                raise ValueError(f"{self._words[0]!r} stands where a + was expected")
        return {"items": items, "currency": currency}

    def _field(self, word: str) -> tuple[str, Any]:
        name, _, value = word.partition("=")
        if name in _DAY_FIELDS:
            return name, self._calendar.noon(value)
        if name in _TIME_FIELDS and not value.isdigit():
            return name, self._calendar.at(value)
        if name in _DURATION_FIELDS:
            return name, [parse_duration(part) for part in value.split(",")]
        if value in ("true", "false"):
            return name, value == "true"
        return name, int(value) if value.isdigit() else value


def _is_field(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def minor_units(amount: str, currency: str) -> int:
    """``49.99`` PLN as 4999.

    Raises:
        ValueError: the currency has no such small coin.
    """
    scaled = Decimal(amount).scaleb(get_currency_precision(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{currency} has no {amount}")
    return int(scaled)
