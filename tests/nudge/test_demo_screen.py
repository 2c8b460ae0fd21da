"""The demo's screen says what matters on the terminals that people have."""

from io import StringIO

import pytest
from rich.console import Console

from nudge.demo.stories import cast
from nudge.demo.view import screen
from nudge.demo.watch import Seen
from nudge.pushlab import Message
from nudge.when import clock, now_ms
from schemas.decisions import Decision, Outcome, Reason

WHERE = (
    "The shop: http://127.0.0.1:8000",
    "Ctrl-C stops",
    "Kafka 127.0.0.1:28386",
    "redis://127.0.0.1:25432/0",
    "logs .local/run/demo-27536-s05q9fsl",
)
DUE_AT = now_ms()
SIZES = [(80, 24), (100, 30), (130, 44), (160, 48)]


def decision(user: str, scenario: str, outcome: Outcome, reason: Reason) -> Decision:
    return Decision(
        decision_id="d", user_id=user, scenario=scenario, step=1, due_at=DUE_AT,
        decided_at=DUE_AT, outcome=outcome, reason=reason, final=True, scenario_version="v",
    )  # fmt: skip


def seen() -> Seen:
    """A demo that has run for a while."""
    seen = Seen(cast())
    for story in seen.stories:
        story.user = f"{story.name.lower()}-12"
        story.doing = "bought the kettle 6 s before the reminder was due"
    ben = decision("ben-12", "cart_abandoned", Outcome.DROPPED, Reason.PURCHASED)
    gus = decision("gus-12", "checkout_abandoned", Outcome.DROPPED, Reason.NOT_SUBSCRIBED)
    for number in range(1234):
        seen.decided(ben)
        if number < 56:
            seen.decided(gus)
    seen.browsers["https://push.example/1"] = "ann-12"
    payload = {"title": "Oak table lamp is waiting for you", "body": "Your cart holds 1 item."}
    seen.pushed(Message(1, "https://push.example/1", DUE_AT, 60, "normal", None, "", payload))
    seen.events_a_second, seen.profiles, seen.delivered = 41.0, 1301, 1117
    seen.notice = "17:02:33 `nudge worker` was killed (signal 9, SIGKILL): started again"
    return seen


def shown(width: int, height: int) -> str:
    console = Console(record=True, width=width, height=height, file=StringIO())
    console.print(screen(seen(), WHERE, width, height), height=height)
    text = console.export_text()
    assert len(text.splitlines()) == height
    return text


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_shopper_what_came_of_it_a_decision_and_a_push_are_there(
    width: int, height: int
) -> None:
    text = shown(width, height)
    for story in cast():
        assert f"{story.name.lower()}-12" in text
    assert "→ cart_abandoned: silent, purchased" in text
    assert clock(DUE_AT, now=now_ms()) in text
    lines = [line for line in text.splitlines() if "dropped" in line]
    assert any("ben-12" in line and "purchased" in line for line in lines)
    assert "Oak table lamp is waiting for you" in text


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_of_what_is_reached_where_is_cut(width: int, height: int) -> None:
    text = shown(width, height)
    for piece in (*WHERE, "1,117 pushes delivered", "started again"):
        assert piece in text


@pytest.mark.parametrize(("width", "height"), [(100, 44), (120, 40), (130, 44), (160, 48)])
def test_where_there_is_room_the_decisions_are_counted_in_full(width: int, height: int) -> None:
    lines = shown(width, height).splitlines()
    assert any("1,234" in line and "dropped, purchased" in line for line in lines)
    assert any("56" in line and "dropped, not_subscribed" in line for line in lines)


def test_a_path_longer_than_the_line_goes_on_in_the_next() -> None:
    path = "logs /" + "x" * 200 + "/end"
    console = Console(record=True, width=80, height=24, file=StringIO())
    console.print(screen(seen(), (path,), 80, 24), height=24)
    assert "/end" in console.export_text()
