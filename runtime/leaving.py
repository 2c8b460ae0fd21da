"""The end of a process that was asked to end, whatever it waits for then."""

import os
import threading

import structlog

log = structlog.get_logger(__name__)

LEAVE_WITHIN_S = 25.0
"""Docker and Kubernetes kill after 30 s."""


def leave_within(seconds: float, left: str) -> None:
    """Ends this process after so long, with code 1, as if it were killed; a cleaner end is sooner.

    From a thread of its own: clients that wait for a broker that hangs wait on.

    Args:
        left: what becomes of what is in flight, for the log.
    """
    bound = threading.Timer(seconds, _leave, (seconds, left))
    bound.daemon = True
    bound.start()


def _leave(seconds: float, left: str) -> None:
    log.error("stop_given_up", detail=f"Kafka did not answer within {seconds:.0f} s: {left}")
    os._exit(1)
