"""Which push endpoints may be spoken to: known services, over https, at public addresses.

A push endpoint is a URL that a stranger's browser hands in, and that our servers then POST to:
without these rules it would be a way to make them speak to our own network (SSRF).
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from runtime.settings import Settings

KNOWN_HOSTS: tuple[str, ...] = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "updates.push.services.mozilla.com",
    "*.push.services.mozilla.com",
    "*.notify.windows.com",
    "*.push.apple.com",
)
"""The push services of Chrome, Edge, Opera (Google, Windows), Firefox and Safari.

Chromium subscribes at either Google host. ``*.`` stands for one or more labels in front.
"""

_HOST_PATTERN = re.compile(r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,62}$")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # of a host name (RFC 1123 §2.1), as URLs have it
_ENDPOINT = re.compile(
    r"(?P<scheme>https?)://"
    rf"(?P<host>\[[0-9a-fA-F:.]{{2,45}}\]|(?=[^/:]{{1,253}}(?:[/:]|$)){_LABEL}(?:\.{_LABEL})*)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-~]*)?",
    re.ASCII,
)
# What a URL may not hold unescaped (RFC 3986 §2), and the fragment, which is never sent.
_FORBIDDEN = re.compile(r'["<>\\^`{|}#\s]')
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_DEFAULT_PORT = {"https": 443, "http": 80}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in ("fec0::/10", "3fff::/20", "192.88.99.0/24")  # RFC 3879, RFC 9637, RFC 7526
)
"""What ``ipaddress`` takes for global, and is not."""


class EndpointNotAllowedError(ValueError):
    """The endpoint is not one that we speak to; the message says which rule it breaks."""


class EndpointSettings(Settings):
    """Which push services are spoken to beside the known ones."""

    push_extra_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="more hosts to push to, comma-separated; *.example.com for what is below"
    )
    push_allow_loopback: bool = Field(
        False,
        description="allows http and https to localhost: for the local push service only",
    )

    @field_validator("push_extra_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @field_validator("push_extra_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not _HOST_PATTERN.match(host):
                raise ValueError(f"NUDGE_PUSH_EXTRA_HOSTS: {host!r} is no host name or *.host name")
        return value

    def policy(self) -> "EndpointPolicy":
        return EndpointPolicy(
            KNOWN_HOSTS + self.push_extra_hosts, allow_loopback=self.push_allow_loopback
        )


_LONGEST_ORIGIN = 256
"""As results and metrics have room for (``schemas.push.PushResult``)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that may be spoken to."""

    url: str
    """Byte for byte as the browser gave it."""
    origin: str
    """``scheme://host[:port]``, lower case, without a default port (RFC 6454 §6.2)."""
    service: str
    """The entry of the list that it came under: one of few, for metrics."""


class EndpointPolicy:
    """Holds an endpoint's URL against the list of push services.

    Addresses are another matter: a listed name may resolve anywhere. Whoever connects checks
    each resolved address with :func:`is_public`, at the time of the connection.
    """

    def __init__(
        self, hosts: tuple[str, ...] = KNOWN_HOSTS, *, allow_loopback: bool = False
    ) -> None:
        self.allow_loopback = allow_loopback
        self._exact = frozenset(host for host in hosts if not host.startswith("*."))
        self._below = tuple(host[1:] for host in hosts if host.startswith("*."))

    def check(self, url: str) -> Endpoint:
        """The endpoint, when it may be spoken to: one spelling each, that of the URL standard.

        Raises:
            EndpointNotAllowedError: no URL, no https, credentials, another port, or a host that
                is not listed.
        """
        match = _ENDPOINT.fullmatch(url)
        if match is None or len(url) > 2048 or _FORBIDDEN.search(url):
            raise EndpointNotAllowedError(
                "not a push endpoint: want https://<host>/<path> as a browser writes it, the host"
                " in lower case, without user, spaces or fragment"
            )
        scheme, host, port = match["scheme"], match["host"], match["port"]
        if port == str(_DEFAULT_PORT[scheme]) or (port or "").startswith("0"):
            raise EndpointNotAllowedError(f"no browser writes port {port}: leave it out")
        number = int(port) if port else _DEFAULT_PORT[scheme]
        if host in _LOOPBACK_HOSTS:
            service = self._check_loopback(host, number)
        else:
            service = self._check_public(scheme, host, number)
        shown = "" if number == _DEFAULT_PORT[scheme] else f":{number}"
        origin = f"{scheme}://{host}{shown}"
        if len(origin) > _LONGEST_ORIGIN:
            raise EndpointNotAllowedError("the host's name is too long")
        return Endpoint(url=url, origin=origin, service=service)

    def _check_loopback(self, host: str, port: int) -> str:
        if not self.allow_loopback:
            raise EndpointNotAllowedError(
                f"{host} is this machine; NUDGE_PUSH_ALLOW_LOOPBACK=true allows it for a local"
                " push service"
            )
        if not 0 < port < 65536:
            raise EndpointNotAllowedError(f"{port} is no port")
        return "loopback"

    def _check_public(self, scheme: str, host: str, port: int) -> str:
        if scheme != "https":
            raise EndpointNotAllowedError("a push endpoint must be https (RFC 8030 §8)")
        if port != _DEFAULT_PORT["https"]:
            raise EndpointNotAllowedError(f"port {port} is not allowed, only 443")
        if host in self._exact:
            return host
        for suffix in self._below:
            if host.endswith(suffix):
                return f"*{suffix}"
        raise EndpointNotAllowedError(
            f"{host} is no known push service; NUDGE_PUSH_EXTRA_HOSTS adds one"
        )


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    return _parsed(address).is_loopback


def is_public(address: str) -> bool:
    """Whether an IP address is on the public Internet: not ours, not the cloud's, not multicast.

    IPv4 addresses inside IPv6 ones (mapped, NAT64) are judged as what they lead to; 6to4 and
    Teredo are refused.

    Raises:
        ValueError: not an IP address.
    """
    ip = _parsed(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.sixtofour is not None or ip.teredo is not None:
            return False
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
    if any(ip in network for network in _NOT_PUBLIC):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip
