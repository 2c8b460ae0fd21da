"""Settings of the gateway (``NUDGE_GATEWAY_…``), and what it shares with others."""

import re
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from runtime.endpoints import EndpointSettings
from runtime.settings import KafkaSettings, ObservabilitySettings, RedisSettings
from runtime.tokens import TokenSettings
from runtime.vapid import VapidSettings

_ORIGIN = re.compile(r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")
_SHORTEST_SECRET = 32
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SHORTEST_PUBLIC_KEY = 8
_WANTED_PROXIES = "name the addresses or networks that your proxies call from, as 10.0.0.0/8"

Secrets = Annotated[tuple[SecretStr, ...], NoDecode]


class GatewaySettings(
    KafkaSettings,
    RedisSettings,
    VapidSettings,
    TokenSettings,
    EndpointSettings,
    ObservabilitySettings,
):
    """All that a gateway needs."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(8000, ge=0, le=65535)
    gateway_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="the shop's pages: origins that may call from a browser, comma-separated"
    )
    gateway_public_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="write keys that stand in the shop's pages, comma-separated"
    )
    gateway_server_keys: Secrets = Field(
        (),
        description="secret write keys of the shop's own servers, at least 32 characters each,"
        " comma-separated: they may write any event about anybody",
    )
    gateway_identity_secrets: Secrets = Field(
        (),
        description="the shop signs who is logged in with one of these (HS256), at least 32"
        " characters each, comma-separated; none: every visitor stays anonymous",
    )
    gateway_body_bytes: int = Field(65_536, ge=1_024, description="a larger body is refused")
    gateway_body_timeout_s: float = Field(
        10.0, gt=0, le=120, description="a request's head, and then its body, must be here by then"
    )
    gateway_batch: int = Field(100, ge=1, le=1_000, description="events in one request")
    gateway_requests_per_s: float = Field(
        20.0, gt=0, description="requests of one address in the long run; each copy counts its own"
    )
    gateway_burst: int = Field(200, ge=1, description="requests of one address at once")
    gateway_devices: int = Field(
        10,
        ge=1,
        le=100,
        description="subscriptions of a user; of more, the one unseen longest ends",
    )
    gateway_inbox: bool = Field(
        True, description="keep the newest 50 messages of each user for pages, and stream them"
    )
    gateway_tabs: int = Field(
        1_000, ge=1, le=100_000, description="pages of one copy that may listen at once"
    )
    gateway_tabs_per_user: int = Field(
        5, ge=1, le=100, description="of one user and copy; of more, the oldest ends"
    )
    gateway_tab_s: float = Field(
        900.0, gt=0, le=86_400, description="a page that listens must come again after so long"
    )
    gateway_ack_timeout_s: float = Field(
        10.0, gt=0, le=60, description="the broker must have acknowledged by then, else 503"
    )
    gateway_demo_shop: bool = Field(
        False,
        description="serve the demo shop at /, whose visitors set prices and stock: on this"
        " machine only, never where shoppers are",
    )
    gateway_demo_push: str | None = Field(
        None, description="the local push service that stands in for a browser's own, in the demo"
    )
    gateway_proxies: str = Field(
        "127.0.0.1",
        description="proxies whose X-Forwarded-For is believed: addresses or networks,"
        " comma-separated",
    )

    @field_validator(
        "gateway_origins",
        "gateway_public_keys",
        "gateway_server_keys",
        "gateway_identity_secrets",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(_listed(value))
        return value

    @field_validator("gateway_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.match(origin):
                raise ValueError(f"{origin!r} is no origin: want https://shop.example, no path")
        return value

    @field_validator("gateway_public_keys")
    @classmethod
    def _are_long_enough(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(key) < _SHORTEST_PUBLIC_KEY for key in value):
            raise ValueError(f"a public key has at least {_SHORTEST_PUBLIC_KEY} characters")
        return value

    @field_validator("gateway_proxies")
    @classmethod
    def _are_known(cls, value: str) -> str:
        for proxy in _listed(value):
            try:
                network = ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"{error}: {_WANTED_PROXIES}") from None
            if network.prefixlen == 0:
                raise ValueError(f"{proxy} believes everybody: {_WANTED_PROXIES}")
        return value

    def proxies(self) -> list[str]:
        """The addresses and networks whose ``X-Forwarded-For`` is believed."""
        return _listed(self.gateway_proxies)

    @model_validator(mode="after")
    def _demo_stays_here(self) -> "GatewaySettings":
        if self.gateway_demo_shop and self.gateway_host not in _LOOPBACK:
            raise ValueError(
                "NUDGE_GATEWAY_DEMO_SHOP lets every visitor set prices: it is served on this"
                " machine only (NUDGE_GATEWAY_HOST=127.0.0.1)"
            )
        return self

    @field_validator("gateway_server_keys", "gateway_identity_secrets")
    @classmethod
    def _are_secrets(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < _SHORTEST_SECRET for secret in value):
            raise ValueError(f"each needs at least {_SHORTEST_SECRET} characters")
        return value


def _listed(value: str) -> list[str]:
    return [part for part in map(str.strip, value.split(",")) if part]
