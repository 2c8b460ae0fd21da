"""What stands in the scenario file, as pydantic models. Durations are milliseconds once read."""

import re
from datetime import time
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from processors.durations import Duration
from schemas.push import Urgency

HOUR = 3_600_000
DAY = 24 * HOUR


class Config(BaseModel):
    """A part of the scenario file. An unknown key is a mistake and is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _for_links(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*", value) is None:
        raise ValueError(
            f"{value!r} would not do in a link: write letters, digits, -, _ and ., a letter or"
            " digit first"
        )
    return value


LinkName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_for_links)]
"""The name of what speaks: a link carries it (``utm_campaign``), and so does every decision."""


class Mode(StrEnum):
    """``shadow`` decides and sends nothing."""

    OFF = "off"
    SHADOW = "shadow"
    ON = "on"


def _yaml_switch(value: Any) -> Any:
    """YAML reads a bare ``on`` and ``off`` as true and false."""
    if isinstance(value, bool):
        return Mode.ON if value else Mode.OFF
    return value


Switch = Annotated[Mode, BeforeValidator(_yaml_switch)]


class Shop(Config):
    name: str
    url: str
    cart_url: str
    checkout_url: str
    order_url: str | None = None
    icon: str | None = None
    timezone: str
    locale: str
    currency: str | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"no timezone {value!r}: write one like Europe/Warsaw") from None
        return value


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _clock(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    raise ValueError("write a time of day like 22:00")


Clock = Annotated[time, BeforeValidator(_clock)]
"""Local wall time, to the minute."""


class Quiet(Config):
    start: Annotated[Clock, Field(alias="from")] = time(22)
    end: Annotated[Clock, Field(alias="to")] = time(8)
    spread: Duration = 45 * 60_000


class Priority(StrEnum):
    """Highest first."""

    TRANSACTIONAL = "transactional"
    ASKED_FOR = "asked_for"
    STOCK = "stock"
    PRICE = "price"
    CHECKOUT = "checkout"
    CART = "cart"
    WISHLIST = "wishlist"
    BROWSE = "browse"
    WINBACK = "winback"
    MASS = "mass"


class Caps(Config):
    """Marketing messages to one user: apart by ``gap``, at most so many a day and a week."""

    gap: Duration = 2 * HOUR
    day: Annotated[int, Field(ge=0)] = 2
    week: Annotated[int, Field(ge=0)] = 6


class KindCaps(Config):
    """Messages of one kind to one user; ``None``: as many as there are."""

    gap: Duration = 0
    day: Annotated[int, Field(ge=0)] | None = None
    week: Annotated[int, Field(ge=0)] | None = None


class Policy(Config):
    consent: Literal["subscription", "explicit"] = "subscription"
    """``subscription``: who subscribed agreed, until they say no; ``explicit``: needs a grant."""
    quiet_hours: Quiet = Quiet()
    caps: Caps = Caps()
    caps_for: dict[Priority, KindCaps] = {}
    """By priority; of what is no marketing, by class (``asked_for``, ``transactional``)."""
    fatigue_after: Annotated[int, Field(ge=0)] = 3
    """So many displays without a click halve ``caps.day`` and ``caps.week``; 0: never."""
    incentive_gap: Duration = 60 * DAY
    """Between two vouchers to one user, at least: else people learn to abandon."""
    attribution_window: Duration = DAY
    """How long after a click (or else a display) an order is credited to the push."""
    holdout: Annotated[float, Field(ge=0, le=100)] = 0
    """Per cent of users who get no marketing, to measure what it does."""
    look_ahead: Duration = 60_000
    present: Duration = 90_000
    """How long after an ``engagement`` the page counts as in front; 0: never."""
    expire_after: Duration = 6 * HOUR
    """Found later than this after it was due (an outage), a moment is not sent."""
    hold_at_most: Duration = DAY


class Arm(Config):
    """One way of an A/B test: ``percent`` of the users hear it."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    percent: Annotated[float, Field(gt=0, le=100)]
    copy_names: Annotated[tuple[str, ...], Field(alias="copy"), BeforeValidator(_one_or_more)] = ()
    """In the place of the scenario's own, one a step, the last for the rest; none: its own."""


