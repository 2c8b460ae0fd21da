"""What ``nudge erase`` says: what would go, what went, what stays and until when."""

from types import SimpleNamespace
from typing import Any

from gateway.person.forgetting import Forgotten
from gateway.person.held import Held
from nudge.commands.erase import _done_words, _plan_words
from nudge.rights import Remains, in_words
from schemas.topics import SHOP_EVENTS

AT = 1_781_085_600_000
STAYS = [Remains("shop.events", 17, AT), Remains("push.jobs", 1, None)]


def held(**more: Any) -> Held:
    return Held("ann [1]", ("a-1",), {SHOP_EVENTS: [SimpleNamespace()]}, **more)


def test_a_dry_run_says_what_would_go_and_what_would_stay() -> None:
    rows = {"ann [1]": b"{}", "a-1": b"{}"}
    said = _plan_words(held(rows=rows, redis={"k": 1}), STAYS).replace("\\[", "[").splitlines()
    assert said == [
        "ann [1]: would go: 2 profiles, 1 key",
        "  with the browsers a-1",
        "Records that stay on append-only topics until Kafka deletes them:",
        "  shop.events: 17, until 2026-06-10",
        "  push.jobs: 1, for ever: retention.ms is -1",
    ]


def test_of_nobody_nothing_would_go() -> None:
    assert _plan_words(Held("bob"), []) == "bob: would go: nothing"


def test_what_was_done_is_told_with_its_time() -> None:
    done = Forgotten("ann", ("a-1",), AT, already=False, subscriptions=1, redis_keys=4)
    said = _done_words(done, [])
    assert said.startswith("ann: forgotten at 2026-06-10T")
    assert said.endswith("gone with it: 1 subscription, 4 keys\n  and the browsers a-1")
    again = Forgotten("ann", (), AT, already=True, subscriptions=0, redis_keys=0)
    assert "was forgotten already, at 2026-06-10T" in _done_words(again, [])


def test_an_id_from_elsewhere_cannot_colour_the_terminal() -> None:
    assert "\x1b" not in _plan_words(Held("a\x1b[31mb"), [])
    assert "\\[bold]" in _plan_words(Held("[bold]"), [])


def test_what_there_is_none_of_is_not_named() -> None:
    assert in_words([(0, "key"), (1, "profile"), (1_234, "record")]) == "1 profile, 1,234 records"
