"""A real Chromium, spoken to over the DevTools protocol. Pushes are handed to its worker."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from tests.browsers.remote import RefusedByBrowserError, Remote
from tests.browsers.starting import listening
from tests.harness.waiting import eventually

_LISTENING = re.compile(r"DevTools listening on (ws://\S+)\n")


class Chromium:
    """Use as an async context manager.

    Its real push service is Google's, which is not asked here: :meth:`push` hands a payload to
    the service worker as if it had come, decrypted, from there.
    """

    def __init__(self, home: Path, origin: str, environment: Mapping[str, str]) -> None:
        self._home = home
        self._origin = origin
        self._environment = environment
        self._registrations: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(
                listening(self._command, self._home, self._environment, _LISTENING)
            )
            self._remote = await stack.enter_async_context(
                Remote(url, self._happened, end="Browser.close")
            )
            target = await self._remote.do("Target.createTarget", url="about:blank")
            attached = await self._remote.do(
                "Target.attachToTarget", targetId=target["targetId"], flatten=True
            )
            self._tab: str = attached["sessionId"]
            await self._remote.do("ServiceWorker.enable", self._tab)
            await self._remote.do(
                "Browser.grantPermissions", origin=self._origin, permissions=["notifications"]
            )
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def _command(self, profile: Path) -> list[str]:
        preferences = profile / "Default/Preferences"
        preferences.parent.mkdir()
        allowed = {"default_content_setting_values": {"notifications": 1}}
        preferences.write_text(json.dumps({"profile": allowed}))
        return [
            "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--remote-debugging-port=0",
            f"--user-data-dir={profile}", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--no-first-run", "about:blank",
        ]  # fmt: skip

    def _happened(self, event: dict[str, Any]) -> None:
        if event.get("method") == "ServiceWorker.workerRegistrationUpdated":
            for found in event["params"]["registrations"]:
                self._registrations[found["scopeURL"]] = found["registrationId"]

    async def visit(self, url: str) -> None:
        await self._remote.do("Page.navigate", self._tab, url=url)

        async def complete() -> bool:
            state: str = await self.run("location.href + ' ' + document.readyState")
            return state == f"{url} complete"

        await eventually(complete, 60)

    async def run(self, script: str) -> Any:
        """An expression's value in the page, promises awaited, as if a person had clicked.

        Raises:
            AssertionError: it failed, or was asked of a page that is just going: who waits for
                the next one asks again.
        """
        try:
            answer = await self._remote.do(
                "Runtime.evaluate", self._tab,
                expression=f"(async () => (await ({script})) ?? null)()",
                awaitPromise=True, returnByValue=True, userGesture=True,
            )  # fmt: skip
        except RefusedByBrowserError as error:
            raise AssertionError(f"{script}: {error}") from error
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def load(self, script: str) -> None:
        """A script runs in the page, whatever its Content-Security-Policy says."""
        await self._remote.do("Runtime.evaluate", self._tab, expression=script)

    async def look(self, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """How the page is looked at; 500 CSS pixels and less are a phone's. Nothing moves: what
        fades in is pale for a moment."""
        wishes = {"prefers-color-scheme": "dark" if dark else "light",
                  "prefers-reduced-motion": "reduce"}  # fmt: skip
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        await self._remote.do("Emulation.setEmulatedMedia", self._tab, features=features)
        await self._remote.do(
            "Emulation.setDeviceMetricsOverride", self._tab,
            width=width, height=height, deviceScaleFactor=1, mobile=width <= 500,
        )  # fmt: skip

    async def press(self, key: str, code: int) -> None:
        """A key by its name and its Windows virtual code, as a keyboard sends it."""
        for kind in ("rawKeyDown", "char", "keyUp"):
            if kind == "char" and key != "Enter":
                continue
            await self._remote.do(
                "Input.dispatchKeyEvent", self._tab, type=kind, key=key, code=key,
                windowsVirtualKeyCode=code, **({"text": "\r"} if kind == "char" else {}),
            )  # fmt: skip

    async def picture(self) -> bytes:
        """The page as it looks now, as PNG."""
        found = await self._remote.do("Page.captureScreenshot", self._tab)
        return b64decode(found["data"])

    async def push(self, payload: str) -> None:
        """A push comes, for the worker of the origin's root."""
        scope = f"{self._origin}/"
        number = await eventually(lambda: self._registrations.get(scope), what="the worker")
        await self._remote.do(
            "ServiceWorker.deliverPushMessage", self._tab,
            origin=self._origin, registrationId=number, data=payload,
        )  # fmt: skip

    async def tabs(self) -> list[str]:
        """The address of every tab."""
        targets = await self._remote.do("Target.getTargets")
        return [each["url"] for each in targets["targetInfos"] if each["type"] == "page"]
