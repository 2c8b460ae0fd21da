"""What a scenario may open, in its turn."""

import pytest

from processors.profile import new_profile
from processors.turn import Turn
from tests.processors.shop import HOUR, NOON, Shop, shipped_rules

SCENARIO = shipped_rules().scenarios["price_drop"]


@pytest.mark.parametrize(
    ("late", "due", "opens"),
    [(True, NOON, False), (True, NOON + 1, True), (False, NOON, True), (True, NOON - HOUR, False)],
)
def test_late_input_opens_nothing_that_would_be_due_already(
    late: bool, due: int, opens: bool
) -> None:
    shop = Shop()
    shop.tick(NOON)
    turn = Turn(shop.core.desk, "ann", new_profile(), NOON - HOUR, late=late)
    assert (turn.open(SCENARIO, "lamp", due=due) is not None) is opens


def test_history_opens_nothing() -> None:
    turn = Turn(Shop().core.desk, "ann", new_profile(), NOON, historical=True)
    assert turn.open(SCENARIO, "lamp", due=NOON + HOUR) is None
