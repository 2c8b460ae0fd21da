"""``docs/scenarios.md``: each shipped scenario. ``python -m nudge.scenario_pages`` writes it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nudge.rule_files import shipped_text
from processors import lined_yaml
from processors.config import Mode, StepsConfig
from processors.durations import format_duration
from processors.moment import Moment
from processors.reduce import PASSIVE
from processors.rules import Rules
from processors.scenario_file import load
from processors.scenarios.after_event import AfterEventConfig
from processors.scenarios.base import NewsScenario, QuietScenario, Scenario
from processors.session import SESSION_END
from processors.where import Bound
from schemas import structs as e

PAGE = Path("docs/scenarios.md")
STORIES = Path("tests/timelines")

_INTRO = """# The shipped scenarios

Made from [the shipped scenario file](../processors/scenarios/default.yaml) and the code; \
`python -m nudge.scenario_pages` writes it anew. What each setting means is in \
[scenario-file.md](scenario-file.md), what each does exactly in [rules.md](rules.md), what it \
comes to in [stories](../tests/timelines/README.md). The words are those of the first variant, \
as they read when all it speaks of is known; those after it in the file need less."""

_LAMP = {
    "id": "lamp", "name": "Oslo lamp", "category": "lamps", "quantity": 3, "price": 4999,
    "currency": "PLN", "url": "https://shop.example/lamp", "image": "https://shop.example/lamp.jpg",
    "in_stock": True,
}  # fmt: skip
_SHADE = {**_LAMP, "id": "shade", "name": "Oslo shade", "price": 1900}
_NOON = 1_781_085_600_000
_ORDER = {
    "id": "A-1", "order_id": "A-1", "value": 4999, "currency": "PLN", "delivery_cost": 1200,
    "expected_delivery": _NOON, "status": "dispatched", "pickup_point": "Kiosk", "code": "SPRING",
    "expires_at": _NOON,
}  # fmt: skip
_SAMPLE: dict[str, Any] = {
    "user": {"first_name": "Ann"},
    "product": _LAMP,
    "products": [_SHADE, _LAMP],
    "bought": _SHADE,
    "cart": {"lines": [_LAMP, _SHADE], "count": 2, "value": 6899, "currency": "PLN"},
    "delivery": {"cost": 1200, "free_from": 10000, "missing": 3101},
    "price": {"now": 4999, "seen": 5999, "saved": 1000, "low_30d": 5499, "currency": "PLN"},
    "order": _ORDER,
    "event": _ORDER,
    "voucher": {"code": "SPRING", "value": 1500, "currency": "PLN", "expires_at": _NOON},
    "reminder": {"id": "r-1", "title": "Lesson 3", "at": _NOON, "url": "https://shop.example/r"},
    "content": {"id": "c-1", "topic": "light", "title": "Light at home",
                "url": "https://shop.example/c"},
}  # fmt: skip
"""Something of everything that words may speak of."""


def scenario_page(text: str) -> str:
    """The whole page, from the file's text."""
    rules, plain = load(text), lined_yaml.read(text).plain
    parts = [_INTRO, _overview(rules)]
    for scenario in rules.scenarios.values():
        parts += _section(scenario, rules, plain["scenarios"][scenario.name])
    return "\n\n".join(parts) + "\n"


def _overview(rules: Rules) -> str:
    rows = [
        f"| [`{s.name}`](#{s.name}) | {s.config.enabled.value} | {_class(s)} | {s.priority.value}"
        f" | {s.family} |"
        for s in rules.scenarios.values()
    ]
    head = ["| scenario | shipped | class | priority | family |", "| --- | --- | --- | --- | --- |"]
    return "\n".join((*head, *rows))


def _class(scenario: Scenario) -> str:
    moment = Moment("", "", 0, data={"interest": "viewed"})
    found = scenario.class_of(moment)
    asked = scenario.class_of(Moment("", "", 0, data={"interest": "asked"}))
    words = [each.value.replace("_", " ") for each in dict.fromkeys((found, asked))]
    return ", or ".join(words)


