"""The push service over HTTP, for who runs it in another process.

| | |
| --- | --- |
| ``POST /api/subscriptions`` ``{"application_server_key"?, "count"?}`` | new ones: endpoint, keys |
| ``POST /api/faults`` ``{"endpoint"?, "status"?, …}`` | a :class:`Fault`; ``{}`` ends all |
| ``GET /api/messages?after=N&wait=S`` | accepted messages past number N; waits for the first |
| ``GET /api/counts`` | POSTs, accepted messages, redirects that were followed |
"""

import asyncio
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from nudge.pushlab.faults import Fault
from nudge.pushlab.records import Message
from nudge.pushlab.service import PushLab

_FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)
_LONGEST_WAIT_S = 30.0
_MOST_MESSAGES = 1000


class PushLabServer(PushLab):
    """A push service that can be asked and told over HTTP."""

    def add_routes(self, app: web.Application) -> None:
        self._arrived = asyncio.Event()
        self.listen(self._message_arrived)
        app.add_routes(
            [
                web.post("/api/subscriptions", self._post_subscriptions),
                web.post("/api/faults", self._post_fault),
                web.get("/api/messages", self._get_messages),
                web.get("/api/counts", self._get_counts),
            ]
        )

    def _message_arrived(self, _: Message) -> None:
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()

    async def _post_subscriptions(self, request: web.Request) -> web.Response:
        body = await _body(request)
        key = body.get("application_server_key")
        made = [self.subscribe(key) for _ in range(int(body.get("count", 1)))]
        return _json([{"endpoint": browser.endpoint, "keys": browser.keys()} for browser in made])

    async def _post_fault(self, request: web.Request) -> web.Response:
        body = await _body(request)
        endpoint = body.pop("endpoint", None)
        browser = self.browser(endpoint) if endpoint else None
        if endpoint and browser is None:
            raise web.HTTPNotFound(text=f"no subscription {endpoint}")
        faults = browser.faults if browser else self.faults
        if not body:
            faults.clear()
            return _json({"faults": 0})
        try:
            faults.append(_FAULT.validate_python(body))
        except ValidationError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        return _json({"faults": len(faults)})

    async def _get_messages(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", "0"))
        wait_s = min(float(request.query.get("wait", "0")), _LONGEST_WAIT_S)
        arrived = self._arrived
        found = self._after(after)
        if not found and wait_s > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(arrived.wait(), wait_s)
            found = self._after(after)
        return _json([message.as_dict() for message in found[:_MOST_MESSAGES]])

    def _after(self, number: int) -> list[Message]:
        return [message for message in self.messages if message.number > number]

    async def _get_counts(self, _: web.Request) -> web.Response:
        return _json(
            {
                "posts": self.post_count,
                "accepted": self.accepted,
                "redirects_followed": self.redirects_followed,
            }
        )


async def _body(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    try:
        body = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as error:
        raise web.HTTPBadRequest(text=f"no JSON: {error}") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="want a JSON object")
    return body


def _json(content: Any) -> web.Response:
    return web.Response(body=orjson.dumps(content), content_type="application/json")
