"""Every outcome and reason says what it means, at run time and in the docs."""

from pathlib import Path

import pytest

from schemas.aftermath import CreditCause, HandoffReason, Touch
from schemas.base import Explained
from schemas.decisions import DeadLetterReason, Decision, Outcome, Reason
from schemas.export import decisions_page
from schemas.push import ResultOutcome

LISTS = (Outcome, Reason, ResultOutcome, Touch, CreditCause, HandoffReason, DeadLetterReason)
MEMBERS = [member for members in LISTS for member in members]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: f"{type(m).__name__}.{m}")
def test_a_member_is_its_value_and_has_a_sentence(member: Explained) -> None:
    assert member == member.value == str(member)
    assert type(member)(member.value) is member
    assert member.about[0].isupper() or member.about[0].isdigit()
    assert member.about.endswith(".")


def test_no_two_reasons_say_the_same() -> None:
    assert len({reason.about for reason in Reason}) == len(Reason)


def test_the_wire_carries_the_bare_value() -> None:
    decision = Decision.model_validate(
        {
            "decision_id": "d", "user_id": "anna", "scenario": "cart_abandoned", "step": 1,
            "due_at": 1, "decided_at": 1, "outcome": "dropped", "reason": "purchased",
            "final": True, "scenario_version": "v",
        }
    )  # fmt: skip
    assert decision.reason is Reason.PURCHASED
    assert '"reason":"purchased"' in decision.model_dump_json()


def test_the_page_of_decisions_and_reasons_is_the_one_the_code_draws() -> None:
    page = Path(__file__).parents[2] / "docs" / "decisions-and-reasons.md"
    assert page.read_text(encoding="utf-8") == decisions_page(), "run python -m schemas.export"