def _section(scenario: Scenario, rules: Rules, settings: Any) -> Iterator[str]:
    yield f"## {scenario.name}"
    yield _what(scenario)
    rows = [
        ("opens on", _opens(scenario)),
        ("is due", _due(scenario)),
        ("ends on", _ends(scenario)),
    ]
    if scenario.config.enabled is not Mode.ON:
        rows.append(("shipped", f"`{scenario.config.enabled.value}`"))
    yield _table(("", ""), rows)
    shown = {name: value for name, value in settings.items() if name != "enabled"}
    yield "Settings: " + ("; ".join(f"`{n}: {_flow(v)}`" for n, v in shown.items()) + ".")
    for number, name in enumerate(scenario.copy_names(), start=1):
        if name in rules.copies:
            step = f", step {number}" if len(scenario.copy_names()) > 1 else ""
            yield f"Words (`{name}`{step}):"
            yield _table(("", "title", "body"), list(_words(rules, name)))


def _what(scenario: Scenario) -> str:
    """The scenario's own file says it in its first line; one in YAML alone, what it follows."""
    config = scenario.config
    if isinstance(config, AfterEventConfig):
        return f"Follows an event, in the file alone: `{config.on}`{_where(config.where)}."
    said = (sys.modules[type(scenario).__module__].__doc__ or "").split("\n\n")[0]
    sentence = said.partition(": ")[2].replace("\n", " ")
    return sentence[:1].upper() + sentence[1:]


def _where(where: Any) -> str:
    return "".join(f", `{field}` {_held(wanted)}" for field, wanted in where.items())


def _held(wanted: Any) -> str:
    if isinstance(wanted, Bound):
        limits = (("at least", wanted.at_least), ("at most", wanted.at_most))
        return " and ".join(
            f"{word} {_number(limit)}" for word, limit in limits if limit is not None
        )
    values = wanted if isinstance(wanted, list) else [wanted]
    return " or ".join(_flow(value) for value in values)


def _number(limit: float) -> str:
    """Large numbers are times; nobody bounds a count so high."""
    return format_duration(int(limit)) if limit >= 60_000 else str(limit)


def _opens(scenario: Scenario) -> str:
    if isinstance(scenario, NewsScenario):
        return "news of a product, or of content"
    if isinstance(scenario, QuietScenario):
        return "silence"
    return _events(scenario.opens_on)


def _due(scenario: Scenario) -> str:
    config: Any = scenario.config
    if isinstance(config, StepsConfig):
        waits = [format_duration(step.wait) for step in config.steps]
        return f"{', '.join(waits)} after the last activity"
    before = getattr(config, "before", None)
    if before is not None:
        return f"{format_duration(config.wait)} before `{before}`"
    for name in ("wait", "settle", "gather"):
        wait = getattr(config, name, None)
        if wait:
            return f"{format_duration(wait)} later"
    if hasattr(config, "waits"):
        return "see its settings"
    at_once = isinstance(scenario, NewsScenario) or SESSION_END in scenario.opens_on
    return "at once" if at_once or hasattr(config, "wait") else "see [rules.md](rules.md)"


def _ends(scenario: Scenario) -> str:
    if isinstance(scenario.config, AfterEventConfig):
        named = [f"`{name}`{_where(where)}" for name, where in scenario.config.endings()]
        return ", ".join(named) or "nothing"
    return _events(scenario.ends_on)


def _events(kinds: frozenset[type[e.Envelope]]) -> str:
    if kinds >= e.SHOP_EVENT_TYPES - PASSIVE:
        return "any activity"
    return ", ".join(f"`{name}`" for name in sorted(_name(kind) for kind in kinds)) or "nothing"


def _name(kind: Any) -> str:
    return str(kind.__struct_config__.tag)


def _words(rules: Rules, name: str) -> Iterator[tuple[str, ...]]:
    data = {**_SAMPLE, "shop": rules.shop_data, "tz": rules.shop.timezone}
    for locale in rules.copies[name].locales():
        text = rules.copies[name].render(locale, data)
        if text is not None:
            cells = (locale, text.title, text.body)
            yield tuple(cell.replace("|", "\\|").replace("\u00a0", " ") for cell in cells)


def _flow(value: Any) -> str:
    """As YAML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(held)}" for name, held in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(held) for held in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(scenario_page(shipped_text()), encoding="utf-8")
