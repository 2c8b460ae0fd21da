"""``python -m nudge.demo.loaded worker``: loads what a command needs, and runs it when told to.

Its modules take a processor a second or two. While Kafka starts there is one to spare. Standard
input is a pipe that the demo holds open: when it closes the demo is gone, however it ended, and
the command is asked to end (SIGTERM), and killed ten seconds later if it has not.
"""

import os
import signal
import sys
import threading
import time
from importlib import import_module

from nudge.cli import main

_MODULES = {
    "worker": ("nudge.kafka", "streams.worker", "streams.guard"),
    "deliver": ("nudge.kafka", "delivery.app", "uvloop"),
    "gateway": ("nudge.kafka", "gateway.server", "uvloop"),
}
_PATIENCE_S = 10.0


def run(name: str) -> None:
    """Waits for a line on standard input; at its end instead, whoever would say it has gone."""
    for module in _MODULES[name]:
        import_module(module)
    if sys.stdin.readline():
        threading.Thread(target=_end_with_starter, daemon=True).start()
        sys.argv = ["nudge", name]
        main()


def _end_with_starter() -> None:
    # Not by sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run(sys.argv[1])
