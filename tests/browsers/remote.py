"""Commands to a browser over a WebSocket: WebDriver BiDi and Chrome's DevTools alike."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Self

import aiohttp
import orjson

_END_DEADLINE_S = 20.0


class RefusedByBrowserError(Exception):
    """The browser answered with an error."""


class Remote:
    """A connection. Use as an async context manager.

    Args:
        end: the command that asks the browser to end, given when the connection is left.
    """

    def __init__(
        self, url: str, on_event: Callable[[dict[str, Any]], None] | None = None, *, end: str
    ) -> None:
        self._url = url
        self._on_event = on_event
        self._end = end
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        try:
            self._socket = await self._http.ws_connect(self._url, max_msg_size=0)
        except BaseException:
            await self._http.close()
            raise
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        # A browser that answers no more is ended by who started it.
        with suppress(Exception):
            async with asyncio.timeout(_END_DEADLINE_S):
                await self.do(self._end)
        self._reader.cancel()
        await self._socket.close()
        await self._http.close()

    async def do(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The command's result.

        Raises:
            RefusedByBrowserError: the browser says no.
            TimeoutError: it says nothing for a minute.
        """
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        command = {"id": number, "method": method, "params": params}
        if session is not None:
            command["sessionId"] = session
        await self._socket.send_str(orjson.dumps(command).decode())
        async with asyncio.timeout(60):
            found = await answer
        if "error" in found:
            raise RefusedByBrowserError(f"{method}: {found}")
        result: dict[str, Any] = found["result"]
        return result

    async def _read(self) -> None:
        async for message in self._socket:
            found = orjson.loads(message.data)
            waiting = self._waiting.pop(found.get("id", 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(found)
            elif waiting is None and self._on_event is not None:
                self._on_event(found)