def _pool(value: Any) -> Any:
    return {"pool": value} if isinstance(value, str) else value


class HandoffConfig(Config):
    """Who speaks where the push did not reach, or was not clicked ``after`` it was sent."""

    after: Annotated[Duration, Field(gt=0)] = DAY
    channel: Annotated[str, Field(min_length=1, max_length=128)] = "email"


class VoucherConfig(Config):
    """A code for each who is told, from a pool that ops load."""

    pool: Annotated[str, Field(min_length=1, max_length=128)]
    needed: bool = True
    """Without a code nothing is said; else a variant that needs none may speak."""


VoucherSetting = Annotated[VoucherConfig | None, BeforeValidator(_pool)]


class ScenarioConfig(Config):
    """What every scenario may set."""

    use: str | None = None
    enabled: Switch = Mode.ON
    once: Duration = 0
    """Sent at most once to a user (each step) in this time; 0: no such limit."""
    ttl: Duration = 4 * HOUR
    """How long the push service keeps trying."""
    urgency: Urgency = Urgency.NORMAL
    expire_after: Duration | None = None
    passes_quiet_hours: bool = False
    fire_opened_in_shadow: bool = False
    segment: str | None = None
    """Only for who is in it when the moment is judged."""
    voucher: VoucherSetting = None
    handoff: HandoffConfig | None = None
    arms: Annotated[tuple[Arm, ...], Field(max_length=10)] = ()
    """An A/B test: who hears what, by a stable hash. Who is in no arm hears the usual."""

    @field_validator("arms")
    @classmethod
    def _arms_fit(cls, arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
        if len({arm.name for arm in arms}) < len(arms):
            raise ValueError("two arms have the same name: decisions could not tell them apart")
        if sum(arm.percent for arm in arms) > 100:
            raise ValueError("the arms take in more than 100 per cent")
        return arms


class StepConfig(Config):
    wait: Duration
    copy_name: Annotated[str, Field(alias="copy")]


class StepsConfig(ScenarioConfig):
    steps: Annotated[tuple[StepConfig, ...], Field(min_length=1, max_length=5)]


class ActionConfig(Config):
    action: str
    title: str
    url: str | None = None


class CopyVariant(Config):
    """One way to say it. Texts are Jinja2 templates; without its data a variant is passed over."""

    title: Annotated[str, Field(min_length=1)]
    body: str
    url: str
    icon: str | None = None
    image: str | None = None
    actions: Annotated[tuple[ActionConfig, ...], Field(max_length=2)] = ()


CopyTable = dict[str, dict[str, Annotated[tuple[CopyVariant, ...], Field(min_length=1)]]]
"""Variants by copy name and locale."""


EVERYBODY = "all"
"""In the place of a segment, of a campaign: whoever can be pushed to."""


class SegmentConfig(Config):
    """A filter over the profile: features, and what each must be (``processors.features``)."""

    where: dict[str, Any] = {}
    """All of these hold."""
    any_of: Annotated[tuple[dict[str, Any], ...], Field(alias="any")] = ()
    """Where there are any: all of at least one of these hold."""
    none_of: Annotated[tuple[dict[str, Any], ...], Field(alias="none")] = ()
    """All of none of these hold."""
    publish: bool = False
    """Who enters and who leaves is told on ``push.segments``."""


class ScenarioFile(Config):
    """The whole file; ``scenarios`` are checked each against its own model."""

    shop: Shop
    policy: Policy = Policy()
    segments: dict[Annotated[str, Field(min_length=1, max_length=128)], SegmentConfig] = {}
    scenarios: dict[str, dict[str, Any]]
    copies: Annotated[CopyTable, Field(alias="copy")]
