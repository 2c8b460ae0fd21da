"""``python -m nudge.demo.loaded worker``: loads what a command needs, and runs it when told to.

Its modules take a processor a second or two. While Kafka starts there is one to spare.
"""

import sys
from importlib import import_module

from nudge.cli import main

_MODULES = {
    "worker": ("nudge.kafka", "streams.worker", "streams.guard"),
    "deliver": ("nudge.kafka", "delivery.app", "uvloop"),
    "gateway": ("nudge.kafka", "gateway.server", "uvloop"),
}


def run(name: str) -> None:
    """Waits for a line on standard input; at its end instead, whoever would say it has gone."""
    for module in _MODULES[name]:
        import_module(module)
    if sys.stdin.readline():
        sys.argv = ["nudge", name]
        main()


if __name__ == "__main__":
    run(sys.argv[1])
