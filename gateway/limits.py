"""How much one caller may send: bytes, seconds, requests."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fastapi import Request
from starlette.requests import ClientDisconnect

from gateway.problems import Code, RefusedError

_MOST_ADDRESSES = 100_000


class RateLimit:
    """A bucket an address: ``burst`` at once, ``per_s`` in the long run.

    Args:
        per_s: requests that an address gains a second.
        burst: what it may have saved up.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, now_s: float) -> None:
        """Raises:
        RefusedError: the address has used up what it may; says when to come back.
        """
        left, at = self._buckets.pop(address, (float(self._burst), now_s))
        left = min(self._burst, left + (now_s - at) * self._per_s)
        allowed = left >= 1
        self._buckets[address] = (left - 1 if allowed else left, now_s)
        if len(self._buckets) > _MOST_ADDRESSES:
            # The one unheard of for longest: its bucket is the fullest.
            self._buckets.popitem(last=False)
        if not allowed:
            wait_s = int((1 - left) / self._per_s) + 1
            raise RefusedError(429, Code.TOO_MANY, retry_after_s=wait_s)


def who_has(address: str) -> str:
    """Whose requests are counted together: an IPv4 address, or an IPv6 network of 64 bits.

    A subscriber is given at least such a network whole (RFC 6177), and changes addresses within
    it at will (RFC 8981).
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))


class Connections:
    """Those of each address, so that none holds all.

    Args:
        most: of one address.
        proxies: addresses and networks that speak for many, and are not held to that.
    """

    def __init__(self, most: int, proxies: Iterable[str]) -> None:
        self._most = most
        self._proxies = [ip_network(proxy) for proxy in proxies]
        self._open: Counter[str] = Counter()

    def opened(self, address: str) -> bool:
        """Counts one; false: it is one too many. Either way tell of its end."""
        self._open[who_has(address)] += 1
        return self._open[who_has(address)] <= self._most or self._is_proxy(address)

    def closed(self, address: str) -> None:
        whose = who_has(address)
        self._open[whose] -= 1
        if not self._open[whose]:
            del self._open[whose]

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return not address  # a socket of this machine
        mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
        return any((mapped or found) in proxies for proxies in self._proxies)


async def read_body(request: Request, most_bytes: int, timeout_s: float) -> bytes:
    """The whole body.

    Raises:
        RefusedError: it is larger than ``most_bytes``, or does not come within ``timeout_s``.
    """
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > most_bytes:
        raise _too_large(most_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    raise _too_large(most_bytes)
                parts.append(part)
    except TimeoutError:
        raise _too_slow() from None
    except ClientDisconnect:
        raise _too_slow() from None
    return b"".join(parts)


def _too_large(most_bytes: int) -> RefusedError:
    return RefusedError(413, Code.TOO_LARGE, f"At most {most_bytes} bytes are taken.")


def _too_slow() -> RefusedError:
    return RefusedError(408, Code.TOO_SLOW)
