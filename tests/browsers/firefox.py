"""A real Firefox, spoken to over WebDriver BiDi."""

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import orjson

from tests.browsers.remote import Remote
from tests.browsers.starting import listening

_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)\n")


class Firefox:
    """Use as an async context manager.

    Args:
        home: where its profile comes to lie.
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
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(
                listening(self._command, self._home, self._environment, _LISTENING)
            )
            self._remote = await stack.enter_async_context(
                Remote(f"{url}/session", end="browser.close")
            )
            await self._remote.do("session.new", capabilities={})
            tree = await self._remote.do("browsingContext.getTree")
            self.tab: str = tree["contexts"][0]["context"]
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def _command(self, profile: Path) -> list[str]:
        lines = (
            f'user_pref("{name}", {_js(value)});\n' for name, value in self._preferences.items()
        )
        (profile / "user.js").write_text("".join(lines))
        return [
            "firefox-esr", "--headless", "--no-remote", "--new-instance",
            "--remote-debugging-port", "0", "--profile", str(profile), "about:blank",
        ]  # fmt: skip

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
