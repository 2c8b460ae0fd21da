"""A wire to Redis that can be slow, or hold answers back."""

import asyncio
from typing import Self


class Wire:
    """Forwards TCP to a local port. Requests always arrive; answers are what it delays."""

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        """How late every answer comes."""
        self.answers = asyncio.Event()
        """Clear it, and no answer comes back until it is set."""
        self.answers.set()
        self.cut_at: bytes | None = None
        """When a request holds these bytes: it arrives, and no answer comes back any more."""
        self.cut = asyncio.Event()
        """Whether that has happened."""
        self._target = port
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(self._ask(reader, back), self._answer(there, writer))
        except OSError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            back.close()

    async def _ask(self, reader: asyncio.StreamReader, redis: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if self.cut_at is not None and self.cut_at in data:
                self.answers.clear()
                self.cut.set()
            redis.write(data)
            await redis.drain()
        redis.close()

    async def _answer(self, redis: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await redis.read(1 << 16):
            await self.answers.wait()
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            writer.write(data)
            await writer.drain()
        writer.close()
