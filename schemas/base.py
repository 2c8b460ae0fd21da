"""What every wire contract shares: frozen models and the small types of their fields."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from schemas.currencies import Currency

__all__ = [
    "Count",
    "Currency",
    "EpochMs",
    "EventMs",
    "Explained",
    "Id",
    "Label",
    "Minor",
    "Quantity",
    "Real",
    "Url",
    "Whole",
    "Wire",
]


class Wire(BaseModel):
    """A frozen record on a topic. Unknown fields are ignored, so that producers may run ahead."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_enum_values=False)


class Explained(StrEnum):
    """A closed list whose members say what they mean: ``MEMBER = "value", "its meaning"``."""

    _value_: str
    about: str
    """One sentence for people; the wire carries the value alone."""

    def __new__(cls, value: str, about: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.about = about
        return member

    @classmethod
    def about_of(cls, value: str) -> str:
        """What a member of that value means; nothing for those of another release."""
        return next((member.about for member in cls if member.value == value), "")


NO_TIME = "neither epoch milliseconds nor RFC 3339 with an offset"


def _only_text(value: object) -> object:
    # A number here is no epoch ms: pydantic would take it for seconds.
    if not isinstance(value, str) or value.isdecimal():
        raise ValueError(NO_TIME)
    return value


def _to_epoch_ms(value: datetime) -> int:
    at = round(value.timestamp() * 1000)
    if at < 0:
        raise ValueError("before 1970")
    return at


EPOCH_MS_LIMIT = 253_402_300_799_999
"""The last millisecond of the year 9999: the end of what RFC 3339 can say."""

FIRST_EVENT_MS = 946_684_800_000
"""The year 2000: a time before it is one in seconds. No shop that runs today tells of older."""


def _no_seconds(value: object) -> object:
    if type(value) is int and 0 <= value < FIRST_EVENT_MS:
        raise ValueError("before the year 2000: epoch milliseconds are wanted, not seconds")
    return value


def _no_earlier(at: int) -> int:
    if at < FIRST_EVENT_MS:
        raise ValueError("before the year 2000")
    return at


def _time(
    least: int, of_number: tuple[BeforeValidator, ...], of_text: tuple[AfterValidator, ...]
) -> Any:
    ms = Annotated[int, Field(strict=True, ge=least, le=EPOCH_MS_LIMIT), *of_number]
    text = Annotated[
        AwareDatetime, BeforeValidator(_only_text), AfterValidator(_to_epoch_ms), *of_text
    ]
    bounds = {"minimum": least, "maximum": EPOCH_MS_LIMIT}
    return Annotated[
        ms | text,
        Field(union_mode="left_to_right", description="epoch ms, or RFC 3339 with an offset"),
        WithJsonSchema({"type": "integer", **bounds, "description": "epoch ms"}, "serialization"),
    ]


if TYPE_CHECKING:
    EpochMs = int
    EventMs = int
else:
    EpochMs = _time(0, (), ())
    EventMs = _time(FIRST_EVENT_MS, (BeforeValidator(_no_seconds),), (AfterValidator(_no_earlier),))
"""Epoch milliseconds or RFC 3339 in; always an ``int`` of epoch milliseconds out. ``EventMs``: when
something happened in the shop."""

NO_CONTROLS = r"^[^\x00-\x1f\x7f]+$"
MAX_ID = 128
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID, pattern=NO_CONTROLS)]
"""An identifier: 1 to 128 characters, none of them a control character."""

Label = Annotated[str, Field(max_length=256)]
"""Free text for people: a title, a category, a search query."""

MAX_URL = 2048
Url = Annotated[str, Field(max_length=MAX_URL)]

Minor = Annotated[int, Field(ge=0, le=10**12)]
"""Money in minor units of its currency (cents, grosze, kuruş)."""

Whole = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""A whole number that every reader of the topics has room for."""


def _no_whole_number(value: object) -> object:
    # One that has no room in 64 bits must not become another that is nearly the same.
    if type(value) is int:
        raise ValueError("whole numbers have up to 64 bits; write longer ones as text")
    return value


Real = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_no_whole_number)]
"""A number with a fraction or an exponent, and an end."""

Count = Annotated[int, Field(ge=0, le=10**9)]
Quantity = Annotated[int, Field(ge=1, le=10**6)]
