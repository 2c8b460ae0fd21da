"""``nudge segments``: who is in, of recorded events; what is refused."""

from pathlib import Path
from typing import Any

from schemas.adapters import to_json
from tests.nudge.commands import nudge

AT = 1_781_085_600_000
SCENARIOS = """
shop: {name: Nordhus, url: https://shop.example, cart_url: https://shop.example/cart,
  checkout_url: https://shop.example/checkout, timezone: Europe/Warsaw, locale: en}
segments:
  readers: {where: {views_30d: {at_least: 2}}}
scenarios:
  welcome: {use: after_event, on: sign_up, segment: readers}
copy:
  welcome: {en: [{title: Welcome, body: Hello, url: "https://shop.example"}]}
"""


def files(tmp_path: Path, *more: dict[str, Any]) -> tuple[str, ...]:
    """Ann has viewed two products, Bob one; then come ``more`` events."""
    scenarios, events = tmp_path / "mine.yaml", tmp_path / "events.jsonl"
    scenarios.write_text(SCENARIOS)
    views = [("ann", "lamp"), ("bob", "lamp"), ("ann", "chair")]
    told = [
        {"type": "view_item", "event_id": f"e{n}", "user_id": user, "product_id": product,
         "occurred_at": AT + n} for n, (user, product) in enumerate(views)
    ]  # fmt: skip
    events.write_bytes(b"\n".join(map(to_json, (*told, *more))))
    return ("--scenarios", str(scenarios), "--events", str(events))


async def test_a_preview_says_who_is_in_and_why_the_others_are_not(tmp_path: Path) -> None:
    given = files(tmp_path)
    answer = (await nudge(None, "segments", "preview", "readers", *given, "--json")).good().json()
    assert (answer["users"], answer["in"], answer["subscribed"]) == (2, 1, 0)
    assert [one["user_id"] for one in answer["sample_in"]] == ["ann"]
    assert answer["sample_out"] == [{"user_id": "bob", "why": ["no   views_30d is at least 2 (1)"]}]
    said = (await nudge(None, "segments", "preview", "readers", *given, "--user", "bob")).good()
    assert "out bob" in said.out
    assert "views_30d is at least 2 (1)" in said.out


async def test_who_has_logged_in_is_one_person_and_counts_once(tmp_path: Path) -> None:
    view = {"type": "view_item", "event_id": "v", "anonymous_id": "v-1", "product_id": "lamp"}
    login = {"type": "login", "event_id": "l", "user_id": "ann", "anonymous_id": "v-1"}
    given = files(tmp_path, {**view, "occurred_at": AT + 8}, {**login, "occurred_at": AT + 9})
    answer = (await nudge(None, "segments", "preview", "readers", *given, "--json")).good().json()
    assert answer["users"] == 2
    asked = await nudge(None, "segments", "preview", "readers", *given, "--user", "v-1")
    assert "v-1 has logged in as ann" in asked.failed().err


async def test_who_or_what_is_not_there_is_said(tmp_path: Path) -> None:
    given = files(tmp_path)
    nobody = await nudge(None, "segments", "preview", "readers", *given, "--user", "eve")
    assert "Nothing is known of eve" in nobody.failed().err
    unknown = await nudge(None, "segments", "preview", "reader", *given)
    assert "Did you mean readers?" in unknown.failed().err
    listed = await nudge(None, "segments", "list", *given[:2], "--json")
    assert listed.good().json() == [
        {"segment": "readers", "publish": False, "scenarios": ["welcome"]}
    ]


async def test_a_scenario_is_previewed_with_its_words_and_its_reasons(tmp_path: Path) -> None:
    _, scenarios, _, events = files(tmp_path)
    sign_up = {"type": "sign_up", "occurred_at": AT + 60_000}
    with Path(events).open("ab") as more:  # noqa: ASYNC230 - a line
        for user in ("ann", "bob"):
            more.write(b"\n" + to_json(sign_up | {"event_id": f"s-{user}", "user_id": user}))
    words = ("scenarios", "preview", "welcome", events, "--scenarios", scenarios, "--json")
    answer = (await nudge(None, *words)).good().json()
    assert answer["counts"] == {"sent ok": 1, "dropped not_in_segment": 1}
    said = {one["user_id"]: one.get("says", {}).get("title") for one in answer["decisions"]}
    assert said == {"ann": "Welcome", "bob": None}
    unknown = await nudge(None, "scenarios", "preview", "welcom", *words[3:])
    assert "Did you mean welcome?" in unknown.failed().err


async def test_whom_the_night_holds_is_shown_too_and_what_only_waits_is_hinted_at(
    tmp_path: Path,
) -> None:
    _, scenarios, _, events = files(tmp_path)
    late = AT + 12 * 3_600_000
    sign_up = {"type": "sign_up", "event_id": "s-ann", "user_id": "ann", "occurred_at": late}
    with Path(events).open("ab") as more:  # noqa: ASYNC230 - a line
        more.write(b"\n" + to_json(sign_up))
    words = ("scenarios", "preview", "welcome", events, "--scenarios", scenarios)
    held = (await nudge(None, *words, "--json")).good().json()
    assert held["counts"] == {"held quiet_hours": 1}
    in_the_morning = (await nudge(None, *words, "--json", "--until", str(late + 43_200_000))).good()
    assert in_the_morning.json()["counts"] == {"sent ok": 1}
    nothing = (await nudge(None, *words, "--user", "bob")).good().err
    assert "Nothing was decided of welcome for bob" in nothing
    assert "--until" in nothing
