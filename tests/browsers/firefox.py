"""A real Firefox, spoken to over WebDriver BiDi."""

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import orjson

from tests.browsers.remote import Remote

_LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
_START_DEADLINE_S = 90.0


class Firefox:
    """Use as an async context manager.

    Args:
        push_port: where the push service listens on this machine.
    """

    def __init__(self, home: Path, push_port: int, environment: Mapping[str, str]) -> None:
        self._home = home
        self._environment = environment
        self._preferences = {
            "dom.push.serverURL": f"ws://127.0.0.1:{push_port}/",
            "dom.push.testing.allowInsecureServerURL": True,
            "dom.push.retryBaseInterval": 200,
            "dom.push.maxQuotaPerSubscription": 10_000,
            # The remote agent's own preferences turn push off.
            "remote.prefs.recommended": False,
            # How long after a click a worker may open a tab: a machine at work needs longer.
            "dom.webnotifications.disable_open_click_delay": 30_000,
            "browser.shell.checkDefaultBrowser": False,
            "datareporting.policy.dataSubmissionEnabled": False,
            "toolkit.telemetry.reportingpolicy.firstRun": False,
            "app.update.enabled": False,
            "app.normandy.enabled": False,
            "network.captive-portal-service.enabled": False,
            "network.connectivity-service.enabled": False,
        }

    async def __aenter__(self) -> Self:
        lines = (
            f'user_pref("{name}", {_js(value)});\n' for name, value in self._preferences.items()
        )
        (self._home / "user.js").write_text("".join(lines))
        self._process = await asyncio.create_subprocess_exec(
            "firefox-esr", "--headless", "--no-remote", "--new-instance",
            "--remote-debugging-port", "0", "--profile", str(self._home), "about:blank",
            env={**os.environ, "HOME": str(self._home), **self._environment},
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(_START_DEADLINE_S):
            url = await self._url()
        self._drain = asyncio.create_task(self._read_on())
        self._remote = await Remote(f"{url}/session").__aenter__()
        await self._remote.do("session.new", capabilities={})
        tree = await self._remote.do("browsingContext.getTree")
        self.tab: str = tree["contexts"][0]["context"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._remote.end("browser.close", self._process)
        self._drain.cancel()

    async def _url(self) -> str:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if match := _LISTENING.search(line):
                return match[1].decode()
        raise AssertionError("Firefox ended while it started")

    async def _read_on(self) -> None:
        assert self._process.stderr is not None
        async for _ in self._process.stderr:
            pass

    async def permit(self, origin: str, state: str = "granted") -> None:
        """Answers the browser's question, or takes the answer back (``denied``, ``prompt``)."""
        await self._remote.do(
            "permissions.setPermission",
            descriptor={"name": "notifications"}, state=state, origin=origin,
        )  # fmt: skip

    async def visit(self, url: str) -> None:
        await self._remote.do(
            "browsingContext.navigate", context=self.tab, url=url, wait="complete"
        )

    async def run(self, script: str) -> Any:
        """An expression's value in the page, promises awaited, as if a person had clicked."""
        result = await self._remote.do(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({script})) ?? null))()",
            target={"context": self.tab}, awaitPromise=True, userActivation=True,
        )  # fmt: skip
        assert result["type"] == "success", result
        return orjson.loads(result["result"]["value"])

    async def front(self) -> None:
        """The page's tab comes to the front."""
        await self._remote.do("browsingContext.activate", context=self.tab)

    async def tabs(self) -> list[str]:
        """The address of every tab."""
        tree = await self._remote.do("browsingContext.getTree")
        return [context["url"] for context in tree["contexts"]]


def _js(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
