"""``.env.example``: every variable, none forgotten."""

import importlib
import pkgutil
from pathlib import Path

from nudge.envfile import env_example, variables
from runtime.settings import Settings

ROOT = Path(__file__).parents[2]


def _settings_classes(base: type[Settings]) -> set[type[Settings]]:
    below = set(base.__subclasses__())
    return below.union(*(_settings_classes(each) for each in below))


def test_the_example_is_what_the_settings_say() -> None:
    assert (ROOT / ".env.example").read_text() == env_example(), (
        "settings have changed: python -m nudge.envfile > .env.example"
    )


def test_no_settings_class_is_forgotten() -> None:
    for package in ("runtime", "streams", "delivery", "gateway"):
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if module.name.endswith(("settings", "vapid", "tokens", "endpoints")):
                importlib.import_module(module.name)

    missing = {
        f"NUDGE_{name.upper()} of {settings.__qualname__}"
        for settings in _settings_classes(Settings)
        for name in settings.model_fields
        if f"NUDGE_{name.upper()}" not in variables()
    }
    assert missing == set()
