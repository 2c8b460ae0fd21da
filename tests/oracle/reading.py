"""The scenario file as the oracle reads it: plain dicts, durations in ms."""

import re
from datetime import datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import yaml

Settings = dict[str, Any]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

PRIORITIES = (
    "transactional", "asked_for", "stock", "price", "checkout", "cart", "wishlist", "browse",
    "winback", "mass",
)  # fmt: skip


def ms(value: object) -> int:
    """``20m`` in ms."""
    match = re.fullmatch(r"(\d+)\s*(ms|s|m|h|d)", str(value))
    if match is None:
        assert isinstance(value, int), value
        return value
    return int(match[1]) * _UNITS[match[2]]


def read_settings(text: str) -> Settings:
    """What of the file decides, with its documented defaults filled in."""
    raw = yaml.load(text, Loader=_LOADER)
    policy = raw.get("policy", {})
    quiet = policy.get("quiet_hours", {})
    caps = policy.get("caps", {})
    return {
        "timezone": raw["shop"]["timezone"],
        "consent": policy.get("consent", "subscription"),
        "quiet_from": time.fromisoformat(quiet.get("from", "22:00")),
        "quiet_to": time.fromisoformat(quiet.get("to", "08:00")),
        "spread": ms(quiet.get("spread", "45m")),
        "gap": ms(caps.get("gap", "2h")),
        "day": caps.get("day", 2),
        "week": caps.get("week", 6),
        "look_ahead": ms(policy.get("look_ahead", "60s")),
        "hold_at_most": ms(policy.get("hold_at_most", "24h")),
        "scenarios": {name: _scenario(name, body or {}) for name, body in raw["scenarios"].items()},
    }


def _scenario(name: str, body: dict[Any, Any]) -> dict[str, Any]:
    enabled = body.get("enabled", "on")
    enabled = {True: "on", False: "off"}.get(enabled, enabled)
    waits = body.get("waits", {})
    unless = body.get("unless", ())
    return {
        "name": name,
        "use": body.get("use", name),
        "enabled": enabled,
        "once": ms(body.get("once", 0)),
        "ttl": ms(body.get("ttl", "4h")),
        "passes": body.get("passes_quiet_hours", False),
        "waits": [ms(step["wait"]) for step in body.get("steps", ())],
        "wait": ms(body.get("wait", 0)),
        "percent": body.get("min_percent", 5),
        "below_low": body.get("below_30_day_low", True),
        "settle": ms(body.get("settle", "5m")),
        "max_age": ms(body.get("interest_max_age", "90d")),
        "min_quantity": body.get("min_quantity", 1),
        "stock_waits": {
            "asked": ms(waits.get("asked", "0s")),
            "saved": ms(waits.get("saved", "10m")),
            "cart": ms(waits.get("saved", "10m")),
            "viewed": ms(waits.get("viewed", "30m")),
        },
        "per_unit": body.get("per_unit", 20),
        "on": body.get("on", body.get(True)),  # YAML 1.1 reads a bare `on` as true.
        "where": body.get("where", {}),
        "unless": (unless,) if isinstance(unless, str) else tuple(unless),
        "entity": body.get("entity"),
        "class": body.get("class", "marketing"),
        "priority": body.get("priority"),
    }


def local(at: int, zone: str) -> datetime:
    """The user's wall clock at ``at`` ms."""
    utc = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=at)  # noqa: UP017
    return utc.astimezone(ZoneInfo(zone))


def _epoch(moment: datetime) -> int:
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
    return (moment - epoch) // timedelta(milliseconds=1)


def quiet_until(settings: Settings, at: int, zone: str) -> int | None:
    """The end (ms) of the quiet hours that ``at`` lies in; ``None`` outside them."""
    start, end = settings["quiet_from"], settings["quiet_to"]
    here = local(at, zone)
    tod = here.time()
    if start == end:
        return None
    if start < end:
        if not start <= tod < end:
            return None
        day = here.date()
    else:
        if end <= tod < start:
            return None
        day = here.date() + timedelta(days=1 if tod >= start else 0)
    wall = datetime.combine(day, end, tzinfo=ZoneInfo(zone))
    return next(until for until in (_epoch(wall), _epoch(wall.replace(fold=1))) if until > at)
