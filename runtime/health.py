"""``/healthz``, ``/readyz`` and ``/metrics`` of a process, on a port of their own."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Self

import orjson
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from runtime.metrics import REGISTRY, Metric, gauge
from runtime.settings import ObservabilitySettings

CHECK_DEADLINE_S = 2.0


@dataclass(frozen=True, slots=True)
class Status:
    """A check's answer; ``detail`` is a sentence for ops."""

    ok: bool
    detail: str


Check = Callable[[], Status] | Callable[[], Awaitable[Status]]
"""Asked at each ``/readyz`` and ``/metrics``; one that raises or takes over 2 s is not ready."""


class HealthServer:
    """Serves a process's health until it is stopped; nothing when ``health_port`` is 0.

    Args:
        checks: by name; the process is ready when all are.
    """

    def __init__(self, settings: ObservabilitySettings, checks: Mapping[str, Check]) -> None:
        self._settings = settings
        self._checks = dict(checks)
        self._runner: web.AppRunner | None = None

    async def start(self) -> Self:
        """Raises:
        OSError: the port is taken.
        """
        if not self._settings.health_port:
            return self
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.health_host, self._settings.health_port)
        await site.start()
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def statuses(self) -> dict[str, Status]:
        """Every check's answer now, by name."""
        answers = await asyncio.gather(*map(_ask, self._checks.values()))
        statuses = dict(zip(self._checks, answers, strict=True))
        for name, status in statuses.items():
            gauge(Metric.READY).labels(check=name).set(status.ok)
        return statuses

    async def _healthz(self, _: web.Request) -> web.Response:
        return _json(200, {"alive": True})

    async def _readyz(self, _: web.Request) -> web.Response:
        statuses = await self.statuses()
        ready = all(status.ok for status in statuses.values())
        return _json(200 if ready else 503, {"ready": ready, "checks": statuses})

    async def _metrics(self, request: web.Request) -> web.Response:
        # Else `nudge_ready` would be as old as the last question, or not there at all.
        await self.statuses()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # aiohttp takes the charset apart from the type; Prometheus needs the header as it is.
        return web.Response(body=encode(REGISTRY), headers={"Content-Type": content_type})


async def _ask(check: Check) -> Status:
    try:
        async with asyncio.timeout(CHECK_DEADLINE_S):
            answer = check()
            return await answer if inspect.isawaitable(answer) else answer
    except TimeoutError:
        return Status(False, f"no answer within {CHECK_DEADLINE_S:.0f} s")
    except Exception as error:  # a check that breaks must not take the others' answers with it
        return Status(False, f"{type(error).__name__}: {error}")


def _json(status: int, content: object) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(content), content_type="application/json")
