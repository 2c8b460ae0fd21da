"""Commands to a browser over a WebSocket: WebDriver BiDi and Chrome's DevTools alike."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Self

import aiohttp
import orjson

_END_DEADLINE_S = 20


class RefusedByBrowserError(Exception):
    """The browser answered with an error."""


class Remote:
    """A connection. Use as an async context manager."""

    def __init__(self, url: str, on_event: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._url = url
        self._on_event = on_event
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(self._url, max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
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

    async def end(self, command: str, browser: asyncio.subprocess.Process) -> None:
        """Asks the browser to end; whatever it says, it does not stay."""
        try:
            await self.do(command)
            async with asyncio.timeout(_END_DEADLINE_S):
                await browser.wait()
        except Exception:
            browser.kill()
            await browser.wait()
        await self.__aexit__()

    async def _read(self) -> None:
        async for message in self._socket:
            found = orjson.loads(message.data)
            waiting = self._waiting.pop(found.get("id", 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(found)
            elif waiting is None and self._on_event is not None:
                self._on_event(found)
