"""The gateway as an ASGI application. It keeps nothing: any number of copies may run."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import Any

import structlog
from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from gateway import (
    collector,
    files,
    interactions,
    messages,
    openapi,
    problems,
    rights,
    subscriptions,
)
from gateway.broker import Broker
from gateway.demo import pages
from gateway.demo.site import demo_shop
from gateway.postman import Postman
from gateway.settings import GatewaySettings
from gateway.site import IDENTITY_HEADER, VISITOR_HEADER, Site
from runtime.metrics import Metric, counter, histogram
from runtime.vapid import KeyRing

log = structlog.get_logger(__name__)
_REDIS_TIMEOUT_S = 2.0
_RETRY_S = 1.0
_PREFLIGHT_AGE_S = 600


def create_app(settings: GatewaySettings, keys: KeyRing) -> FastAPI:
    """The application. It connects to Kafka and Redis when its lifespan begins."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            broker = Broker(settings)
            await broker.start()
            stack.push_async_callback(broker.stop)
            redis = Redis.from_url(
                settings.redis_url.get_secret_value(),
                socket_timeout=_REDIS_TIMEOUT_S,
                socket_connect_timeout=_REDIS_TIMEOUT_S,
                **settings.redis_options(),
            )
            stack.push_async_callback(redis.aclose)
            site = app.state.site = Site(settings, keys, broker, redis)
            if settings.gateway_inbox:
                for work in (site.tabs.listen, Postman(settings, site.inbox, site.tabs).run):
                    stack.push_async_callback(_cancel, asyncio.create_task(_keep_up(work)))
            if settings.gateway_demo_shop:
                await stack.enter_async_context(demo_shop(app, site))
            yield

    app = routes_only(lifespan)
    if settings.gateway_demo_shop:
        for router in pages.routers():
            app.include_router(router)
    problems.install(app)
    app.add_middleware(_Measured)
    app.add_middleware(CORSMiddleware, **_cors(settings))
    return app


def busy(settings: GatewaySettings) -> ASGIApp:
    """What a copy answers that has as many connections as it takes."""
    refusal = problems.RefusedError(
        503, problems.Code.UNAVAILABLE, "There are too many connections.", retry_after_s=2
    )
    answer = problems.answer(refusal.status, refusal.problem, refusal.headers)
    return CORSMiddleware(_Measured(answer), **_cors(settings))


def _cors(settings: GatewaySettings) -> dict[str, Any]:
    return {
        "allow_origins": list(settings.gateway_origins),
        "allow_methods": ["GET", "POST", "DELETE"],
        "allow_headers": ["Authorization", "Content-Type", VISITOR_HEADER, IDENTITY_HEADER],
        "expose_headers": ["Retry-After"],
        "max_age": _PREFLIGHT_AGE_S,
    }


async def _keep_up(work: Callable[[], Awaitable[None]]) -> None:
    """Begins work again that ended by an error which nothing was written for."""
    while True:
        try:
            await work()
        except Exception as error:
            log.error("gateway_work_broken", work=work.__qualname__, exc_info=error)
        await asyncio.sleep(_RETRY_S)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def routes_only(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """The routes and their document, with nothing behind them."""
    app = FastAPI(
        lifespan=lifespan,
        openapi_url="/openapi.json",
        # The pages of both come from a CDN: the document itself is enough.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for module in (collector, subscriptions, interactions, messages, rights, files):
        app.include_router(module.router)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]  # FastAPI's own way
    return app


class _Measured:
    """Counts and times requests by route: never by the path that was asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route: Any = scope.get("route")
            path = getattr(route, "path", "none")
            counter(Metric.GATEWAY_REQUESTS).labels(route=path, status=status).inc()
            if path != messages.STREAM:
                histogram(Metric.GATEWAY_SECONDS).labels(route=path).observe(perf_counter() - began)
