"""The peer of ``nudge bench deliver``: ``webpush()`` as it comes, one push after the other.

``python -m nudge.bench.webpush`` reads its order as JSON from standard input and answers there:
a :class:`nudge.bench.rate.Rate`.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass

from pywebpush import webpush

from nudge.bench.jobs import SUBJECT, payload
from nudge.bench.rate import Rate
from schemas.adapters import dump

_WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Order:
    """``targets``: endpoint, p256dh, auth. ``pem``: the file of the VAPID key."""

    targets: list[tuple[str, str, str]]
    pem: str
    pushes: int


def _push(order: Order, data: bytes, number: int) -> None:
    endpoint, p256dh, auth = order.targets[number % len(order.targets)]
    webpush(
        {"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": auth}},
        data,
        vapid_private_key=order.pem,
        vapid_claims={"sub": SUBJECT},
        ttl=3600,
    )


def order_line(order: Order) -> bytes:
    return json.dumps(asdict(order)).encode()


def main() -> None:
    order = Order(**json.load(sys.stdin))
    data = dump(payload("x" * 32))
    for number in range(_WARM_UP):
        _push(order, data, number)
    started, core_started = time.perf_counter(), time.process_time()
    for number in range(order.pushes):
        _push(order, data, number)
    seconds, core_seconds = time.perf_counter() - started, time.process_time() - core_started
    print(json.dumps(asdict(Rate(order.pushes, seconds, core_seconds))))


if __name__ == "__main__":
    main()
