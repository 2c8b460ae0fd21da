"""The SDK as the shop's pages load it."""

from pathlib import Path

from tests.gateway.stage import Stage

BUILT = Path(__file__).parents[2] / "gateway/sdk"


async def test_a_page_of_another_origin_may_load_the_sdk_and_loads_it_seldom(stage: Stage) -> None:
    for name in ("nudge.js", "nudge-sw.js", "nudge.d.ts"):
        answer = await stage.ask("GET", f"/{name}")
        assert answer.status == 200
        assert answer.body == (BUILT / name).read_bytes()
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        again = await stage.ask("GET", f"/{name}", {"If-None-Match": answer.headers["ETag"]})
        assert (again.status, again.body) == (304, b"")
