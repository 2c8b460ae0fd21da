"""``/nudge.js`` and ``/nudge-sw.js``: what the shop's pages load, as the SDK's sources build it."""

import hashlib
from importlib.resources import files

from fastapi import APIRouter, Request, Response

router = APIRouter(include_in_schema=False)

_TYPES = {
    "nudge.js": "text/javascript; charset=utf-8",
    "nudge-inbox.js": "text/javascript; charset=utf-8",
    "nudge-sw.js": "text/javascript; charset=utf-8",
    "nudge.d.ts": "text/plain; charset=utf-8",
}
_AGE_S = 600
_FILES = {name: files("gateway.sdk").joinpath(name).read_bytes() for name in _TYPES}
_TAGS = {name: f'"{hashlib.sha256(body).hexdigest()[:16]}"' for name, body in _FILES.items()}


def _route(name: str) -> None:
    @router.api_route(f"/{name}", methods=["GET", "HEAD"])
    async def serve(request: Request) -> Response:
        headers = {
            "ETag": _TAGS[name],
            "Cache-Control": f"public, max-age={_AGE_S}",
            "Content-Type": _TYPES[name],
            # The shop's pages are of another origin than we are.
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if request.headers.get("if-none-match") == _TAGS[name]:
            return Response(status_code=304, headers=headers)
        return Response(_FILES[name], headers=headers)


for _name in _TYPES:
    _route(_name)
