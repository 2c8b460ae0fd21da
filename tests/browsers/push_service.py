"""Mozilla's push service, as far as one Firefox needs it: its WebSocket, and the POSTs of senders.

The protocol: https://mozilla-push-service.readthedocs.io/en/latest/design/. What a sender must
do (VAPID, headers) is checked by the same rules as in ``nudge.pushlab``.
"""

import secrets
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from aiohttp import web

from nudge.pushlab.checks import RefusedError, VapidVerifier, check_headers

DELIVERED = 100
"""The browser decrypted it and its service worker got it."""


@dataclass(slots=True)
class Channel:
    """One subscription. ``key``: the ``applicationServerKey`` it is bound to."""

    number: str
    key: str | None
    uaid: str
    gone: bool = False
    answers: list[int] = field(default_factory=list)
    """What each POST was answered."""


class FirefoxPushService:
    """Use as an async context manager, before the browser starts."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        """By the last part of the endpoint."""
        self.acknowledged: list[int] = []
        """Codes that the browser gave messages; :data:`DELIVERED` is good."""
        self.hellos: list[str | None] = []
        """The uaid that the browser came with, each time it connected."""
        self._uaid = uuid.uuid4().hex
        self._socket: web.WebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.get("/", self._connect), web.post("/push/{token}", self._push)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port: int = self._runner.addresses[0][1]
        self._vapid = VapidVerifier(f"http://127.0.0.1:{self.port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()
        await self._runner.cleanup()

    async def disconnect(self) -> None:
        """Cuts the browser off; it comes again soon."""
        if self._socket is not None:
            await self._socket.close()

    async def forget(self) -> None:
        """Takes the browser's uaid away: it must begin anew."""
        self._uaid = uuid.uuid4().hex
        for channel in self.channels.values():
            channel.gone = True
        await self.disconnect()

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("push-notification",))
        await socket.prepare(request)
        self._socket = socket
        async for message in socket:
            answer = self._answer(orjson.loads(message.data))
            if answer is not None:
                await socket.send_str(orjson.dumps(answer).decode())
        return socket

    def _answer(self, said: dict[str, Any]) -> dict[str, Any] | None:
        match said.get("messageType"):
            case None:
                return {}
            case "hello":
                self.hellos.append(said.get("uaid"))
                return {
                    "messageType": "hello", "status": 200, "uaid": self._uaid,
                    "use_webpush": True, "broadcasts": {},
                }  # fmt: skip
            case "register":
                token = secrets.token_urlsafe(16)
                number = said["channelID"]
                self.channels[token] = Channel(
                    number, (said.get("key") or "").rstrip("=") or None, self._uaid
                )
                endpoint = f"http://127.0.0.1:{self.port}/push/{token}"
                return {
                    "messageType": "register", "channelID": number, "status": 200,
                    "pushEndpoint": endpoint,
                }  # fmt: skip
            case "unregister":
                for channel in self.channels.values():
                    channel.gone |= channel.number == said["channelID"]
                return {
                    "messageType": "unregister", "channelID": said["channelID"], "status": 200
                }  # fmt: skip
            case "ack":
                self.acknowledged += [each.get("code", 0) for each in said["updates"]]
        return None

    async def _push(self, request: web.Request) -> web.Response:
        body = await request.read()
        channel = self.channels.get(request.match_info["token"])
        try:
            if channel is None:
                raise RefusedError(404, "no such subscription")
            check_headers(request.headers, len(body))
            self._vapid.check(request.headers.get("Authorization"), channel.key)
            if channel.gone or self._socket is None or self._socket.closed:
                raise RefusedError(410, "the subscription has ended")
        except RefusedError as refusal:
            if channel is not None:
                channel.answers.append(refusal.status)
            return web.Response(status=refusal.status, text=str(refusal))
        message = {
            "messageType": "notification",
            "channelID": channel.number,
            "version": uuid.uuid4().hex,
            "data": urlsafe_b64encode(body).rstrip(b"=").decode(),
            "headers": {"encoding": "aes128gcm"},
        }
        await self._socket.send_str(orjson.dumps(message).decode())
        channel.answers.append(201)
        location = f"http://127.0.0.1:{self.port}/m/{message['version']}"
        return web.Response(status=201, headers={"Location": location})
