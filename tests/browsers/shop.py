"""A shop of three pages, with the SDK on each."""

from typing import Self

from aiohttp import web

from tests.gateway.stage import PAGE_KEY

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<link rel="icon" href="data:,"><h1>{title}</h1>
<script src="{gateway}/nudge.js"></script>
<script>window.ready = nudge.init({{ gateway: "{gateway}", key: "{key}" }})</script></html>"""
# As docs/sdk.md has it; the pages' own line of script stands within them.
_CSP = (
    "default-src 'none'; script-src {gateway} 'unsafe-inline'; connect-src {gateway};"
    " img-src 'self' data:; worker-src 'self'"
)
_TITLES = {"/": "Nordhus", "/product": "Vase", "/cart": "Your cart"}


class ShopPages:
    """Use as an async context manager. ``gateway``: set it before the first visit."""

    gateway = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        for path in _TITLES:
            app.router.add_get(path, self._page)
        app.router.add_get("/nudge-sw.js", self._worker)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        text = _PAGE.format(title=_TITLES[request.path], gateway=self.gateway, key=PAGE_KEY)
        headers = {"Content-Security-Policy": _CSP.format(gateway=self.gateway)}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _worker(self, _: web.Request) -> web.Response:
        text = f'importScripts("{self.gateway}/nudge-sw.js");'
        return web.Response(text=text, content_type="text/javascript")
