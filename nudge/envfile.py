"""``.env.example``: every variable that Nudge reads, made from the settings classes.

``python -m nudge.envfile > .env.example`` writes it anew.
"""

import sys
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from delivery.settings import DeliverySettings
from gateway.settings import GatewaySettings
from runtime.endpoints import EndpointSettings
from runtime.settings import KafkaSettings, ObservabilitySettings, RedisSettings, Settings
from runtime.tokens import TokenSettings
from runtime.vapid import VapidSettings
from streams.settings import StreamsSettings

SECTIONS: dict[str, type[Settings]] = {
    "Kafka": KafkaSettings,
    "Redis": RedisSettings,
    "Keys and push services": VapidSettings,
    "Interaction tokens": TokenSettings,
    "Push services": EndpointSettings,
    "Logs and health": ObservabilitySettings,
    "Streams worker": StreamsSettings,
    "Delivery worker": DeliverySettings,
    "Gateway": GatewaySettings,
}
"""Every settings class. A variable stands under the first that has it."""

_HEAD = """\
# Copy this to .env. Only the variables of the first part must be filled in; what is commented out
# shows its default. The environment goes before this file.
"""
_EXAMPLES = {"vapid_subject": "mailto:push@shop.example", "token_secret": ""}
"""What stands there for a variable that has no default."""


def variables() -> dict[str, FieldInfo]:
    """``NUDGE_…`` and its field, over all settings classes."""
    return {
        f"NUDGE_{name.upper()}": field
        for settings in SECTIONS.values()
        for name, field in settings.model_fields.items()
    }


def env_example() -> str:
    """The text of ``.env.example``."""
    seen: set[str] = set()
    required: list[str] = []
    sections: list[str] = []
    for title, settings in SECTIONS.items():
        lines: list[str] = []
        for name, field in settings.model_fields.items():
            if name in seen:
                continue
            seen.add(name)
            (required if field.is_required() else lines).append(_lines(name, field))
        if lines:
            sections.append(f"# == {title}\n" + "".join(lines))
    return "\n".join([_HEAD, "# == To be filled in\n" + "".join(required), *sections])


def _lines(name: str, field: FieldInfo) -> str:
    about = f"# {field.description}\n" if field.description else ""
    if field.is_required():
        return f"{about}NUDGE_{name.upper()}={_EXAMPLES[name]}\n"
    return f"{about}#NUDGE_{name.upper()}={_text(field.get_default(call_default_factory=True))}\n"


def _text(default: Any) -> str:
    if default is None or default is PydanticUndefined:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    if hasattr(default, "get_secret_value"):
        return str(default.get_secret_value())
    return str(default)


if __name__ == "__main__":
    sys.stdout.write(env_example())
