"""What a segment may ask of a user: one closed list, each read from the profile at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median_low
from typing import Any

from processors.localtime import DAY_MS, HOUR_MS
from processors.profile import Profile
from processors.session import viewed_in_session

MONTH_DAYS = 30


class Kind(StrEnum):
    """How a feature's value is written in the file."""

    NUMBER = "number"
    MONEY = "money"
    DURATION = "duration"
    WORD = "word"
    WORDS = "words"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Feature:
    """``read``: the value at a time (ms), ``None`` where it is not known.

    ``since``: of a duration, the time (ms) it is counted from; 0 where there is none.
    ``windowed``: so long (ms) after the last activity time alone has brought it to nothing.
    """

    kind: Kind
    about: str
    read: Callable[[Profile, int], Any]
    since: Callable[[Profile], int] | None = None
    windowed: int = 0


def _age(since: Callable[[Profile], int], about: str) -> Feature:
    def read(profile: Profile, at: int) -> int | None:
        began = since(profile)
        return at - began if began else None

    return Feature(Kind.DURATION, about, read, since)


def _month(column: int, kind: Kind, about: str) -> Feature:
    """Of the last 30 days (UTC)."""

    def read(profile: Profile, at: int) -> int:
        first = at // DAY_MS - MONTH_DAYS + 1
        return sum(day[column] for day in profile.days if day[0] >= first)

    return Feature(kind, about, read, windowed=MONTH_DAYS * DAY_MS)


def _views_today(profile: Profile, at: int) -> int:
    first = at // HOUR_MS - 23
    return sum(hour[2] for hour in profile.hours if hour[0] >= first)


def _depth(profile: Profile, _at: int) -> int:
    return len(viewed_in_session(profile)) + len(profile.again)


def _visit(profile: Profile, _at: int) -> int | None:
    return profile.active_at - profile.session_at if profile.sessions else None


def _categories(profile: Profile, _at: int) -> list[str]:
    return profile.categories.names


def _favourite(profile: Profile, _at: int) -> str | None:
    return profile.categories.favourite()


def _price_level(profile: Profile, _at: int) -> int | None:
    prices = [price for price in profile.viewed.prices if price is not None]
    return median_low(prices) if prices else None


def _average_order(profile: Profile, _at: int) -> int | None:
    orders = profile.orders
    return sum(order.value for order in orders) // len(orders) if orders else None


def _trait(name: str) -> Callable[[Profile, int], Any]:
    def read(profile: Profile, _at: int) -> Any:
        return profile.traits.get(name)

    return read


def _tags(profile: Profile, _at: int) -> Sequence[Any]:
    tags = profile.traits.get("tags", ())
    return tags if isinstance(tags, list | tuple) else (tags,)


def _language(profile: Profile, _at: int) -> str | None:
    return profile.locale and profile.locale.replace("_", "-").split("-")[0].lower()


FEATURES: dict[str, Feature] = {
    "visits": Feature(Kind.NUMBER, "Visits so far (a pause of 30 minutes ends one).",
                      lambda p, _: p.sessions),
    "last_visit": _age(lambda p: p.active_at, "How long ago the last activity was."),
    "first_visit": _age(lambda p: p.first_at, "How long ago the first event was."),
    "visit_length": Feature(Kind.DURATION, "Time on the site: from the latest visit's first"
                            " activity to its last.", _visit),
    "visit_depth": Feature(Kind.NUMBER, "Browsing depth: products viewed in the latest visit.",
                           _depth),
    "views_24h": Feature(Kind.NUMBER, "Products viewed in the last 24 hours.", _views_today,
                         windowed=24 * HOUR_MS),
    "views_30d": _month(2, Kind.NUMBER, "Products viewed in the last 30 days."),
    "categories": Feature(Kind.WORDS, "Categories viewed or carted, the newest ten.", _categories),
    "favourite_category": Feature(Kind.WORD, "The one of them viewed most often.", _favourite),
    "cart_lines": Feature(Kind.NUMBER, "Lines in the cart.", lambda p, _: len(p.cart)),
    "wishlist": Feature(Kind.NUMBER, "Products on the wishlist.", lambda p, _: len(p.saved)),
    "orders": Feature(Kind.NUMBER, "Orders so far.", lambda p, _: p.order_count),
    "orders_30d": _month(4, Kind.NUMBER, "Purchase frequency: orders in the last 30 days."),
    "last_order": _age(lambda p: p.bought_at, "How long ago the last order was."),
    "spend_30d": _month(5, Kind.MONEY, "Spent in the last 30 days, refunds or not; amounts of other"
                        " currencies count as they are."),
    "average_order": Feature(Kind.MONEY, "What an order is worth, over the newest ten, in whatever"
                             " currency.",
                             _average_order),
    "price_level": Feature(Kind.MONEY, "The median price of the newest twenty products viewed.",
                           _price_level),
    "last_voucher": _age(lambda p: p.incentive_at, "How long ago a message gave a voucher."),
    "loyalty": Feature(Kind.WORD, "The trait `loyalty`, as the shop tells it.", _trait("loyalty")),
    "city": Feature(Kind.WORD, "The trait `city`.", _trait("city")),
    "country": Feature(Kind.WORD, "The trait `country`.", _trait("country")),
    "tags": Feature(Kind.WORDS, "The trait `tags`.", _tags),
    "language": Feature(Kind.WORD, "The language's code, as `pl`.", _language),
    "timezone": Feature(Kind.WORD, "Like `Europe/Warsaw`.", lambda p, _: p.timezone),
    "known": Feature(Kind.SWITCH, "Whether it is a user, not an anonymous browser.",
                     lambda p, _: p.known),
    "subscribed": Feature(Kind.SWITCH, "Whether there is a browser that can be pushed to.",
                          lambda p, _: bool(p.devices)),
}  # fmt: skip
"""Every feature that a segment may name. Any trait of the shop's own is ``traits.NAME``."""

OWN_TRAIT = "traits."


def feature_named(name: str) -> Feature | None:
    """The feature of that name; ``None`` where there is none."""
    if name.startswith(OWN_TRAIT) and len(name) > len(OWN_TRAIT):
        return Feature(Kind.WORD, "", _trait(name.removeprefix(OWN_TRAIT)))
    return FEATURES.get(name)


def feature_table() -> str:
    """The list of ``docs/segments.md``."""
    rows = [f"| `{name}` | {one.kind.value} | {one.about} |" for name, one in FEATURES.items()]
    rows.append(
        "| `traits.NAME` | word or number | Any trait of the shop's own (`profile_update`)"
        " by its name. |"
    )
    return "\n".join(("| feature | kind | what |", "| --- | --- | --- |", *rows))
