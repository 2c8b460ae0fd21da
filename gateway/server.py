"""A gateway process: from its start to a clean stop."""

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from gateway.app import busy, create_app
from gateway.limits import Connections
from gateway.protocol import Protocol
from gateway.settings import GatewaySettings
from gateway.site import Site
from runtime.health import Check, HealthServer, Status
from runtime.leaving import LEAVE_WITHIN_S, leave_within
from runtime.vapid import load_keys

log = structlog.get_logger(__name__)
_MORE_CONNECTIONS = 1_000
"""Than there may be pages that listen."""
_KEEP_ALIVE_S = 20
_DRAIN_S = 20
_BACKLOG = 1_024


class Gateway:
    """One copy. ``await run()`` serves until :meth:`stop` or a signal, then ends what is under way.

    Raises:
        KeyFilesError: the VAPID keys cannot be loaded.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._app = create_app(settings, load_keys(settings.vapid_keys))
        self._server = _Server(
            uvicorn.Config(
                self._app,
                host=settings.gateway_host,
                port=settings.gateway_port,
                http=Protocol.within(
                    settings.gateway_body_timeout_s,
                    settings.gateway_tabs + _MORE_CONNECTIONS,
                    Connections(settings.gateway_burst, settings.proxies()),
                    busy(settings),
                ),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips=settings.gateway_proxies,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_DRAIN_S,
            )
        )
        self._leaves = False
        """Whether the process ends with it."""
        self.port = 0
        """Where it listens; 0 until it does."""

    async def run(self, *, handle_signals: bool = True) -> None:
        """Serves until told to stop.

        Args:
            handle_signals: whether the process is this gateway's own: SIGTERM and SIGINT stop it,
                and the garbage collector is set to its ways.

        Raises:
            TopicsMissingError: topics are missing or do not fit together.
            KafkaError: the cluster cannot be reached at the start.
            OSError: the port is taken.
        """
        self._warn()
        self._leaves = handle_signals
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT) if handle_signals else ()
        for number in signals:
            loop.add_signal_handler(number, self.stop)
        try:
            # Not uvicorn's lifespan: it hides what was raised.
            async with (
                self._app.router.lifespan_context(self._app),
                HealthServer(self._settings, self._checks(self._app.state.site)),
            ):
                if handle_signals:
                    # A full look at all that was imported and made so far stops every answer.
                    gc.collect()
                    gc.freeze()
                    gc.set_threshold(10_000, 20, 50)
                await self._serve()
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def _serve(self) -> None:
        host, port = self._settings.gateway_host, self._settings.gateway_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Bound here: where it cannot, uvicorn would end the process instead of raising.
        with socket.create_server((host, port), family=family, backlog=_BACKLOG) as listening:
            self.port = listening.getsockname()[1]
            log.info("gateway_started", host=host, port=self.port)
            await self._server.serve(sockets=[listening])

    def stop(self) -> None:
        """Takes no more connections, answers what is under way, and ends :meth:`run`.

        Where the process is its own and that takes too long, it ends without that.
        """
        if self._leaves and not self._server.should_exit:
            leave_within(LEAVE_WITHIN_S, "what it has not acknowledged was not answered 202")
        self._server.should_exit = True
        site: Site | None = getattr(self._app.state, "site", None)
        if site is not None:
            site.tabs.close()

    def _checks(self, site: Site) -> dict[str, Check]:
        async def redis() -> Status:
            await site.redis.ping()
            return Status(True, "answers")

        return {"kafka": site.broker.check, "redis": redis}

    def _warn(self) -> None:
        settings = self._settings
        if settings.push_allow_loopback:
            log.warning(
                "loopback_allowed",
                note="subscriptions may point at this machine: for a local push service only",
            )
        if settings.gateway_demo_shop:
            log.warning("demo_shop", note="its visitors set prices and stock: not for shoppers")
        if not settings.gateway_public_keys and not settings.gateway_server_keys:
            log.warning("no_write_keys", note="nothing is taken: set NUDGE_GATEWAY_PUBLIC_KEYS")
        if settings.gateway_public_keys and not settings.gateway_origins:
            log.warning("no_origins", note="no page may call: set NUDGE_GATEWAY_ORIGINS")
        if not settings.gateway_identity_secrets:
            log.warning("no_identity_secrets", note="every visitor stays anonymous")


class _Server(uvicorn.Server):
    """Signals are for :class:`Gateway`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
