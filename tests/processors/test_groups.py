"""Holdout and arms: stable, of the right size, and independent of each other."""

import pytest

from processors.config import ScenarioConfig
from processors.groups import arm_of, in_holdout
from processors.scenario_file import ScenarioFileError, load
from tests.timelines.stories import SHIPPED

USERS = [f"user-{number}" for number in range(20_000)]
HALVES = ScenarioConfig.model_validate(
    {"arms": [{"name": "plain", "percent": 50}, {"name": "gain", "percent": 30}]}
)


def test_five_per_cent_are_five_per_cent_and_nought_is_nobody() -> None:
    share = sum(in_holdout(user, 5) for user in USERS) / len(USERS)
    assert 0.045 < share < 0.055
    assert not any(in_holdout(user, 0) for user in USERS)
    assert all(in_holdout(user, 100) for user in USERS)


def test_who_is_held_out_of_a_little_is_held_out_of_more() -> None:
    assert {u for u in USERS if in_holdout(u, 2)} < {u for u in USERS if in_holdout(u, 5)}


def test_arms_take_in_what_they_say_and_the_rest_hear_the_usual() -> None:
    arms = [arm_of("cart", HALVES, user) for user in USERS]
    share = {name: sum(arm is not None and arm.name == name for arm in arms) / len(USERS)
             for name in ("plain", "gain")}  # fmt: skip
    assert 0.48 < share["plain"] < 0.52
    assert 0.28 < share["gain"] < 0.32
    assert arms.count(None) / len(USERS) > 0.18


def test_two_scenarios_share_their_users_out_each_by_itself() -> None:
    both = [(arm_of("cart", HALVES, u), arm_of("price", HALVES, u)) for u in USERS]
    alike = sum(mine is theirs for mine, theirs in both) / len(USERS)
    assert 0.34 < alike < 0.42


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ("[{name: a, percent: 60}, {name: b, percent: 60}]", "more than 100 per cent"),
        ("[{name: a, percent: 10}, {name: a, percent: 10}]", "the same name"),
        ("[{name: a, percent: 10, copy: cart_abandonned}]", "there is no copy 'cart_abandonned'"),
        ("[{name: a, percent: 0}]", "must be more than 0"),
    ],
)
def test_arms_that_cannot_be_are_refused(arms: str, message: str) -> None:
    text = SHIPPED.read_text().replace("  price_drop:\n", f"  price_drop:\n    arms: {arms}\n", 1)
    with pytest.raises(ScenarioFileError, match=message):
        load(text)
