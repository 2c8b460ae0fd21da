"""``nudge campaign``: checked, counted, asked, started once, stopped; and in a replay."""

from pathlib import Path

from nudge.campaigns import is_over, standing
from nudge.replay.replayer import Replayer
from processors.campaign_file import read
from processors.campaigns import Campaign
from processors.localtime import HOUR_MS
from processors.rule_book import RuleBook
from processors.scenario_file import load
from schemas.adapters import parse_shop_event, to_json
from tests.nudge.commands import ROOT, nudge
from tests.nudge.test_segments import AT, SCENARIOS, files

SPRING = """
id: spring
segment: readers
at: 2026-06-10T14:00+02:00
copy:
  en: [{title: "Spring", body: "It is here.", url: "{{ shop.url }}"}]
"""


async def test_a_replay_starts_a_campaign_at_its_time_for_its_segment(tmp_path: Path) -> None:
    file = tmp_path / "spring.yaml"
    file.write_text(SPRING)
    _, scenarios, _, events = files(tmp_path)
    given = ("--scenarios", scenarios, "--campaign", str(file), "--until", str(AT + 86_400_000))
    (decision,) = (await nudge(None, "replay", events, *given)).good().json_lines()
    said = [decision[name] for name in ("user_id", "scenario", "entity", "outcome")]
    assert said == ["ann", "campaign/spring", "spring", "sent"]
    assert 0 <= decision["due_at"] - (AT + 2 * 3_600_000) < 10, "one message takes 10 ms"


def test_a_replay_counts_the_audience_and_keeps_the_pace() -> None:
    book = RuleBook()
    book.add(load(SCENARIOS), 0)
    replayer = Replayer(book, partitions=4)
    for number in range(90):
        view = {"type": "view_item", "event_id": f"e{number}", "user_id": f"u{number // 2}",
                "product_id": "lamp", "occurred_at": AT + number}  # fmt: skip
        replayer.shop_event(parse_shop_event(to_json(view)), AT + number)
    replayer.plan(SPRING.replace("2026-06-10T14:00+02:00", "now") + "pace: 3\n")
    outcome = replayer.finish(AT + 3_600_000)
    assert len({d.user_id for d in outcome.decisions}) == len(outcome.decisions) == 45
    last = AT + 89
    spread = [d.due_at - last for d in outcome.decisions]
    assert min(spread) >= 0
    assert 10 * 60_000 < max(spread) < 15 * 60_000


def test_what_is_over_is_not_stopped_and_what_may_still_speak_is_not_over() -> None:
    def over(text: str, done: int, hours: float) -> bool:
        campaign = Campaign(read(text, "spring.yaml"), AT, audience=60)
        return is_over(campaign, done, AT + int(hours * HOUR_MS))

    spring = SPRING.replace("2026-06-10T14:00+02:00", "now") + "pace: 1\n"
    assert not over(spring, 0, 0.5), "not all of it is due"
    assert not over(spring, 60, 0.5)
    assert over(spring, 60, 1), "all of it is due, and all were told"
    assert not over(spring, 59, 24), "somebody may be held till the morning"
    assert over(spring, 59, 50)
    sale = spring + "until: 2026-06-12T14:00+02:00\nkind: flash_sale\n"
    assert not over(sale, 60, 24), "it speaks again before its end"
    assert over(sale, 60, 50)


def test_a_campaign_of_which_the_night_holds_somebody_waits_and_is_not_over() -> None:
    text = SPRING.replace("2026-06-10T14:00+02:00", "now")
    campaign = Campaign(read(text, "spring.yaml"), AT, audience=60)
    rules = load((ROOT / "processors/scenarios/default.yaml").read_text())

    def stands(done: int, hours: int) -> str:
        return standing(campaign, done, rules, AT + hours * HOUR_MS)[0]

    assert (stands(60, 1), stands(59, 1), stands(59, 50)) == ("over", "waiting", "over")
    text += "until: 2026-06-12T14:00+02:00\nkind: flash_sale\n"
    campaign = Campaign(read(text, "spring.yaml"), AT, audience=60)
    assert (stands(60, 1), stands(60, 50)) == ("waiting", "over"), "it speaks again"


async def test_a_wrong_file_is_refused_with_line_and_cure(tmp_path: Path) -> None:
    file = tmp_path / "spring.yaml"
    file.write_text(SPRING.replace("readers", "reader"))
    _, scenarios, *_ = files(tmp_path)
    check = ("campaign", "check", str(file), "--scenarios", scenarios, "--file-only")
    said = (await nudge(None, *check)).failed().err
    assert "spring.yaml:3: segment: there is no segment 'reader'" in said
    assert "did you mean 'readers'?" in said
    assert "Nothing was started" not in said
    file.write_text(SPRING.replace("2026", "2016"))
    assert "its time is past" in (await nudge(None, *check)).failed().err
    file.write_text(SPRING.replace("2026-06-10T14:00+02:00", "now"))
    assert "is good" in (await nudge(None, *check)).good().out
