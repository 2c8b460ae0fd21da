"""The push consumer: one process, from its start to a clean stop."""

import asyncio
import gc
import signal

import structlog

from delivery.settings import DeliverySettings
from delivery.worker import Worker
from runtime.health import HealthServer, Status
from runtime.leaving import leave_within
from runtime.vapid import exposed_files, load_keys

log = structlog.get_logger(__name__)
_COMMIT_WITHIN_S = 4.0
"""After the drain."""
_LEFT = "what is in flight is not committed, and whoever has the partitions next takes it again"


class Delivery:
    """One delivery worker.

    ``await run()`` works until :meth:`stop` is called or a signal comes, then takes no more jobs,
    finishes what is in flight, commits, and leaves the group.

    Raises:
        KeyFilesError: the VAPID keys cannot be loaded.
    """

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._keys = load_keys(settings.vapid_keys)
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._health: HealthServer | None = None
        self._leaves = False
        """Whether the process ends with it."""

    async def run(self, *, handle_signals: bool = True) -> None:
        """Works until told to stop.

        Args:
            handle_signals: whether the process is this worker's own: SIGTERM and SIGINT stop it,
                and the garbage collector is set to its ways.

        Raises:
            TopicsError: topics are missing or do not fit together.
            KafkaError: the cluster cannot be reached at the start.
            Exception: an error that nothing was written for ended the worker.
        """
        self._warn()
        self._leaves = handle_signals
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT) if handle_signals else ()
        for number in signals:
            loop.add_signal_handler(number, self.stop)
        if handle_signals:
            # What a push leaves behind has no cycles: looking for them at the defaults costs an
            # eighth of the time. What makes the collector look is jobs that pile up.
            gc.collect()
            gc.freeze()
            gc.set_threshold(200_000, 20, 50)
        worker = Worker(self._settings, self._keys, self._broken)
        try:
            async with HealthServer(self._settings, worker.checks()) as self._health:
                await worker.work(self._stop)
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ends :meth:`run` cleanly, or the process where it is its own and that takes too long."""
        if self._leaves and not self._stop.is_set():
            leave_within(self._settings.delivery_drain_timeout_s + _COMMIT_WITHIN_S, _LEFT)
        self._stop.set()

    async def statuses(self) -> dict[str, Status]:
        """What readiness says, by check; empty while :meth:`run` does not."""
        return await self._health.statuses() if self._health else {}

    def _broken(self, error: BaseException) -> None:
        log.error("delivery_broken", exc_info=error)
        self._failure = self._failure or error
        self.stop()

    def _warn(self) -> None:
        if self._settings.push_allow_loopback:
            log.warning(
                "loopback_allowed",
                note="pushes may go to this machine: for a local push service only, never where"
                " shoppers can subscribe",
            )
        for file in exposed_files(self._settings.vapid_keys):
            log.warning("key_file_exposed", file=str(file), cure="chmod 600")
