"""``docs/scenario-file.md`` names every setting there is, with its true default, and no other."""

import re
from datetime import time
from enum import Enum
from pathlib import Path
from textwrap import dedent
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from processors import config
from processors.campaign_file import CampaignFile, Schedule
from processors.config import ScenarioConfig
from processors.durations import Duration, format_duration
from processors.scenario_file import load
from processors.scenarios import KINDS
from processors.scenarios.after_event import AfterEventConfig
from processors.scenarios.back_in_stock import BackInStockConfig, StockWaits
from processors.scenarios.cart_family import CartConfig
from processors.scenarios.content_available import ContentAvailableConfig
from processors.scenarios.price_drop import PriceDropConfig
from processors.scenarios.reminder import ReminderConfig
from processors.scenarios.reorder import ReorderConfig
from processors.template import NAMES
from processors.where import Bound
from schemas.push import MessageClass, Urgency
from tests.timelines.stories import changed, shipped

_PAGES = ("scenario-file.md", "segments.md", "campaigns.md")
_DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = [
    dedent(example)
    for page in ("docs/scenario-file.md", "docs/segments.md", "README.md")
    for example in re.findall(
        r"^```yaml\n(.*?)^```", (_DOCS.parent / page).read_text(), re.M | re.S
    )
    if "…" not in example
]
PAGE = "\n".join((_DOCS / name).read_text() for name in _PAGES)

MODELS: dict[str, type[BaseModel]] = {
    "`shop`": config.Shop,
    "`policy`": config.Policy,
    "`policy.quiet_hours`": config.Quiet,
    "`policy.caps`": config.Caps,
    "`policy.caps_for`": config.KindCaps,
    "Every scenario": config.ScenarioConfig,
    "The file": CampaignFile,
    "`schedule`": Schedule,
    "A segment's settings": config.SegmentConfig,
    "A voucher": config.VoucherConfig,
    "A handoff": config.HandoffConfig,
    "An arm": config.Arm,
    "`cart_abandoned`, `checkout_abandoned`": CartConfig,
    "A step": config.StepConfig,
    "`price_drop`": PriceDropConfig,
    "`back_in_stock`": BackInStockConfig,
    "`waits` of `back_in_stock`": StockWaits,
    **{
        f"`{name}`": KINDS[name][0]
        for name in (
            "delivery_cost",
            "hesitation",
            "browse_abandoned",
            "viewed_reminder",
            "wishlist_reminder",
            "low_stock",
            "new_in_category",
            "winback",
            "drifting",
            "high_value",
            "new_user_popular",
        )
    },
    "`after_event`": AfterEventConfig,
    "`reminder`": ReminderConfig,
    "`reorder`": ReorderConfig,
    "`content_available`": ContentAvailableConfig,
    "A bound": Bound,
    "A variant": config.CopyVariant,
    "A button": config.ActionConfig,
}
WORDED = {
    "use": "the name", "family": "the name", "priority": "by class", "quiet_hours": "see below",
    "caps": "see below", "leads": "1d, 15m", "waits": "see below",
}  # fmt: skip
"""Defaults that are words, not values."""


def table_under(heading: str) -> dict[str, tuple[str, str]]:
    """(default, meaning) of each setting in the table under a heading."""
    found = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    assert found is not None, f"no heading {heading}"
    rows = re.findall(r"^\| `([a-z_0-9]+)` \| (.+?) \| (.+) \|$", found[1], re.M)
    return {name: (default.strip("`"), meaning) for name, default, meaning in rows}


def written(name: str, field: FieldInfo) -> str:
    """A field's default as the page writes it."""
    if field.is_required():
        return "required"
    value: Any = field.get_default()
    if name in WORDED:
        return WORDED[name]
    if name == "copy" and value is None:
        return "the name"
    if value in (None, (), {}):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, Enum):
        return str(value.value)
    is_duration = get_args(Duration)[1] in field.metadata
    return format_duration(value) if is_duration else str(value)


@pytest.mark.parametrize("heading", MODELS)
def test_the_page_names_every_setting_with_its_default(heading: str) -> None:
    model = MODELS[heading]
    inherited = set() if model is ScenarioConfig else set(ScenarioConfig.model_fields)
    fields = {
        field.alias or name: field
        for name, field in model.model_fields.items()
        if not (issubclass(model, ScenarioConfig) and name in inherited)
    }
    said = table_under(heading)
    assert set(said) == set(fields)
    defaults = {name: default for name, (default, _) in said.items()}
    assert defaults == {name: written(name, field) for name, field in fields.items()}


@pytest.mark.parametrize("example", EXAMPLES)
def test_its_examples_are_taken(example: str) -> None:
    said = yaml.load(example, Loader=yaml.BaseLoader)
    if "scenarios" not in said:
        # What these say is nothing to the point.
        words = {"title": "…", "body": "…", "url": "{{ shop.url }}"}
        said = {"scenarios": said, "copy": {name: {"en": [words]} for name in said}}
    load(yaml.safe_dump(changed(shipped(), said.pop("scenarios") | said)))


def test_every_part_of_the_file_has_its_table() -> None:
    parts = {
        model
        for model in vars(config).values()
        if isinstance(model, type) and issubclass(model, config.Config)
    }
    parts |= {model for model, _ in KINDS.values()}
    assert parts - set(MODELS.values()) == {config.Config, config.ScenarioFile, config.StepsConfig}


def test_every_kind_of_scenario_is_named_for_use() -> None:
    _, meaning = table_under("Every scenario")["use"]
    assert set(re.findall(r"`(\w+)`", meaning)) == set(KINDS)


def test_every_choice_is_named() -> None:
    settings = table_under("`after_event`")
    assert set(re.findall(r"`(\w+)`", settings["priority"][1])) == set(config.Priority)
    assert set(re.findall(r"`(\w+)`", settings["class"][1])) == set(MessageClass)
    urgency = table_under("Every scenario")["urgency"][1]
    assert set(re.findall(r"`([\w-]+)`", urgency)) == set(Urgency)


def test_every_name_that_templates_know_is_on_the_page() -> None:
    section = PAGE.split("### What templates may speak of")[1].split("| filter |")[0]
    rows = re.findall(r"^\| (`.+?`) \|", section, re.M)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == NAMES
