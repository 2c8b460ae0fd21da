"""What must never be printed: passwords, keys, tokens, and the addresses that are secrets."""

import re
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr

from runtime.settings import Settings

MASK = "***"

_SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|secret|token|authorization|auth|p256dh|private_key|api_key|cookie)(_|$)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/@\s]+@", re.IGNORECASE)
_ENDPOINT_NAME = re.compile(r"(^|_)endpoint(_|$)", re.IGNORECASE)


def masked(name: str, value: Any) -> Any:
    """``value`` of the field ``name`` as it may be printed.

    A push endpoint is a capability (RFC 8030 §8.3: who knows it can send): its origin is left.
    """
    if value is None or value == "":
        return value
    if isinstance(value, SecretStr | SecretBytes):
        secret = value.get_secret_value()
        text = secret.decode(errors="replace") if isinstance(secret, bytes) else secret
        return mask_url(text) if "://" in text else MASK
    if _SECRET_NAME.search(name):
        return MASK
    if isinstance(value, str):
        return mask_endpoint(value) if _ENDPOINT_NAME.search(name) else mask_url(value)
    if isinstance(value, BaseModel):
        return masked(name, value.model_dump())
    if isinstance(value, dict):
        return {key: masked(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(name, item) for item in value]
    return value


def mask_url(text: str) -> str:
    """Every ``user:password@`` in a text with URLs, masked."""
    return _CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text)


def mask_endpoint(url: str) -> str:
    """``https://fcm.googleapis.com/***`` from a push endpoint."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/{MASK}" if parts.scheme and parts.hostname else MASK


def shown(settings: Settings) -> dict[str, str]:
    """``NUDGE_…`` variables and their values as they may be printed, in the class's order."""
    prefix = settings.model_config.get("env_prefix", "")
    return {
        f"{prefix}{name}".upper(): str(masked(name, getattr(settings, name)))
        for name in type(settings).model_fields
    }
