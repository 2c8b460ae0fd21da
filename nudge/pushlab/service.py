"""The push service: an HTTP server on 127.0.0.1, with what tests and the demo ask of it."""

import asyncio
import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Self

import orjson
from aiohttp import web

from nudge.pushlab.browser import Browser, UndecryptableError
from nudge.pushlab.checks import PushHeaders, RefusedError, VapidVerifier, check_headers
from nudge.pushlab.faults import Behaviour, Fault
from nudge.pushlab.records import Message, Post

_PATH = "/wpush/v2/"
_KEPT_POSTS = 200_000
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close sends RST


class PushLab:
    """A push service of our own. Use as an async context manager, or ``start`` and ``stop``.

    Args:
        port: 0: any free one.
        decrypt: whether bodies are decrypted; a bench may leave that out.
        collapse: whether a browser's message replaces its last one with the same Topic, as for a
            browser that is offline (RFC 8030 §5.4). POSTs are always counted one by one.
        on_message: called with each accepted message.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        decrypt: bool = True,
        collapse: bool = False,
        on_message: Callable[[Message], None] | None = None,
    ) -> None:
        self.posts: deque[Post] = deque(maxlen=_KEPT_POSTS)
        """Every POST that came, oldest first."""
        self.post_count = 0
        self.accepted = 0
        self.messages: deque[Message] = deque(maxlen=_KEPT_POSTS)
        """Every accepted message, oldest first."""
        self.faults: deque[Fault] = deque()
        """What happens to POSTs to any browser; a browser's own faults come first."""
        self.redirects_followed = 0
        self.refusals: deque[str] = deque(maxlen=1000)
        """Why POSTs were refused by the service's own checks, oldest first."""
        self._port = port
        self._decrypt = decrypt
        self._collapse = collapse
        self._listeners: list[Callable[[Message], None]] = [on_message] if on_message else []
        self._browsers: dict[str, Browser] = {}
        self._runner: web.AppRunner | None = None
        self._vapid = VapidVerifier("")
        self._closing = asyncio.Event()

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:<port>``"""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> Self:
        """Listens.

        Raises:
            OSError: the port is taken.
        """
        self._closing.clear()
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post(_PATH + "{token}", self._push)
        app.router.add_post("/elsewhere/{token}", self._elsewhere)
        self.add_routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self._vapid = VapidVerifier(self.origin)
        return self

    def add_routes(self, app: web.Application) -> None:
        """More routes, for who builds on it."""

    async def stop(self) -> None:
        """Closes every connection, hanging ones too."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def subscribe(self, application_server_key: str | None = None) -> Browser:
        """A new subscription, as ``PushManager.subscribe`` would make it."""
        token = secrets.token_urlsafe(48)
        browser = Browser(self.origin + _PATH + token, application_server_key)
        self._browsers[token] = browser
        return browser

    def browser(self, endpoint: str) -> Browser | None:
        """The subscription with this endpoint."""
        return self._browsers.get(endpoint.rpartition("/")[2])

    def listen(self, listener: Callable[[Message], None]) -> None:
        """Calls ``listener`` with each message accepted from now on."""
        self._listeners.append(listener)

    def posts_of(self, job_id: str) -> list[Post]:
        """Every POST of one job, whatever it was answered."""
        return [post for post in self.posts if post.job_id == job_id]

    async def _push(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        browser = self._browsers.get(request.match_info["token"])
        plaintext = self._plaintext(browser, body) if browser else None
        job_id = plaintext.get("job_id") if isinstance(plaintext, dict) else None
        try:
            fault = self._judge(request, browser, body, plaintext)
        except RefusedError as refusal:
            self.refusals.append(str(refusal))
            self._note(request, job_id, refusal.status)
            return self._answer(refusal.status, str(refusal))
        self._note(request, job_id, fault.status)
        return await self._behave(request, fault)

    def _judge(
        self, request: web.Request, browser: Browser | None, body: bytes, plaintext: object
    ) -> Fault:
        """Refuses, or accepts as far as the fault in force allows."""
        if browser is None:
            raise RefusedError(404, "no such subscription")
        headers = check_headers(request.headers, len(body))
        subject = self._vapid.check(
            request.headers.get("Authorization"), browser.application_server_key
        )
        if plaintext is None:
            raise RefusedError(400, "the body does not decrypt (RFC 8291)")
        if browser.gone:
            raise RefusedError(410, "the subscription has ended")
        fault = self._next_fault(browser)
        if fault.accepts:
            self._accept(browser, headers, subject, plaintext)
        return fault

    def _plaintext(self, browser: Browser, body: bytes) -> object | None:
        if not self._decrypt:
            return len(body)
        try:
            plaintext: object = orjson.loads(browser.decrypt(body))
            return plaintext
        except (UndecryptableError, orjson.JSONDecodeError):
            return None

    def _next_fault(self, browser: Browser) -> Fault:
        for queue in (browser.faults, self.faults):
            if not queue:
                continue
            fault = queue[0]
            if fault.times is None:
                return fault
            queue.popleft()
            if fault.times > 1:
                queue.appendleft(replace(fault, times=fault.times - 1))
            return fault
        return Fault()

    def _accept(
        self, browser: Browser, headers: PushHeaders, subject: str, payload: object
    ) -> None:
        self.accepted += 1
        message = Message(
            number=self.accepted,
            endpoint=browser.endpoint,
            received_at=_now(),
            ttl=headers.ttl,
            urgency=headers.urgency,
            topic=headers.topic,
            vapid_subject=subject,
            payload=payload,
        )
        if self._collapse and headers.topic is not None:
            browser.messages[:] = [m for m in browser.messages if m.topic != headers.topic]
        browser.messages.append(message)
        self.messages.append(message)
        for listener in self._listeners:
            listener(message)

    async def _behave(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        match fault.behaviour:
            case Behaviour.HANG:
                await self._closing.wait()
            case Behaviour.RESET:
                _reset(request)
            case Behaviour.REDIRECT:
                return self._answer(307, location=f"/elsewhere/{request.match_info['token']}")
            case Behaviour.ENDLESS:
                return await self._pour(request, fault.status)
            case Behaviour.SLOW:
                await asyncio.sleep(fault.delay_s)
            case Behaviour.ANSWER:
                pass
        return self._answer(fault.status, retry_after=fault.retry_after)

    def _answer(
        self,
        status: int,
        text: str | None = None,
        *,
        retry_after: str | None = None,
        location: str | None = None,
    ) -> web.Response:
        headers = {}
        if retry_after is not None:
            headers["Retry-After"] = retry_after
        if location is not None:
            headers["Location"] = location
        elif status < 300:
            headers["Location"] = f"{self.origin}/m/{self.accepted}"
        return web.Response(status=status, text=text, headers=headers)

    def _note(self, request: web.Request, job_id: str | None, status: int) -> None:
        self.post_count += 1
        self.posts.append(Post(self.origin + request.path, _now(), status, job_id))

    async def _pour(self, request: web.Request, status: int) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        while not self._closing.is_set():
            await response.write(b"still more " * 100)
            await asyncio.sleep(0.001)
        return response

    async def _elsewhere(self, request: web.Request) -> web.Response:
        await request.read()
        self.redirects_followed += 1
        return web.Response(status=201)


def _reset(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def _now() -> int:
    return int(time.time() * 1000)
